// The idle lock: after the time that the server names nobody can read or use the page, and the password brings it back as it was, with
// everything that was typed. The server locks by its own clock too; then a form's answer is the lock page (423) and the dialog comes up the same.

const frame = () => document.getElementById("frame");
const dialog = () => document.getElementById("lock-dialog");
let touched = Date.now();
let before = null;

function cover() {
  const d = dialog();
  if (!d || d.open) return;
  before = document.activeElement;
  document.getElementById("sign-dialog")?.close();
  d.showModal();
  document.getElementById("unlock-here-password").focus();
}

function lock() {
  cover();
  fetch("/session/lock", { method: "POST", body: new URLSearchParams({ next: frame().dataset.path }) }).catch(() => {
    // not reached: the server locks by its own clock, and this screen is covered already
  });
}

async function unlock(form) {
  const wrong = document.getElementById("unlock-here-wrong");
  const field = form.elements.password;
  const body = new URLSearchParams({ password: field.value, next: frame().dataset.path || "/" });
  field.value = "";
  wrong.textContent = "";
  try {
    const answer = await fetch("/session/unlock", { method: "POST", body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok && !page.getElementById("locked")) {
      if (page.getElementById("frame")?.dataset.person !== frame().dataset.person) return location.assign("/login");
      touched = Date.now();
      dialog().close();
      before?.focus?.();
      return;
    }
    wrong.textContent = page.querySelector("[role=alert]")?.textContent.trim() || `${answer.status}`;
  } catch {
    wrong.textContent = document.querySelector("#lost strong").textContent;
  }
  field.focus();
}

for (const kind of ["keydown", "pointerdown", "input"]) {
  document.addEventListener(kind, () => { touched = Date.now(); }, { capture: true, passive: true });
}
setInterval(() => {
  const idle = Number(frame()?.dataset.idle);
  if (idle > 0 && dialog() && Date.now() - touched > idle) lock();
}, 1000);

document.addEventListener("cancel", (e) => {
  if (e.target.id === "lock-dialog") e.preventDefault(); // Escape does not unlock
}, true);
document.addEventListener("submit", (e) => {
  if (e.target.id === "unlock-here") {
    e.preventDefault();
    delete e.target.dataset.sending;
    e.target.querySelectorAll("[aria-disabled]").forEach((b) => b.removeAttribute("aria-disabled"));
    unlock(e.target);
  } else if (e.target.id === "lock-station") {
    e.preventDefault();
    delete e.target.dataset.sending;
    e.target.querySelectorAll("[aria-disabled]").forEach((b) => b.removeAttribute("aria-disabled"));
    lock();
  }
});
document.addEventListener("click", (e) => {
  if (e.target.closest("#unlock-other")) document.getElementById("log-out").requestSubmit();
});
document.addEventListener("htmx:beforeSwap", (e) => {
  if (e.detail.xhr.status !== 423 || !dialog()) return;
  e.detail.shouldSwap = false;
  cover();
});
