// The seam between the panel (a page of Django in a frame) and the viewer: messages, same origin only.
//
// Panel to viewer, all with source 'glioma-panel':
//   {type: 'hello'}                                      ask for {type: 'state'}
//   {type: 'visible', segments: [1, 3], visible: true}   show or hide segments
//   {type: 'style', opacity: 0.5, fill: true, outline: true}
//   {type: 'jump', segments: [1, 2, 3]}                  go to where these segments are largest
//   {type: 'reload'}                                     a new result is there: open the study again
// Viewer to panel, with source 'glioma-viewer':
//   {type: 'state', ready: true, segments: [{number, label}], viewports: 4}
//   {type: 'jumped', found: true}
//   {type: 'key', key: 'j'}                              a key of the panel, pressed while the images have the focus

const PANEL = 'glioma-panel';
const VIEWER = 'glioma-viewer';
// None of OHIF's own shortcuts.
const PANEL_KEYS = ['j', 'o', 'f'];

export function connect(overlay, { servicesManager }) {
  const { segmentationService } = servicesManager.services;
  let panel = null; // the window of the frame that spoke last
  let shownIn = '';
  let wished = { hidden: new Set(), style: null };

  function tell(message) {
    panel?.postMessage({ source: VIEWER, ...message }, window.location.origin);
  }

  function tellState() {
    tell({
      type: 'state',
      ready: overlay.viewportIds().length > 0,
      segments: overlay.segments(),
      viewports: overlay.viewportIds().length,
    });
  }

  const actions = {
    hello: () => tellState(),
    visible: ({ segments, visible }) => {
      segments.forEach(number => (visible ? wished.hidden.delete(number) : wished.hidden.add(number)));
      overlay.setVisible(segments, visible);
    },
    style: ({ opacity, fill, outline }) => {
      wished.style = { opacity, fill, outline };
      overlay.setStyle(wished.style);
    },
    jump: ({ segments }) => tell({ type: 'jumped', found: overlay.jump(segments) }),
    reload: () => window.location.reload(),
  };

  function onMessage(event) {
    const ours = event.origin === window.location.origin && event.data?.source === PANEL;
    if (ours && Object.hasOwn(actions, event.data.type)) {
      panel = event.source;
      actions[event.data.type](event.data);
    }
  }

  // A pane that gets the overlay later is brought to what the reader has chosen. Doing so is itself announced as
  // a change of the overlay, so only a change of panes counts.
  function onShown() {
    const panes = overlay.viewportIds().join();
    if (panes === shownIn) {
      return;
    }
    shownIn = panes;
    setTimeout(() => {
      if (wished.style) {
        overlay.setStyle(wished.style);
      }
      overlay.setVisible([...wished.hidden], false);
      tellState();
    });
  }

  function onKey(event) {
    const typing = event.target.closest?.('input, textarea, select, [contenteditable]');
    if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey && PANEL_KEYS.includes(event.key.toLowerCase())) {
      tell({ type: 'key', key: event.key.toLowerCase() });
    }
  }

  window.addEventListener('message', onMessage);
  window.addEventListener('keydown', onKey);
  const { EVENTS } = segmentationService;
  const subscriptions = [EVENTS.SEGMENTATION_ADDED, EVENTS.SEGMENTATION_REPRESENTATION_MODIFIED]
    .filter(Boolean)
    .map(name => segmentationService.subscribe(name, onShown));

  return function disconnect() {
    window.removeEventListener('message', onMessage);
    window.removeEventListener('keydown', onKey);
    subscriptions.forEach(({ unsubscribe }) => unsubscribe());
    panel = null;
    wished = { hidden: new Set(), style: null };
  };
}
