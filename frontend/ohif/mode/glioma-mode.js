// Our mode: OHIF's basic one with our hanging protocol, our panel at the right, and roles fetched before hanging.
// Who may correct masks also gets OHIF's own tools for segmentations.

import { PROTOCOL_ID } from '../extension/hanging-protocol.js';
import { fetchFacts } from '../extension/study.js';

const PANEL = 'glioma-review.panelModule.volumes';
const EDITOR = '@ohif/extension-cornerstone.panelModule.panelSegmentationWithToolsLabelMap';

async function openStudy({ studyInstanceUIDs }) {
  const [studyUid] = studyInstanceUIDs;
  await fetchFacts(studyUid);
  return [];
}

function layoutOf(basicRoute) {
  return async args => {
    const layout = await basicRoute.layoutTemplate(args);
    const studyUid = new URLSearchParams(window.location.search).get('StudyInstanceUIDs')?.split(',')[0] ?? '';
    const { may_correct } = await fetchFacts(studyUid);
    layout.props = {
      ...layout.props,
      leftPanelClosed: true,
      rightPanels: may_correct ? [PANEL, EDITOR] : [PANEL],
      rightPanelClosed: false,
      rightPanelResizable: true,
      rightPanelInitialExpandedWidth: 350,
    };
    return layout;
  };
}

async function modeFactory({ loadModules }) {
  const [basicMode] = await loadModules(['@ohif/mode-basic']);
  const basic = basicMode.modeInstance;
  const [route] = basic.routes;
  return {
    ...basic,
    id: 'glioma-mode',
    routeName: 'viewer',
    displayName: 'Glioma review',
    hide: false,
    hangingProtocol: PROTOCOL_ID,
    toolbarButtons: [...basic.toolbarButtons, { $reference: 'cornerstone.segmentationToolbarButtons' }],
    toolbarSections: [...basic.toolbarSections, { $reference: 'cornerstone.segmentationToolbarSections' }],
    toolGroupAdditions: { ...basic.toolGroupAdditions, default: [{ $reference: 'cornerstone.segmentationTools' }] },
    routes: [{ ...route, path: 'viewer', init: openStudy, layoutTemplate: layoutOf(route) }],
  };
}

export default { id: 'glioma-mode', modeFactory };
