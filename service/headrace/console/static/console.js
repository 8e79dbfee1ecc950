// Puts the parts of a page that have changed in their places, as the server has rendered and escaped them.
"use strict";
for (const place of document.querySelectorAll("[data-load]")) {
  place.setAttribute("aria-busy", "true");
  place.firstElementChild.textContent = "It is being read …";
  fetch(place.dataset.load, { credentials: "same-origin" })
    .then(async (answer) => {
      const html = await answer.text();
      if (answer.ok && !answer.redirected) place.innerHTML = html;
      else place.firstElementChild.textContent = new DOMParser().parseFromString(html, "text/html").querySelector("main p")?.textContent ?? "It cannot be read.";
    })
    .catch(() => { place.firstElementChild.textContent = "The page's server does not answer: load the page again."; })
    .finally(() => place.removeAttribute("aria-busy"));
}

(() => {
  const query = document.body.dataset.live;
  if (!query || !window.EventSource) return;
  const pulse = document.getElementById("pulse");
  const hold = document.getElementById("hold");
  const held = new Map();
  let holding = false;

  const show = (part, html) => {
    const place = document.getElementById(part);
    if (!place) return;
    // What somebody reads with the keyboard, or has marked, must not be taken from under him.
    const at = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const marked = getSelection();
    if (!marked.isCollapsed && place.contains(marked.anchorNode)) return void held.set(part, html);
    const scroll = place.querySelector(".scroll");
    const left = scroll ? scroll.scrollLeft : 0;
    const known = new Set([...place.querySelectorAll("tr[id]")].map((row) => row.id));
    place.innerHTML = html;
    if (known.size) for (const row of place.querySelectorAll("tr[id]")) if (!known.has(row.id)) row.classList.add("new");
    const again = place.querySelector(".scroll");
    if (again) again.scrollLeft = left;
    if (at) for (const link of place.querySelectorAll("a")) if (link.getAttribute("href") === at) { link.focus({ preventScroll: true }); break; }
  };

  const flush = () => {
    const waiting = [...held];
    held.clear();
    for (const [part, html] of waiting) show(part, html);
  };
  document.addEventListener("selectionchange", () => { if (!holding && getSelection().isCollapsed) flush(); });

  if (hold) {
    hold.hidden = false;
    hold.addEventListener("click", () => {
      holding = !holding;
      hold.setAttribute("aria-pressed", String(holding));
      hold.textContent = holding ? "Go on" : "Hold";
      if (!holding) flush();
    });
  }

  let source;
  const open = () => {
    source = new EventSource("/live?" + query);
    source.onopen = () => { pulse.className = "on"; pulse.textContent = "live"; };
    source.onerror = () => {
      pulse.className = "off";
      pulse.textContent = source.readyState === EventSource.CLOSED ? "not connected: load the page again" : "not connected: it is tried again";
    };
    source.onmessage = (message) => {
      const { part, html } = JSON.parse(message.data);
      if (holding && part === "events") held.set(part, html);
      else show(part, html);
    };
  };
  // What nobody looks at is not read, and takes none of the few connections that a browser opens to one server.
  document.addEventListener("visibilitychange", () => {
    source.close();
    if (!document.hidden) open();
  });
  open();
})();
