// The idle lock: after the time that the server names nobody can read or use the page, and the password brings it back as it was, with
// everything that was typed. The server locks by its own clock too; then a form's answer is the lock page (423) and the dialog comes up the same.

const frame = () => document.getElementById("frame");
const dialog = () => document.getElementById("lock-dialog");
const mark = "veribatch-locking"; // while the server has not confirmed: a page that is opened meanwhile is covered too
let touched = Date.now();
let before = null;
let locking = null; // the lock that the server has not confirmed yet, { tries, timer, ended }

function cover() {
  const d = dialog();
  if (!d || d.open) return;
  before = document.activeElement;
  document.getElementById("sign-dialog")?.close();
  d.showModal();
  document.getElementById("unlock-here-password").focus();
}

// The screen is covered at once, and the server is asked to lock the session until it says that it did.
function lock() {
  cover();
  if (locking) return;
  locking = { tries: 0, timer: 0, ended: false };
  sessionStorage.setItem(mark, frame().dataset.person);
  ask(locking);
}

async function ask(now) {
  try {
    const answer = await fetch("/session/lock", { method: "POST", keepalive: true, body: new URLSearchParams({ next: frame().dataset.path || "/" }) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (now.ended) return;
    if (page.getElementById("locked")) return settle();
    if (answer.ok && page.getElementById("login")) { // the session is over
      settle();
      return location.assign("/login");
    }
  } catch {
    // not reached: asked again below
  }
  if (now.ended) return;
  now.tries += 1;
  now.timer = setTimeout(() => ask(now), Math.min(15000, 500 * 2 ** (now.tries - 1)));
}

// settle ends the asking: the server has locked, or it has seen the password.
function settle() {
  if (locking) {
    clearTimeout(locking.timer);
    locking.ended = true;
  }
  locking = null;
  sessionStorage.removeItem(mark);
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
      settle();
      if (page.getElementById("frame")?.dataset.person !== frame().dataset.person) return location.assign("/login");
      touched = Date.now();
      dialog().close();
      before?.focus?.();
      return;
    }
    if (page.getElementById("locked")) settle(); // a wrong password locks the session
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
  if (idle > 0 && dialog() && !dialog().open && Date.now() - touched > idle) lock();
}, 1000);

// A reload does not uncover what the server has not locked yet; another person's page is not meant.
if (sessionStorage.getItem(mark)) {
  if (dialog() && sessionStorage.getItem(mark) === frame()?.dataset.person) lock();
  else sessionStorage.removeItem(mark);
}

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
