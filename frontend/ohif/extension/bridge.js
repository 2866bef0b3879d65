// The seam between the panel (a page of Django in a frame) and the viewer: messages, same origin only.
//
// Panel to viewer, all with source 'glioma-panel':
//   {type: 'hello'}                                      ask for {type: 'state'}
//   {type: 'visible', segments: [1, 3], visible: true}   show or hide segments
//   {type: 'style', opacity: 0.5, fill: true, outline: true}
//   {type: 'jump', segments: [1, 2, 3]}                  go to where these segments are largest
//   {type: 'uncertainty', visible: true}                 show or hide the uncertainty map
//   {type: 'reload'}                                     a new result is there: open the study again
//   {type: 'layout', stage: 1}                           open the series hung another way
//   {type: 'picture', copy: false}                       the panes as a PNG, or to the clipboard from here
//   {type: 'edit'}                                       open OHIF's tools for segmentations
//   {type: 'save', address: '...', csrf: '...'}          send the edited mask there
// Viewer to panel, with source 'glioma-viewer':
//   {type: 'state', ready: true, segments: [{number, label, colour}], viewports: 4, changed: false, opened: false,
//    hidden: [], style: null, layout: 0}                 `opened`: the first word of these images; else what was wished
//   {type: 'saved', refused: ''}                         the mask was taken, or why not
//   {type: 'masks', missing: ['FLAIR']}                  the panes that lack their mask
//   {type: 'picture', blob: Blob, copied: false}
//   {type: 'jumped', found: true}
//   {type: 'uncertainty', visible: true, refused: ''}    it is shown or hidden now, or why it cannot be shown
//   {type: 'key', key: 'j'}                              a key of the panel, pressed while the images have the focus

import { createCorrection } from './correct.js';
import { STAGES } from './hanging-protocol.js';
import { watchMasks } from './masks.js';
import { picture } from './picture.js';

const PANEL = 'glioma-panel';
const VIEWER = 'glioma-viewer';
const EDITOR = '@ohif/extension-cornerstone.panelModule.panelSegmentationWithToolsLabelMap';
// None of OHIF's own shortcuts.
const PANEL_KEYS = ['j', 'o', 'f', 'q', 'g', 's', 'p', 'x', '?'];

export function connect(overlay, uncertainty, managers) {
  const { segmentationService, panelService } = managers.servicesManager.services;
  const correction = createCorrection(overlay, managers, () => tellState());
  const masks = watchMasks(managers, tellMasks, applyWished);
  let panel = null; // the window of the frame that spoke last
  let shownIn = '';
  let greeted = false; // a panel heard of the overlay; a frame that is opened again must not start anew
  let wished = { hidden: new Set(), style: null };

  function tell(message) {
    panel?.postMessage({ source: VIEWER, ...message }, window.location.origin);
  }

  function tellMasks() {
    tell({ type: 'masks', missing: masks.missing() });
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
      layout: shownStage(),
    });
    greeted = greeted || overlay.viewportIds().length > 0;
    tellMasks();
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
    layout: ({ stage }) => openWith(STAGES[stage].id),
    picture: async ({ copy }) => {
      const blob = await picture();
      tell({ type: 'picture', blob, copied: copy && (await toClipboard(blob)) });
    },
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

  function applyWished() {
    if (wished.style) {
      overlay.setStyle(wished.style);
    }
    overlay.setVisible([...wished.hidden], false);
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
      applyWished();
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
    masks.stop();
    panel = null;
    wished = { hidden: new Set(), style: null };
  };
}

// A page without the focus may not write to the clipboard: whoever has it, panel or viewer, does.
async function toClipboard(blob) {
  try {
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]);
    return true;
  } catch {
    return false;
  }
}

// The stage of our hanging protocol is part of the address. Changing it in place leaves panes without the overlay
// (OHIF 3.13 counts it as shown there already), so the study is opened anew, from the browser's cache.
function shownStage() {
  const asked = new URLSearchParams(window.location.search).get('stageid');
  return Math.max(0, STAGES.findIndex(({ id }) => id === asked));
}

function openWith(stageId) {
  const asked = new URLSearchParams(window.location.search);
  asked.set('stageid', stageId);
  window.location.search = asked.toString();
}
