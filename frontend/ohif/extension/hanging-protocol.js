// How the series hang, by the role that the product gave each: T1CE, FLAIR, T1 and T2 in four panes; T1CE and FLAIR
// large; T1CE with and without the overlay. The current SEG lies over all panes but that last one.

export const PROTOCOL_ID = 'glioma.by-role';
export const ROLE_ATTRIBUTE = 'gliomaRole';

const ROLES = { t1ce: 'T1CE', flair: 'FLAIR', t1: 'T1', t2: 'T2', seg: 'SEG' };

function selectorOf(role) {
  return {
    seriesMatchingRules: [
      { attribute: ROLE_ATTRIBUTE, constraint: { equals: { value: role } }, weight: 10, required: true },
    ],
  };
}

// The series of a study share a frame of reference: scrolling, panning and zooming one moves all.
const MOVE_TOGETHER = { type: 'cameraPosition', id: 'gliomaAxial', source: true, target: true };
// Adding the segmentation to the first pane adds it to every pane of the same frame of reference.
const SHARE_OVERLAY = {
  type: 'hydrateseg',
  id: 'sameFORId',
  source: true,
  target: true,
  options: { matchingRules: ['sameFOR'] },
};

function pane(viewportId, selector, { hasSeg = false, isBare = false } = {}) {
  return {
    viewportOptions: {
      viewportId,
      viewportType: 'volume',
      orientation: 'axial',
      toolGroupId: 'default',
      initialImageOptions: { preset: 'middle' },
      allowUnmatchedView: true,
      syncGroups: isBare ? [MOVE_TOGETHER] : [MOVE_TOGETHER, SHARE_OVERLAY],
    },
    displaySets: hasSeg ? [{ id: selector }, { id: 'seg' }] : [{ id: selector }],
  };
}

function stage(id, name, rows, columns, viewports) {
  const layoutOptions = viewports.map((_, place) => ({
    x: (place % columns) / columns,
    y: Math.floor(place / columns) / rows,
    width: 1 / columns,
    height: 1 / rows,
  }));
  return { id, name, viewportStructure: { layoutType: 'grid', properties: { rows, columns, layoutOptions } }, viewports };
}

export const STAGES = [
  stage('four', 'T1CE, FLAIR, T1, T2', 2, 2, [
    pane('glioma-t1ce', 't1ce', { hasSeg: true }),
    pane('glioma-flair', 'flair'),
    pane('glioma-t1', 't1'),
    pane('glioma-t2', 't2'),
  ]),
  stage('two', 'T1CE and FLAIR', 1, 2, [
    pane('glioma-two-t1ce', 't1ce', { hasSeg: true }),
    pane('glioma-two-flair', 'flair'),
  ]),
  stage('with-without', 'T1CE with and without the overlay', 1, 2, [
    pane('glioma-with', 't1ce', { hasSeg: true }),
    pane('glioma-without', 't1ce', { isBare: true }),
  ]),
];

// Every pane of every layout, with the role of the series in it, and whether the mask of the result lies over it.
export const PANES = STAGES.flatMap(({ viewports }) =>
  viewports.map(({ viewportOptions, displaySets }) => ({
    viewportId: viewportOptions.viewportId,
    role: ROLES[displaySets[0].id],
    sharesMask: viewportOptions.syncGroups.includes(SHARE_OVERLAY),
  }))
);

export const byRole = {
  id: PROTOCOL_ID,
  name: 'By role',
  locked: true,
  isPreset: true,
  toolGroupIds: ['default'],
  numberOfPriorsReferenced: 0,
  protocolMatchingRules: [],
  displaySetSelectors: Object.fromEntries(Object.entries(ROLES).map(([id, role]) => [id, selectorOf(role)])),
  // Viewports that a reader adds with the layout tool.
  defaultViewport: {
    viewportOptions: { viewportType: 'volume', orientation: 'axial', toolGroupId: 'default', allowUnmatchedView: true },
    displaySets: [{ id: 't1ce', matchedDisplaySetsIndex: -1 }],
  },
  stages: STAGES,
};
