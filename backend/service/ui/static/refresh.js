// Fetches the parts of a page that change by themselves. Without JavaScript pages are reloaded whole while they change.
"use strict";

const EVERY_MS = 2000;

async function refresh(part) {
  const answer = await fetch(part.dataset.from, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-seen]");
  if (fresh === null) return;
  const shown = part.querySelector("[data-seen]");
  if (shown.dataset.seen !== fresh.dataset.seen) {
    location.replace(location.pathname); // more than this part has changed
  } else if (shown.innerHTML !== fresh.innerHTML) {
    shown.replaceWith(fresh);
  }
}

async function refreshAll() {
  for (const part of document.querySelectorAll("[data-from]")) {
    // A backend that restarts is asked again; nobody's selection or open menu is taken away.
    if (!document.hidden && !part.contains(document.activeElement)) await refresh(part).catch(() => undefined);
  }
  setTimeout(refreshAll, EVERY_MS);
}

setTimeout(refreshAll, EVERY_MS);
