// Four-up: T1CE, FLAIR, T1, T2 by the role that the product gave each series, the current SEG over all of them.

export const PROTOCOL_ID = 'glioma.four-up';
export const ROLE_ATTRIBUTE = 'gliomaRole';

export const PANES = [
  { viewportId: 'glioma-t1ce', role: 'T1CE', selector: 't1ce', x: 0, y: 0 },
  { viewportId: 'glioma-flair', role: 'FLAIR', selector: 'flair', x: 0.5, y: 0 },
  { viewportId: 'glioma-t1', role: 'T1', selector: 't1', x: 0, y: 0.5 },
  { viewportId: 'glioma-t2', role: 'T2', selector: 't2', x: 0.5, y: 0.5 },
];

function selectorOf(role) {
  return {
    seriesMatchingRules: [
      { attribute: ROLE_ATTRIBUTE, constraint: { equals: { value: role } }, weight: 10, required: true },
    ],
  };
}

const SYNC_GROUPS = [
  // The four series share a frame of reference: scrolling, panning and zooming one moves all.
  { type: 'cameraPosition', id: 'gliomaAxial', source: true, target: true },
  // Adding the segmentation to the first pane adds it to every pane of the same frame of reference.
  { type: 'hydrateseg', id: 'sameFORId', source: true, target: true, options: { matchingRules: ['sameFOR'] } },
];

function pane({ viewportId, selector }) {
  const displaySets = [{ id: selector }];
  if (selector === 't1ce') {
    displaySets.push({ id: 'seg' });
  }
  return {
    viewportOptions: {
      viewportId,
      viewportType: 'volume',
      orientation: 'axial',
      toolGroupId: 'default',
      initialImageOptions: { preset: 'middle' },
      allowUnmatchedView: true,
      syncGroups: SYNC_GROUPS,
    },
    displaySets,
  };
}

export const fourUp = {
  id: PROTOCOL_ID,
  name: 'Four-up by role',
  locked: true,
  isPreset: true,
  toolGroupIds: ['default'],
  numberOfPriorsReferenced: 0,
  protocolMatchingRules: [],
  displaySetSelectors: {
    ...Object.fromEntries(PANES.map(({ selector, role }) => [selector, selectorOf(role)])),
    seg: selectorOf('SEG'),
  },
  // Viewports that a reader adds with the layout tool.
  defaultViewport: {
    viewportOptions: { viewportType: 'volume', orientation: 'axial', toolGroupId: 'default', allowUnmatchedView: true },
    displaySets: [{ id: 't1ce', matchedDisplaySetsIndex: -1 }],
  },
  stages: [
    {
      id: 'four-up',
      name: 'T1CE, FLAIR, T1, T2',
      viewportStructure: {
        layoutType: 'grid',
        properties: {
          rows: 2,
          columns: 2,
          layoutOptions: PANES.map(({ x, y }) => ({ x, y, width: 0.5, height: 0.5 })),
        },
      },
      viewports: PANES.map(pane),
    },
  ],
};
