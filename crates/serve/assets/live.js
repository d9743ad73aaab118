// Pages that are live: when the service has read something new, the page's main part is fetched again and put in place.
// What somebody has selected or is typing stays.
'use strict';
(() => {
  const main = document.querySelector('main[data-live]');
  if (!main || !window.EventSource) return;
  const PAUSE = 2000;
  let stream, timer, last = 0;
  const busy = () => main.contains(document.activeElement) && /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  // Not more often than one can read, and never while somebody types or a pointer is down.
  let down = false;
  addEventListener('pointerdown', () => { down = true; });
  addEventListener('pointerup', () => setTimeout(() => { down = false; }, 300));
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, Math.max(0, last + PAUSE - Date.now()));
  };
  async function refresh() {
    if (document.hidden) return;
    if (busy() || down) { timer = setTimeout(refresh, PAUSE); return; }
    last = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { 'X-Requested-With': 'live' } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      for (const part of ['main', '.bar']) {
        const now = document.querySelector(part), then = page.querySelector(part);
        if (now && then) now.replaceChildren(...then.childNodes);
      }
    } catch { /* the next event tries again */ }
  }
  const open = () => {
    if (stream) return;
    stream = new EventSource(main.dataset.live);
    stream.onmessage = soon;
  };
  const close = () => { stream?.close(); stream = null; };
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return close();
    open();
    soon();
  });
  open();
})();
