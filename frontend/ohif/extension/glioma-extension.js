// Our extension of OHIF: series roles for hanging, the layouts, the panel, and the overlay's controls.

import { connect } from './bridge.js';
import { AS_SCANNED_ID, COMPARE_ID, PART_ATTRIBUTE, aligned, asScanned } from './compare.js';
import { PROTOCOL_ID, ROLE_ATTRIBUTE, byRole } from './hanging-protocol.js';
import { createOverlay } from './overlay.js';
import { partOf, priorFromAddress, roleOf, roleOfSeries } from './study.js';
import { createUncertainty } from './uncertainty.js';

export const EXTENSION_ID = 'glioma-review';

function studyUidFromAddress() {
  return new URLSearchParams(window.location.search).get('StudyInstanceUIDs')?.split(',')[0] ?? '';
}

// With the worklist that the study was opened from, which the panel steps through.
function panelAddress() {
  const [studyUid, priorUid] = [studyUidFromAddress(), priorFromAddress()].map(encodeURIComponent);
  const asked = new URLSearchParams(window.location.search);
  const list = asked.get('list');
  return priorUid
    ? `/compare/${studyUid}/${priorUid}/panel/${asked.get('hangingProtocolId') === AS_SCANNED_ID ? '?as-scanned' : ''}`
    : `/panel/${studyUid}/${list ? `?${new URLSearchParams({ list })}` : ''}`;
}

// The panel's content is a page of Django: server-rendered, tested without a viewer.
function PanelFrame() {
  const { React } = window.gliomaReview;
  return React.createElement('iframe', {
    title: 'Volumes and controls',
    src: panelAddress(),
    'data-cy': 'glioma-panel',
    style: { border: 0, width: '100%', height: '100%', display: 'block', background: '#0b1016' },
  });
}

// The role stands in every pane: two series of one study may have the same description.
const ROLE_LABEL = {
  id: 'GliomaRole',
  inheritsFrom: 'ohif.overlayItem',
  label: '',
  title: 'Role of the series for the model',
  condition: ({ referenceInstance }) => roleOfSeries(referenceInstance?.SeriesInstanceUID) !== 'none',
  contentF: ({ referenceInstance }) => roleOfSeries(referenceInstance.SeriesInstanceUID),
};

let disconnect = null;

export default {
  id: EXTENSION_ID,

  preRegistration({ servicesManager }) {
    const { hangingProtocolService } = servicesManager.services;
    hangingProtocolService.addCustomAttribute(ROLE_ATTRIBUTE, 'Role of the series for the model', roleOf);
    hangingProtocolService.addCustomAttribute(PART_ATTRIBUTE, 'Part of a comparison of two visits', partOf);
  },

  onModeEnter({ servicesManager, extensionManager, commandsManager }) {
    disconnect?.();
    const managers = { servicesManager, extensionManager, commandsManager };
    const uncertainty = createUncertainty(managers, studyUidFromAddress);
    disconnect = connect(createOverlay(managers), uncertainty, managers);
  },

  onModeExit() {
    disconnect?.();
    disconnect = null;
  },

  getCustomizationModule() {
    return [{ name: 'global', value: { 'viewportOverlay.topLeft': { $unshift: [ROLE_LABEL] } } }];
  },

  getHangingProtocolModule() {
    return [
      { name: PROTOCOL_ID, protocol: byRole },
      { name: COMPARE_ID, protocol: aligned },
      { name: AS_SCANNED_ID, protocol: asScanned },
    ];
  },

  getPanelModule() {
    return [
      {
        name: 'volumes',
        iconName: 'tab-linear',
        iconLabel: 'Volumes',
        label: 'Volumes',
        component: PanelFrame,
      },
    ];
  },
};
