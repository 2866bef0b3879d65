// The panel's controls: they speak to the viewer around the frame by messages, same origin only.
// The other end, and the list of messages, is in ohif/extension/bridge.js.

const viewer = window.parent === window ? null : window.parent;
const ALL = [1, 2, 3];
const chosen = { hidden: new Set(), opacity: 0.3, drawn: 'both', alone: '', layout: 0 };
// The mask over the images, as a reader edits it with the viewer's own tools.
const mask = { changed: false, saving: false, saved: false, words: '' };
let ready = false;
let shownResult = document.getElementById('result')?.dataset.result ?? '';

function tell(message) {
  viewer?.postMessage({ source: 'glioma-panel', ...message }, window.location.origin);
}

function segmentsOf(text) {
  return text.split(',').map(Number);
}

function tellStyle() {
  tell({
    type: 'style',
    opacity: chosen.drawn === 'outline' ? 0 : chosen.opacity,
    fill: chosen.drawn !== 'outline',
    outline: chosen.drawn !== 'fill',
  });
}

function setVisible(segments, visible) {
  segments.forEach(number => (visible ? chosen.hidden.delete(number) : chosen.hidden.add(number)));
  tell({ type: 'visible', segments, visible });
  draw();
}

// Shows a region alone and goes to it; the same one again brings all back.
function isolate(text) {
  chosen.alone = chosen.alone === text ? '' : text;
  const shown = chosen.alone ? segmentsOf(chosen.alone) : ALL;
  setVisible(ALL.filter(number => !shown.includes(number)), false);
  setVisible(shown, true);
  if (chosen.alone) {
    jump(shown);
  }
}

function isolateNext() {
  const regions = [...document.querySelectorAll('[data-isolate]')].map(button => button.dataset.isolate);
  const next = regions[regions.indexOf(chosen.alone) + 1];
  isolate(next ?? chosen.alone);
}

function hang(layout) {
  tell({ type: 'layout', stage: layout });
}

function askPicture(copy) {
  sayPicture('Taking the picture');
  tell({ type: 'picture', copy });
}

function sayPicture(words) {
  const place = document.getElementById('picture-outcome');
  if (place) {
    place.textContent = words;
  }
}

async function takePicture({ blob, copied }) {
  const written = navigator.clipboard?.write([new ClipboardItem({ 'image/png': blob })]).then(() => true, () => false);
  const done = copied || (await written);
  sayPicture(done ? 'The picture is in the clipboard, without names.' : 'The browser does not give this page the clipboard (it needs https).');
}

function jump(segments) {
  tell({ type: 'jump', segments });
}

// Brings the controls to what is chosen; the live part may have been rendered anew.
function draw() {
  document.querySelectorAll('[data-eye]').forEach(button => {
    const visible = segmentsOf(button.dataset.eye).some(number => !chosen.hidden.has(number));
    button.setAttribute('aria-pressed', String(visible));
  });
  document.querySelectorAll('[data-isolate]').forEach(button => {
    button.setAttribute('aria-pressed', String(button.dataset.isolate === chosen.alone));
  });
  document.querySelectorAll('input[name=layout]').forEach(input => {
    input.checked = Number(input.value) === chosen.layout;
  });
  document.querySelectorAll('[data-eye], [data-jump], [data-isolate], .overlay-controls input, #picture').forEach(control => {
    control.disabled = !ready;
  });
  drawCorrection();
  const opacity = document.getElementById('opacity');
  if (opacity) {
    opacity.value = String(Math.round(chosen.opacity * 100));
    document.getElementById('opacity-value').textContent = `${opacity.value} %`;
    document.querySelectorAll('input[name=drawn]').forEach(input => {
      input.checked = input.value === chosen.drawn;
    });
    const state = document.getElementById('overlay-state');
    state.textContent = viewer ? (ready ? '' : 'loading') : 'open the images to see it';
  }
}

// The frame was opened again beside images that are there already: their look is what the reader chose before.
function takeOver({ hidden, style }) {
  hidden.forEach(number => chosen.hidden.add(number));
  if (style) {
    chosen.opacity = style.opacity || chosen.opacity;
    chosen.drawn = style.fill && style.outline ? 'both' : style.fill ? 'fill' : 'outline';
  }
}

function drawCorrection() {
  const part = document.querySelector('.correct');
  if (part) {
    part.hidden = !viewer;
    document.getElementById('edit-mask').disabled = !ready;
    document.getElementById('save-mask').hidden = !mask.changed;
    document.getElementById('save-mask').disabled = mask.saving;
    document.getElementById('mask-outcome').textContent = mask.words || (mask.changed ? 'Changed, not saved.' : '');
  }
}

function saveMask(button) {
  Object.assign(mask, { saving: true, words: 'Saving' });
  drawCorrection();
  const csrf = document.querySelector('meta[name=csrf-token]').content;
  tell({ type: 'save', address: button.dataset.address, csrf });
}

