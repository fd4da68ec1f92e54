// The clock in the header shows the server's time in the plant's zone, whatever the tablet's own clock says.

let ahead = 0;

function set() {
  const clock = document.getElementById("clock");
  if (clock) ahead = Number(clock.dataset.now) - Date.now();
}

function tick() {
  const clock = document.getElementById("clock");
  if (!clock) return;
  const now = new Date(Date.now() + ahead + Number(clock.dataset.offset) * 60000);
  clock.textContent = now.toISOString().slice(0, 19).replace("T", " ");
}

document.addEventListener("htmx:afterSwap", (e) => {
  if (e.detail.target !== document.body) return;
  set();
  tick();
});
set();
tick();
setInterval(tick, 1000);
