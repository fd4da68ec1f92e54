// The link of an invitation carries its secret behind the #, which no browser sends to a server. It goes into the form of the page and out of
// the address; without this somebody pastes it there.
function begin() {
  const form = document.getElementById("enrol-link");
  const secret = location.hash.slice(1);
  if (!form || !/^[0-9a-f-]{36}\.[A-Z2-7]{26}$/.test(secret)) return;
  history.replaceState(null, "", location.pathname);
  form.elements.link.value = secret;
  form.requestSubmit();
}

document.addEventListener("DOMContentLoaded", begin);
window.addEventListener("hashchange", begin);