document.addEventListener('click', event => {
  const eye = event.target.closest('[data-eye]');
  const target = event.target.closest('[data-jump]');
  if (eye) {
    chosen.alone = '';
    setVisible(segmentsOf(eye.dataset.eye), eye.getAttribute('aria-pressed') !== 'true');
  } else if (target) {
    jump(segmentsOf(target.dataset.jump));
  } else if (event.target.closest('[data-isolate]')) {
    isolate(event.target.closest('[data-isolate]').dataset.isolate);
  } else if (event.target.closest('#picture')) {
    askPicture(false);
  } else if (event.target.closest('#show-keys')) {
    document.getElementById('keys').showModal();
  } else if (event.target.closest('#edit-mask')) {
    tell({ type: 'edit' });
  } else if (event.target.closest('#save-mask')) {
    saveMask(event.target.closest('#save-mask'));
  } else if (event.target.closest('[data-show-result]')) {
    tell({ type: 'reload' });
  }
});

document.addEventListener('input', event => {
  if (event.target.id === 'opacity') {
    chosen.opacity = Number(event.target.value) / 100;
    if (chosen.drawn === 'outline') {
      chosen.drawn = 'both';
    }
    tellStyle();
    draw();
  } else if (event.target.name === 'layout') {
    hang(Number(event.target.value));
  } else if (event.target.name === 'drawn') {
    chosen.drawn = event.target.value;
    tellStyle();
    draw();
  }
});

const KEYS = {
  j: () => jump(ALL),
  q: isolateNext,
  g: () => hang((chosen.layout + 1) % document.querySelectorAll('input[name=layout]').length),
  o: () => {
    chosen.alone = '';
    setVisible(ALL, chosen.hidden.size > 0);
  },
  f: () => {
    chosen.drawn = { both: 'outline', outline: 'fill', fill: 'both' }[chosen.drawn];
    tellStyle();
    draw();
  },
};

// `inImages`: the images have the focus, so this page may not write to the clipboard.
function press(key, inImages) {
  if (key === '?' && inImages) {
    document.getElementById('keys').showModal();
  } else if (key === 'p' || key === 'x') {
    document.querySelector(`.who-nav [data-key=${key}]`)?.click();
  } else if (ready && key === 's') {
    askPicture(inImages);
  } else if (ready && Object.hasOwn(KEYS, key)) {
    KEYS[key]();
  }
}

document.addEventListener('keydown', event => {
  const typing = event.target.closest('input[type=text], textarea, select, dialog');
  if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    press(event.key.toLowerCase(), false);
  }
});

const COLOUR_OF_SEGMENT = { 1: '--nc', 2: '--ed', 3: '--et' };

// The colours of the mask over the images, which the site chooses: swatches and bars must not say others.
function paintSwatches(segments) {
  segments
    .filter(({ number, colour }) => colour && number in COLOUR_OF_SEGMENT)
    .forEach(({ number, colour }) =>
      document.documentElement.style.setProperty(COLOUR_OF_SEGMENT[number], `rgb(${colour.join()})`)
    );
}

window.addEventListener('message', event => {
  if (event.origin !== window.location.origin || event.source !== viewer || event.data?.source !== 'glioma-viewer') {
    return;
  }
  if (event.data.type === 'state') {
    const first = event.data.ready && !ready;
    ready = event.data.ready;
    chosen.layout = event.data.layout;
    if (event.data.changed && !mask.changed) {
      mask.words = '';
    }
    mask.changed = event.data.changed;
    paintSwatches(event.data.segments);
    if (first && event.data.opened) {
      // A reader opens a study for its tumour: the images start there.
      tellStyle();
      jump(ALL);
    } else if (first) {
      takeOver(event.data);
    }
    draw();
  } else if (event.data.type === 'saved') {
    const { refused } = event.data;
    Object.assign(mask, { saving: false, saved: !refused, words: refused || 'Saved: it is being measured.' });
    draw();
    window.htmx.trigger('#live', 'refresh');
  } else if (event.data.type === 'key') {
    press(event.data.key, true);
  } else if (event.data.type === 'picture') {
    takePicture(event.data);
  } else if (event.data.type === 'jumped' && !event.data.found) {
    document.getElementById('overlay-state').textContent = 'this region is empty';
  }
});

document.addEventListener('htmx:afterSwap', () => {
  const result = document.getElementById('result')?.dataset.result ?? '';
  if (result && result !== shownResult && (!shownResult || mask.saved) && !mask.changed) {
    // The first result of a study that was open while it was processed, or that of the reader's own edit: show it
    // without being asked.
    tell({ type: 'reload' });
  } else if (result && result !== shownResult) {
    offerNewResult();
  }
  draw();
});

// A reader in the middle of something is asked before the images change under them.
function offerNewResult() {
  const note = document.createElement('p');
  note.className = 'notice warning';
  note.textContent = 'A newer result replaced the one over the images. ';
  const button = document.createElement('button');
  button.type = 'button';
  button.dataset.showResult = '';
  button.textContent = 'Show it';
  note.append(button);
  document.getElementById('result').prepend(note);
}

draw();
if (viewer) {
  tell({ type: 'hello' });
  // The viewer may come up after this frame.
  const asking = setInterval(() => (ready ? clearInterval(asking) : tell({ type: 'hello' })), 1000);
}
