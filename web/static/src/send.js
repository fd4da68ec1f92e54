// Sending forms: a button can't be pressed twice while its form is on the way, and a form whose answer got lost is sent again with
// the same request key until the server answers. The server returns the stored result when the first sending had arrived.

const lost = { form: null, submitter: null, tries: 0, timer: 0 };
const unreached = [0, 502, 503, 504]; // no answer, or a gateway's word that there was none

function buttons(form) {
  return [...form.elements, ...document.querySelectorAll(`button[form="${CSS.escape(form.id)}"]`)].filter((e) => e.type === "submit");
}

export function release(form) {
  delete form.dataset.sending;
  form.inert = false;
  for (const b of buttons(form)) b.removeAttribute("aria-disabled");
}

document.addEventListener("submit", (e) => {
  const form = e.target;
  if (form.method !== "post") return;
  if (form.dataset.sending) {
    e.preventDefault();
    e.stopImmediatePropagation();
    return;
  }
  form.dataset.sending = "yes";
  for (const b of buttons(form)) b.setAttribute("aria-disabled", "true");
}, true);

// back from another page by the browser's cache: nothing is on the way any more
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sending]").forEach(release));

function again() {
  clearTimeout(lost.timer);
  const form = lost.form;
  if (!form || !form.isConnected) return found();
  delete form.dataset.sending;
  form.requestSubmit(lost.submitter?.isConnected ? lost.submitter : undefined);
}

// What was sent stays as it is until the answer comes: another content under the same key would be refused.
function lose(form, submitter) {
  form.inert = true;
  lost.form = form;
  lost.submitter = submitter ?? null;
  lost.tries += 1;
  const banner = document.getElementById("lost");
  const dialog = form.closest("dialog[open]");
  (dialog ?? document.body).append(banner); // above a dialog nothing else is visible
  banner.hidden = false;
  clearTimeout(lost.timer);
  lost.timer = setTimeout(again, Math.min(15000, 1000 * 2 ** (lost.tries - 1)));
}

function found() {
  clearTimeout(lost.timer);
  lost.form = null;
  lost.tries = 0;
  const banner = document.getElementById("lost");
  if (banner) banner.hidden = true;
}

document.addEventListener("click", (e) => {
  if (e.target.closest("#lost-again")) again();
});
window.addEventListener("online", () => lost.form && again());

document.addEventListener("htmx:beforeSwap", (e) => {
  const { xhr } = e.detail;
  if (e.detail.requestConfig.elt.tagName !== "FORM") return;
  if (unreached.includes(xhr.status)) {
    e.detail.shouldSwap = false;
    return;
  }
  found();
});

document.addEventListener("htmx:afterRequest", (e) => {
  const form = e.detail.requestConfig.elt;
  if (form.tagName !== "FORM" || !form.isConnected) return;
  if (unreached.includes(e.detail.xhr.status)) lose(form, e.detail.requestConfig?.triggeringEvent?.submitter);
  else release(form);
});

// The answer stands at its own address, so that a reload shows it again; a refused form keeps the address of its page.
document.addEventListener("htmx:afterSwap", (e) => {
  const { xhr, target } = e.detail;
  if (target !== document.body) return;
  const url = xhr.responseURL && new URL(xhr.responseURL);
  const moved = url && url.pathname !== new URL(e.detail.pathInfo.requestPath, location.href).pathname;
  if (moved && xhr.status < 400 && url.href !== location.href) history.pushState(null, "", url);
  const wrong = document.querySelector("[aria-invalid=true]:not([type=hidden])");
  if (wrong && wrong.checkVisibility()) wrong.focus();
  else {
    scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }
});
