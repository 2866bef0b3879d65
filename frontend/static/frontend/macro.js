// Copies a report text as plain and rich text, and has the exact text kept; a text that has become stale is said so.

function sayCopied(text, isWarning = false) {
  const place = document.getElementById('macro-outcome');
  if (place) {
    place.textContent = text;
    place.className = isWarning ? 'notice error' : 'muted';
  }
}

// For browsers and addresses (plain http) without the clipboard's own interface: the same two forms by an event.
function copyByEvent(plain, rich) {
  const fill = event => {
    event.preventDefault();
    event.clipboardData.setData('text/plain', plain);
    event.clipboardData.setData('text/html', rich);
  };
  document.addEventListener('copy', fill, { once: true });
  const done = document.execCommand('copy');
  document.removeEventListener('copy', fill);
  return done;
}

async function toClipboard(plain, rich) {
  if (copyByEvent(plain, rich)) {
    return true;
  }
  try {
    await navigator.clipboard.write([
      new ClipboardItem({
        'text/plain': new Blob([plain], { type: 'text/plain' }),
        'text/html': new Blob([rich], { type: 'text/html' }),
      }),
    ]);
    return true;
  } catch {
    return false;
  }
}

async function keepCopy(button, text) {
  const answer = await fetch(button.dataset.address, {
    method: 'POST',
    credentials: 'same-origin',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json',
      'X-CSRFToken': document.querySelector('meta[name=csrf-token]').content,
    },
    body: JSON.stringify({ result: button.dataset.result, template_version: button.dataset.copy, text }),
  });
  return answer.ok ? '' : ((await answer.json().catch(() => ({}))).detail ?? `The server answered ${answer.status}.`);
}

document.addEventListener('click', async event => {
  const button = event.target.closest('[data-copy]');
  if (!button) {
    return;
  }
  const plain = document.getElementById(`macro-text-${button.dataset.copy}`).textContent;
  const rich = document.getElementById(`macro-rich-${button.dataset.copy}`).innerHTML;
  if (!(await toClipboard(plain, rich))) {
    sayCopied('The browser does not let this page write to the clipboard: select the text and copy it by hand.', true);
    return;
  }
  const refused = await keepCopy(button, plain).catch(() => 'The server does not answer: the copy was not noted.');
  sayCopied(refused || 'Copied. Should the result change, this page will say so.', Boolean(refused));
  window.htmx.trigger('#live', 'refresh');
});
