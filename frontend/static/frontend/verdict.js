// Verdicts on a result: the buttons send to the API, and the live part is asked for anew at once.

const csrf = () => document.querySelector('meta[name=csrf-token]').content;

async function send(address, { method = 'POST', body = '{}' } = {}) {
  const answer = await fetch(address, {
    method,
    credentials: 'same-origin',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'X-CSRFToken': csrf() },
    body: method === 'DELETE' ? undefined : body,
  });
  if (answer.ok) {
    window.htmx.trigger('#live', 'refresh');
    return '';
  }
  const told = await answer.json().catch(() => ({}));
  return told.detail ?? Object.values(told).flat().join(' ') ?? `The server answered ${answer.status}.`;
}

function say(id, text) {
  const place = document.getElementById(id);
  place.textContent = text;
  place.hidden = !text;
}

document.addEventListener('click', async event => {
  const button = event.target.closest('[data-send]');
  if (button) {
    button.disabled = true;
    const { send: address, method, body } = button.dataset;
    const refused = await send(address, { method, body }).catch(() => 'The server does not answer.');
    button.disabled = false;
    say('verdict-error', refused);
  }
});

// The dialog stands outside of the live part, so that no refresh closes it under the reader's hand.
const dialog = document.getElementById('flag-dialog');
let asked = null;

document.addEventListener('click', event => {
  const opener = event.target.closest('[data-flag]');
  if (opener && dialog) {
    asked = { result: opener.dataset.result, compartment: opener.dataset.flag };
    document.getElementById('flag-title').textContent = `Flag ${opener.dataset.name} as poor`;
    document.getElementById('flag-text').value = '';
    say('flag-error', '');
    dialog.showModal();
    dialog.querySelector('[data-reason]').focus();
  }
});

dialog?.addEventListener('click', async event => {
  const chosen = event.target.closest('[data-reason]');
  if (chosen) {
    const flag = {
      compartment: asked.compartment,
      reason: chosen.dataset.reason,
      text: document.getElementById('flag-text').value,
    };
    const address = `/api/results/${asked.result}/flags/`;
    const refused = await send(address, { body: JSON.stringify(flag) }).catch(() => 'The server does not answer.');
    say('flag-error', refused);
    if (!refused) {
      dialog.close();
    } else if (flag.reason === 'other') {
      document.getElementById('flag-text').focus();
    }
  }
});
