// What people enter on a patient's page: treatment events, and how the course is read. The forms stand outside of
// the live part, so that no refresh closes them; they send to the API, and the live part is asked for anew at once.

(() => {
  const byId = id => document.getElementById(id);
  const csrf = () => document.querySelector('meta[name=csrf-token]').content;
  const dialogs = { event: byId('event-dialog'), remove: byId('remove-dialog'), reading: byId('reading-dialog') };
  let changed = ''; // number of the event that is corrected or removed; empty for a new one

  // Sends a form; returns why it was refused, empty where it was taken.
  async function send(address, method, values) {
    const answer = await fetch(address, {
      method,
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'X-CSRFToken': csrf() },
      body: values && JSON.stringify(values),
    });
    if (answer.ok) {
      globalThis.htmx.trigger('#live', 'refresh');
      return '';
    }
    const told = await answer.json().catch(() => ({}));
    return told.detail || Object.values(told).flat().join(' ') || `The server answered ${answer.status}.`;
  }

  const sendOrSay = (...asked) => send(...asked).catch(() => 'The server does not answer. Nothing was saved.');

  function say(name, text) {
    const place = byId(`${name}-error`);
    place.textContent = text;
    place.hidden = !text;
  }

  function valuesOf(form) {
    const enabled = [...form.elements].filter(one => one.name && !one.disabled);
    return Object.fromEntries(enabled.map(one => [one.name, one.value]));
  }

  // Only the fields that this kind of event has are shown and sent.
  function fitFields() {
    const kind = byId('event-kind').value;
    for (const part of byId('event-form').querySelectorAll('[data-kinds]')) {
      const fits = part.dataset.kinds.split(' ').includes(kind);
      part.hidden = !fits;
      for (const field of part.matches('select') ? [part] : part.querySelectorAll('input')) {
        field.disabled = !fits;
      }
    }
  }

  function openEvent(number, values) {
    changed = number;
    const form = byId('event-form');
    form.reset();
    for (const [name, value] of Object.entries(values)) {
      if (form.elements[name] && value !== '') {
        form.elements[name].value = value;
      }
    }
    byId('event-title').textContent = number ? 'Correct the event' : 'Enter an event';
    byId('event-more').hidden = Boolean(number);
    fitFields();
    say('event', '');
    dialogs.event.showModal();
    byId('event-kind').focus();
  }

  function openRemoval(button) {
    changed = button.dataset.eventRemove;
    byId('remove-words').textContent = button.dataset.words;
    say('remove', '');
    dialogs.remove.showModal();
  }

  // The visits that count are those that the table marks so; any of them may be the baseline.
  function openReading({ setting, profile, baseline }) {
    const visits = JSON.parse(byId('curve-data').textContent).visits.filter(visit => visit.is_counted);
    byId('reading-baseline').replaceChildren(
      new Option('by the rules', ''),
      ...visits.map(visit => new Option(visit.date, visit.study_uid)),
    );
    byId('reading-setting').value = setting;
    byId('reading-profile').value = profile;
    byId('reading-baseline').value = baseline;
    say('reading', '');
    dialogs.reading.showModal();
  }

  document.addEventListener('click', event => {
    const button = event.target.closest('button');
    if (button?.matches('[data-event-new]')) {
      openEvent('', {});
    } else if (button?.matches('[data-event-change]')) {
      openEvent(button.dataset.eventChange, button.dataset);
    } else if (button?.matches('[data-event-remove]')) {
      openRemoval(button);
    } else if (button?.matches('[data-reading]')) {
      openReading(button.dataset);
    } else if (button?.matches('[data-close]')) {
      button.closest('dialog').close();
    }
  });

  byId('event-kind').addEventListener('change', fitFields);

  byId('event-form').addEventListener('submit', async event => {
    event.preventDefault();
    const { target: form, submitter } = event;
    const [address, method] = changed ? [oneOf(form), 'PUT'] : [form.dataset.address, 'POST'];
    const refused = await sendOrSay(address, method, valuesOf(form));
    say('event', refused);
    if (!refused && submitter?.value === 'more') {
      byId('event-note').value = '';
      byId('event-on').focus();
    } else if (!refused) {
      dialogs.event.close();
    }
    announce(refused, 'Saved. The suggested response is read anew.');
  });

  byId('remove-form').addEventListener('submit', async event => {
    event.preventDefault();
    const refused = await sendOrSay(oneOf(event.target), 'DELETE');
    say('remove', refused);
    if (!refused) {
      dialogs.remove.close();
    }
    announce(refused, 'Removed. The suggested response is read anew.');
  });

  byId('reading-form').addEventListener('submit', async event => {
    event.preventDefault();
    const values = valuesOf(event.target);
    const refused = await sendOrSay(event.target.dataset.address, 'PUT', { ...values, baseline: values.baseline || null });
    say('reading', refused);
    if (!refused) {
      dialogs.reading.close();
    }
    announce(refused, 'Saved. The suggested response is read anew.');
  });

  const oneOf = form => form.dataset.one.replace(/0\/$/, `${changed}/`);

  function announce(refused, words) {
    byId('course-said').textContent = refused ? '' : words;
  }
})();
