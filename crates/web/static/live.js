// Keeps a page up to date. The server says that its picture changed; the page then fetches itself and takes over the parts marked data-live.
// Whatever did not change costs one short "not modified". Without this script the page is the same, only older.

const live = document.getElementById("live");
const source = document.body.dataset.events;
const regions = () => document.querySelectorAll("[data-live]");

// Seconds between two fetches: what people watch every second, what they read every five.
const pace = () => 1000 * Math.min(60, ...Array.from(regions(), (region) => Number(region.dataset.live) || 5));

let tag = `"${document.body.dataset.tag}"`;
let busy = false;
let timer = 0;
let last = 0;
let heard = new Date();

const clock = (date) => date.toISOString().slice(11, 19);
const say = (text, state) => {
  if (live.textContent !== text) live.textContent = text;
  live.dataset.state = state;
};
const alive = () => {
  heard = new Date();
  say("live", "on");
};
const gone = () => say(`no connection since ${clock(heard)}`, "off");

// Somebody who is marking text or filling in a field must not have it pulled away.
const inUse = (region) => {
  const at = document.activeElement;
  const chosen = getSelection();
  return (at && region.contains(at) && /^(SELECT|INPUT|TEXTAREA)$/.test(at.tagName))
    || (chosen && !chosen.isCollapsed && region.contains(chosen.anchorNode));
};

// What the reader has opened stays open, what has the focus keeps it.
const swap = (old, fresh) => {
  for (const detail of old.querySelectorAll("details[open][id]")) fresh.querySelector(`#${CSS.escape(detail.id)}`)?.setAttribute("open", "");
  const at = document.activeElement;
  const path = at && old.contains(at) && (at.id ? `#${CSS.escape(at.id)}` : at.getAttribute("href") && `a[href="${CSS.escape(at.getAttribute("href"))}"]`);
  old.replaceWith(fresh);
  if (path) fresh.querySelector(path)?.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("swapped", { detail: fresh }));
};

const refresh = async () => {
  busy = true;
  last = Date.now();
  try {
    const address = new URL(location.href);
    address.searchParams.set("fragment", "1");
    const answer = await fetch(address, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
    if (answer.status === 304) return alive();
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    const page = new DOMParser().parseFromString(text, "text/html");
    let held = false;
    for (const old of regions()) {
      const fresh = page.getElementById(old.id);
      if (!fresh || fresh.isEqualNode(old)) continue;
      if (inUse(old)) held = true;
      else swap(old, document.adoptNode(fresh));
    }
    tag = held ? "" : answer.headers.get("ETag") || "";
    alive();
  } catch {
    gone();
  } finally {
    busy = false;
  }
};

// Many changes in a row make one fetch; a page nobody looks at makes none.
const soon = () => {
  if (timer || busy || !regions().length) return;
  timer = setTimeout(() => {
    timer = 0;
    if (!document.hidden) refresh();
  }, Math.max(0, last + pace() - Date.now()));
};

const listen = () => {
  const events = new EventSource(source);
  events.onopen = () => { alive(); soon(); };
  events.addEventListener("picture", () => { heard = new Date(); soon(); });
  events.onerror = () => {
    gone();
    // refused, not merely interrupted: the browser does not try again by itself
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 15000);
  };
};
if (source) {
  listen();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
}

// Copy buttons. The clipboard of old browsers and of plain HTTP works only through the selection.
for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
  button.textContent = document.execCommand("copy") ? "Copied" : "Marked: press Ctrl+C";
});
document.addEventListener("swapped", (event) => {
  for (const button of event.detail.querySelectorAll("button[data-copy]")) button.hidden = false;
});
