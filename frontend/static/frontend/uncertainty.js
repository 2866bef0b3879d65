// The panel's button for the uncertainty map. The viewer around the frame draws it (ohif/extension/uncertainty.js).

const images = window.parent === window ? null : window.parent;
let shown = false;
let asked = false;
let imagesReady = false;
let refused = '';

function drawUncertainty() {
  const button = document.getElementById('uncertainty');
  if (button) {
    button.disabled = !imagesReady || asked;
    button.setAttribute('aria-pressed', String(shown));
    button.textContent = shown ? 'Hide uncertainty' : 'Show uncertainty';
    document.getElementById('uncertainty-state').textContent = refused || (asked ? 'loading' : '');
    document.getElementById('uncertainty-scale').hidden = !shown;
  }
}

document.addEventListener('click', event => {
  if (event.target.closest('#uncertainty')) {
    asked = true;
    images.postMessage({ source: 'glioma-panel', type: 'uncertainty', visible: !shown }, window.location.origin);
    drawUncertainty();
  }
});

window.addEventListener('message', event => {
  if (event.origin !== window.location.origin || event.source !== images || event.data?.source !== 'glioma-viewer') {
    return;
  }
  if (event.data.type === 'state') {
    imagesReady = event.data.ready;
  } else if (event.data.type === 'uncertainty') {
    asked = false;
    ({ visible: shown, refused } = event.data);
  }
  drawUncertainty();
});

document.addEventListener('htmx:afterSwap', drawUncertainty);
drawUncertainty();
