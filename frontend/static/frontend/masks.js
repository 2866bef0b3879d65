// Says so where the viewer could not draw a mask: images without one look like a brain without tumour.
// The other end is in ohif/extension/masks.js.
(() => {
  const viewer = window.parent === window ? null : window.parent;
  const place = document.getElementById('masks');

  function tell(type) {
    viewer?.postMessage({ source: 'glioma-panel', type }, window.location.origin);
  }

  function show(missing) {
    place.replaceChildren();
    if (missing.length) {
      const note = document.createElement('p');
      note.className = 'notice error';
      note.textContent = `The outline is missing over ${missing.join(', ')}: do not read these images as free of tumour. `;
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = 'Load again';
      button.addEventListener('click', () => tell('reload'));
      note.append(button);
      place.append(note);
    }
  }

  window.addEventListener('message', event => {
    const ours = event.origin === window.location.origin && event.source === viewer;
    if (ours && event.data?.source === 'glioma-viewer' && event.data.type === 'masks') {
      show(event.data.missing);
    }
  });
  tell('hello');
})();
