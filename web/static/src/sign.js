// The signature dialog: the answer to a signed form is the statement, shown in a dialog. A wrong password stays in the dialog; any other
// answer (signed, refused, changed since read) is a page.

const dialog = () => document.getElementById("sign-dialog");

// A statement that is longer than its room is read to the end before it can be signed: until then the button leads on through it. After a
// wrong password the same statement counts as read.
let read = "";

function reading() {
  const room = document.querySelector("#sign-dialog #statement-lines");
  if (!room) return;
  const digest = document.querySelector("#sign-dialog [name=statement]").value;
  if (room.scrollHeight - room.scrollTop - room.clientHeight <= 4) read = digest;
  const more = read !== digest;
  const sign = document.getElementById("sign-now");
  document.getElementById("read-on").hidden = !more;
  sign.hidden = sign.disabled = more; // disabled, so that Enter does not sign either
}

document.addEventListener("scroll", reading, true);
window.addEventListener("resize", reading);
document.addEventListener("click", (e) => {
  if (!e.target.closest("#read-on")) return;
  const room = document.getElementById("statement-lines");
  room.scrollBy(0, room.clientHeight - 40);
});

document.addEventListener("htmx:beforeSwap", (e) => {
  const form = e.detail.requestConfig.elt; // the event itself is raised on the target
  if (!e.detail.shouldSwap || form.tagName !== "FORM" || !form.hasAttribute("data-signed")) return;
  if (e.detail.serverResponse.includes('id="sign"')) return;
  dialog()?.close();
  e.detail.target = document.body;
  e.detail.selectOverride = "unset";
});

document.addEventListener("htmx:afterSwap", (e) => {
  if (e.detail.target.id !== "sign-slot") return;
  const d = dialog();
  if (!d.querySelector("#sign")) return;
  if (!d.open) d.showModal();
  reading();
  const wrong = d.querySelector("[aria-invalid=true]");
  const name = d.querySelector("input[name=user_name]");
  (wrong ?? (name.value || name.closest("details:not([open])") ? d.querySelector("input[name=password]") : name)).focus();
});

document.addEventListener("click", (e) => {
  const close = e.target.closest("[data-close]");
  const d = close && document.getElementById(close.dataset.close);
  if (!d?.open) return; // the statement as a page of its own: the link leads back
  e.preventDefault();
  d.close();
});

// what was typed into a closed dialog (a password) does not stay behind
document.addEventListener("close", (e) => {
  if (e.target.id === "sign-dialog") document.getElementById("sign-slot").replaceChildren();
}, true);
