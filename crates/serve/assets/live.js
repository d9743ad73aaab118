// Pages that are live: when the service has read something new, the page's main part is fetched again and put in place.
// What somebody has selected or is typing stays.
'use strict';
(() => {
  const main = document.querySelector('main[data-live]');
  if (!main || !window.EventSource) return;
  let stream, behind = false;
  const busy = () => main.contains(document.activeElement) && /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  async function refresh() {
    if (document.hidden || busy()) { behind = true; return; }
    behind = false;
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
    stream.onmessage = refresh;
  };
  const close = () => { stream?.close(); stream = null; };
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return close();
    open();
    if (behind) refresh();
  });
  open();
})();
