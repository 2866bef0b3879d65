// Live parts, the worklist's keyboard, and rows that open: shared by all pages.

const live = () => document.getElementById('live');

document.addEventListener('htmx:configRequest', event => {
  event.detail.headers['X-CSRFToken'] = document.querySelector('meta[name=csrf-token]').content;
  const part = event.detail.elt;
  if (part.hasAttribute('data-poll')) {
    // The server sends a part again only when it differs from what is shown.
    event.detail.parameters.seen = part.dataset.seen;
  }
});

document.addEventListener('htmx:beforeRequest', event => {
  const polls = event.detail.elt.hasAttribute('data-poll');
  if (polls && document.hidden) {
    event.preventDefault();
  }
});

// What the reader has focused or opened is found again by its id after a swap.
let kept = null;
document.addEventListener('htmx:beforeSwap', event => {
  const { target, xhr } = event.detail;
  if (target?.id !== 'live') {
    return;
  }
  // A session that ended: the answer is the log-in page, which belongs into the whole window.
  if (xhr.responseURL && new URL(xhr.responseURL).pathname === '/login/') {
    event.detail.shouldSwap = false;
    window.top.location.reload();
    return;
  }
  const active = document.activeElement;
  // Words being typed are the reader's; the next question brings what is new.
  if (target.contains(active) && active.matches('input[type=text], textarea')) {
    event.detail.shouldSwap = false;
    return;
  }
  kept = {
    focus: target.contains(active) ? active.id : '',
    open: [...target.querySelectorAll('details[open][id]')].map(one => one.id),
    scroll: [window.scrollX, window.scrollY],
  };
});

document.addEventListener('htmx:afterSwap', event => {
  if (event.detail.target?.id !== 'live') {
    return;
  }
  live().dataset.seen = event.detail.xhr.getResponseHeader('X-Fragment') ?? '';
  kept?.open.forEach(id => document.getElementById(id)?.setAttribute('open', ''));
  if (kept?.focus) {
    document.getElementById(kept.focus)?.focus({ preventScroll: true });
  }
  if (kept) {
    window.scrollTo(...kept.scroll);
  }
  kept = null;
});

// The connection is lost or back: say so instead of showing old states as if they were new.
function markStale(stale) {
  document.body.classList.toggle('stale', stale);
}
document.addEventListener('htmx:sendError', () => markStale(true));
document.addEventListener('htmx:responseError', event => {
  markStale(true);
  if (event.detail.xhr.status === 401) {
    window.top.location.reload();
  }
});
document.addEventListener('htmx:afterOnLoad', () => markStale(false));

// A new search starts on the first page.
document.getElementById('q')?.addEventListener('input', () => {
  document.querySelector('#filters [name=page]').value = '1';
});
for (const id of ['order', 'verdict', 'trust', 'from', 'to']) {
  document.getElementById(id)?.addEventListener('change', () => {
    document.querySelector('#filters [name=page]').value = '1';
  });
}

function openRow(row, elsewhere) {
  if (elsewhere) {
    window.open(row.dataset.href, '_blank', 'noopener');
  } else {
    window.location.assign(row.dataset.href);
  }
}

document.addEventListener('click', event => {
  const row = event.target.closest('tr[data-href]');
  const selecting = String(window.getSelection()) !== '';
  if (row && !selecting && !event.target.closest('a, button')) {
    openRow(row, event.ctrlKey || event.metaKey);
  }
});

function moveFocus(step) {
  const rows = [...document.querySelectorAll('tr[data-href]')];
  if (!rows.length) {
    return;
  }
  const at = rows.indexOf(document.activeElement?.closest?.('tr[data-href]'));
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1);
  rows[next].focus();
  rows[next].scrollIntoView({ block: 'nearest' });
}

// The keys of links and buttons that say so, in the focused row or on the page, and the list of all keys.
function followKey(key, row) {
  const help = document.getElementById('keys');
  if (key === '?' && help && !help.open) {
    help.showModal();
    return true;
  }
  const named = `[data-key="${CSS.escape(key)}"]`;
  const target = row?.querySelector(named) ?? document.querySelector(`.pager ${named}`);
  target?.click();
  return Boolean(target);
}

// The view that is saved is the one that is shown, with what was typed since the page was made.
document.getElementById('save-view')?.addEventListener('submit', event => {
  const shown = new URLSearchParams(new FormData(document.getElementById('filters')));
  event.target.elements.address.value = shown.toString();
});

document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const search = document.getElementById('q');
  const typing = event.target.matches('input, textarea, select');
  const row = event.target.matches('tr[data-href]') ? event.target : null;
  if (!typing && followKey(event.key, row)) {
    event.preventDefault();
  } else if (event.key === 'Enter' && row) {
    openRow(row, false);
  } else if (event.key === '/' && search && !typing) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if ((event.key === 'j' || event.key === 'k') && search && !typing) {
    moveFocus(event.key === 'j' ? 1 : -1);
  } else if (event.key === 'Escape' && event.target === search) {
    search.blur();
  } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && search && (!typing || event.target === search)) {
    event.preventDefault();
    moveFocus(event.key === 'ArrowDown' ? 1 : -1);
  }
});
