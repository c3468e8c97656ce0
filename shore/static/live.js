// Keeps a page up to date: the server says that something changed, the page fetches itself and takes over the new <main>.
// Without this script the page is the same, only older.

const live = document.getElementById("live");
let timer = 0;
let busy = false;

const say = (text, state) => {
  live.textContent = text;
  live.dataset.state = state;
};

// Somebody who is filling in the form or marking text must not have it pulled away.
const inUse = () => {
  const main = document.getElementById("main");
  const at = document.activeElement;
  return (at && main.contains(at) && /^(SELECT|INPUT|TEXTAREA)$/.test(at.tagName)) || !getSelection().isCollapsed;
};

const refresh = async () => {
  if (busy || document.hidden || inUse()) return soon();
  busy = true;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
    if (fresh) document.getElementById("main").replaceWith(fresh);
    say("live", "on");
  } catch {
    say("no connection", "off");
  } finally {
    busy = false;
  }
};

// Many changes in a row make one request.
const soon = () => {
  if (!timer) timer = setTimeout(() => { timer = 0; refresh(); }, 1500);
};

const events = new EventSource("/v1/events");
let lost = false;
events.addEventListener("changed", soon);
events.onopen = () => {
  say("live", "on");
  if (lost) soon();
  lost = false;
};
events.onerror = () => {
  lost = true;
  say("no connection", "off");
};
// "3 min ago" grows old by itself.
setInterval(soon, 60000);
