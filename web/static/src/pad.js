// The numeric pad: large keys for gloves that type into the one number field. The physical keyboard goes on working; the screen keyboard of
// a tablet stays away because the pad is there.

function start() {
  const pad = document.getElementById("pad");
  const field = pad && document.getElementById(pad.dataset.for);
  if (!field) return;
  pad.hidden = false;
  field.inputMode = "none";
  field.focus({ preventScroll: true });
}

function press(button) {
  const field = document.getElementById(button.closest("#pad").dataset.for);
  const { type, padAct } = button.dataset;
  const from = field.selectionStart ?? field.value.length;
  const to = field.selectionEnd ?? from;
  if (padAct === "sign") {
    field.value = /^[-−]/.test(field.value) ? field.value.slice(1) : `-${field.value}`;
  } else if (padAct === "back") {
    field.setRangeText("", from === to ? Math.max(0, from - 1) : from, to, "end");
  } else {
    field.setRangeText(type, from, to, "end");
  }
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("click", (e) => {
  const button = e.target.closest("#pad button");
  if (button) press(button);
});
// the field keeps the focus and its caret while keys of the pad are touched
document.addEventListener("pointerdown", (e) => {
  if (e.target.closest("#pad button")) e.preventDefault();
});
document.addEventListener("htmx:afterSwap", start);
start();
