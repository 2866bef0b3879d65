// The seam between the panel (a page of Django in a frame) and the viewer: messages, same origin only.
//
// Panel to viewer, all with source 'glioma-panel':
//   {type: 'hello'}                                      ask for {type: 'state'}
//   {type: 'visible', segments: [1, 3], visible: true}   show or hide segments
//   {type: 'style', opacity: 0.5, fill: true, outline: true}
//   {type: 'jump', segments: [1, 2, 3]}                  go to where these segments are largest
//   {type: 'uncertainty', visible: true}                 show or hide the uncertainty map
//   {type: 'reload'}                                     a new result is there: open the study again
//   {type: 'edit'}                                       open OHIF's tools for segmentations
//   {type: 'save', address: '...', csrf: '...'}          send the edited mask there
// Viewer to panel, with source 'glioma-viewer':
//   {type: 'state', ready: true, segments: [{number, label, colour}], viewports: 4, changed: false, opened: false,
//    hidden: [], style: null}                            `opened`: the first word of these images; else what was wished
//   {type: 'saved', refused: ''}                         the mask was taken, or why not
//   {type: 'jumped', found: true}
//   {type: 'uncertainty', visible: true, refused: ''}    it is shown or hidden now, or why it cannot be shown
//   {type: 'key', key: 'j'}                              a key of the panel, pressed while the images have the focus

import { createCorrection } from './correct.js';

const PANEL = 'glioma-panel';
const VIEWER = 'glioma-viewer';
const EDITOR = '@ohif/extension-cornerstone.panelModule.panelSegmentationWithToolsLabelMap';
// None of OHIF's own shortcuts.
const PANEL_KEYS = ['j', 'o', 'f'];

export function connect(overlay, uncertainty, managers) {
  const { segmentationService, panelService } = managers.servicesManager.services;
  const correction = createCorrection(overlay, managers, () => tellState());
  let panel = null; // the window of the frame that spoke last
  let shownIn = '';
  let greeted = false; // a panel heard of the overlay; a frame that is opened again must not start anew
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
      changed: correction.isChanged(),
      opened: !greeted,
      hidden: [...wished.hidden],
      style: wished.style,
    });
    greeted = greeted || overlay.viewportIds().length > 0;
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
    uncertainty: async ({ visible }) => tell({ type: 'uncertainty', ...(await uncertainty.set(visible)) }),
    reload: () => window.location.reload(),
    edit: () => panelService.activatePanel(EDITOR, true),
    save: async request => tell({ type: 'saved', refused: await correction.save(request) }),
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
      correction.watch();
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
    correction.stop();
    panel = null;
    wished = { hidden: new Set(), style: null };
  };
}
