// The numeric pad: large keys for gloves that type into the field for a number or a time. It stands beside the one input of the operator's screen
// and moves to the field that is being filled. The physical keyboard goes on working; the tablet's own keyboard stays away. Times are typed as
// digits only: their separators come by themselves.

const typed = "[data-decimal], [data-moment]";
const shapes = { moment: "dddd-dd-dd dd:dd", day: "dddd-dd-dd" };
let target = null;

function aim(field) {
  const pad = document.getElementById("pad");
  if (!pad || !field) return;
  target = field;
  field.inputMode = "none";
  const own = document.getElementById("pad-place");
  if (own && field.form?.matches(".vb-one") && field.name === "value") own.append(pad);
  else if (field.closest(".vb-card")) field.closest(".vb-card").prepend(pad);
  else field.closest(".vb-amount").after(pad);
  pad.querySelector("[data-pad-act=separator]").disabled = "moment" in field.dataset;
  pad.querySelector("[data-pad-act=separator]").textContent = field.dataset.separator ?? ".";
  pad.hidden = false;
}

function start() {
  for (const now of document.querySelectorAll("[data-now-for]")) now.hidden = false;
  const place = document.getElementById("pad-place");
  const field = place && document.querySelector(`.vb-one :is(${typed})[name=value]`);
  if (!field) return;
  aim(field);
  if (!document.querySelector("[aria-invalid=true]")) field.focus({ preventScroll: true });
}

// shape puts the separators of a time between its digits: 202611220310 becomes 2026-11-22 03:10.
// An hour that the clocks showed twice is told apart by the distance from UTC: a sign after the full time, 2026-10-25 02:30 +01:00.
function shape(text, pattern) {
  const zoned = pattern === shapes.moment && text.match(/^(.{16}) ?([+-])(.*)$/);
  if (zoned) return `${zoned[1]} ${zoned[2]}${shape(zoned[3], "dd:dd")}`;
  const digits = text.replace(/\D/g, "");
  let out = "";
  for (let i = 0, d = 0; i < pattern.length && d < digits.length; i++) out += pattern[i] === "d" ? digits[d++] : pattern[i];
  return out;
}

function press(button) {
  const { type, padAct } = button.dataset;
  const from = target.selectionStart ?? target.value.length;
  const to = target.selectionEnd ?? from;
  if (padAct === "sign" && "moment" in target.dataset) {
    if (target.value.length === 16) target.value += " +";
    else if (target.value.length > 16) target.value = target.value.replace(/ [+-]/, (sign) => (sign === " +" ? " -" : " +"));
  } else if (padAct === "sign") {
    target.value = /^[-−]/.test(target.value) ? target.value.slice(1) : `-${target.value}`;
  } else if (padAct === "back") {
    if ("moment" in target.dataset) target.value = target.value.replace(/\D*\d?$/, "");
    else target.setRangeText("", from === to ? Math.max(0, from - 1) : from, to, "end");
  } else {
    target.setRangeText(type ?? button.textContent, from, to, "end");
  }
  target.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: padAct === "back" ? "deleteContentBackward" : "insertText" }));
}

document.addEventListener("click", (e) => {
  const button = e.target.closest("#pad button");
  if (button && target?.isConnected && !target.closest("[inert]")) press(button);
  // a field further down takes the pad along: its form with keys and button comes above the bar at the bottom (the click itself may have
  // landed beside the field, because the pad came in between)
  if (target?.isConnected && document.activeElement === target && !e.target.closest("button")) {
    (target.closest(".vb-card") ?? document.getElementById("pad")).scrollIntoView({ block: "nearest" });
  }
  const now = e.target.closest("[data-now-for]");
  if (now) {
    const field = document.getElementById(now.dataset.nowFor);
    field.value = document.getElementById("clock").textContent.slice(0, 16);
    field.focus();
  }
});
document.addEventListener("input", (e) => {
  const pattern = "moment" in (e.target.dataset ?? {}) ? shapes.moment : "day" in (e.target.dataset ?? {}) ? shapes.day : null;
  if (!pattern || e.inputType?.startsWith("delete") || e.target.selectionStart < e.target.value.length) return;
  e.target.value = shape(e.target.value, pattern);
});
document.addEventListener("focusin", (e) => {
  if (e.target.matches(typed)) aim(e.target);
});
// the field keeps the focus and its caret while keys of the pad are touched
document.addEventListener("pointerdown", (e) => {
  if (e.target.closest("#pad button")) e.preventDefault();
});
document.addEventListener("htmx:afterSwap", start);
start();
