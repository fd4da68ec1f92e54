// Dark room or bright room: chosen at the station and kept by its browser. The server reads the cookie, so no page flashes in the other colours.

document.addEventListener("click", (e) => {
  const button = e.target.closest("[data-theme]");
  if (!button) {
    const open = document.querySelector(".vb-more[open]");
    if (open && !open.contains(e.target)) open.open = false;
    return;
  }
  const theme = button.dataset.theme;
  document.documentElement.dataset.bsTheme = theme;
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=strict${location.protocol === "https:" ? "; secure" : ""}`;
  button.closest("details").open = false;
});

document.addEventListener("keydown", (e) => {
  const open = document.querySelector(".vb-more[open]");
  if (e.key !== "Escape" || !open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

// What opens over the page goes when the focus does, so that it never covers where the focus is: a menu always, a form while no dialog asks
// about it. What was typed stays in it. A click on plain words gives the focus to what encloses the form: that is not leaving it.
document.addEventListener("focusout", (e) => {
  const open = e.target.closest?.("details:is(.vb-more, .vb-pop)[open]");
  if (open && e.relatedTarget && !open.contains(e.relatedTarget) && !e.relatedTarget.contains(open) && !e.relatedTarget.closest("dialog")) open.open = false;
});
