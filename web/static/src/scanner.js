// Scanners that type like a keyboard: a burst of keys less than 35 ms apart that ends in Enter or Tab is a scan, wherever the focus is. It fills
// the field that waits for it (data-scan="send" sends the form, "fill" only fills) and leaves every other field as it was before the burst.
// Password fields are left alone. The symbology prefix (AIM: ]d2, ]C1 …) is not part of the content.

const gap = 35;
const shortest = 3;
let burst = null;

function begin(e, now) {
  const field = e.target instanceof HTMLElement && "value" in e.target ? e.target : null;
  burst = { text: "", last: now, field, before: field?.value };
}

function place() {
  const top = [...document.querySelectorAll("dialog[open]")].pop() ?? document;
  return [...top.querySelectorAll("[data-scan]")].find((f) => f.checkVisibility() && !f.closest("[inert]"));
}

function take(text) {
  text = text.replace(/^\][A-Za-z][0-9]/, "");
  const field = place();
  const note = document.getElementById("scanned");
  if (!field) {
    document.getElementById("scanned-text").textContent = text;
    note.hidden = false;
    return;
  }
  note.hidden = true;
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
  if (field.dataset.scan === "send") field.form.requestSubmit();
}

document.addEventListener("keydown", (e) => {
  if (e.target instanceof HTMLInputElement && e.target.type === "password") {
    burst = null;
    return;
  }
  const now = e.timeStamp;
  const ends = e.key === "Enter" || e.key === "Tab";
  if (ends) {
    const scan = burst && now - burst.last < gap && burst.text.length >= shortest ? burst : null;
    burst = null;
    if (!scan) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    if (scan.field) scan.field.value = scan.before;
    take(scan.text);
    return;
  }
  const separator = e.ctrlKey && (e.key === "]" || e.code === "BracketRight"); // GS1 group separator
  if (e.key.length !== 1 && !separator) return; // Shift and the like belong to the burst
  if (!separator && (e.ctrlKey || e.altKey || e.metaKey)) return;
  if (!burst || now - burst.last >= gap) begin(e, now);
  burst.text += separator ? "\u001d" : e.key;
  burst.last = now;
}, true);
