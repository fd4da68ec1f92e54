// The behaviour of the pages, beside what plain forms already do: every module works by delegation on the document, because a
// form's answer replaces the body. Without any of this the forms still post; only scanner, pad, dialogs and retry are missing.
import htmx from "htmx.org";
import "./send.js";
import "./sign.js";
import "./scanner.js";
import "./pad.js";
import "./lock.js";
import "./clock.js";
import "./theme.js";
import "./enrol.js";

window.htmx = htmx;

// A page was left by a form's answer: its address stands in the history without content, so going back asks the server. A link within the page
// (to its content, to a field) comes here too, and what was typed stays.
window.addEventListener("popstate", () => {
  if (document.getElementById("frame")?.dataset.path !== location.pathname + location.search) location.reload();
});

document.addEventListener("click", (e) => {
  const hide = e.target.closest("[data-hide]");
  if (hide) document.getElementById(hide.dataset.hide).hidden = true;
});
