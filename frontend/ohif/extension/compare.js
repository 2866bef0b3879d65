// Two visits side by side, on the grid of the later one: the earlier one at the left, the later one at the right, each
// with its own mask; below what grew and shrank, and T1CE minus T1. All lie in one frame of reference and move together.

export const PART_ATTRIBUTE = 'gliomaPart';
export const COMPARE_ID = 'glioma.compare';
export const AS_SCANNED_ID = 'glioma.compare-as-scanned';

const panesWith = prior => [
  { viewportId: 'glioma-prior', image: prior, seg: `${prior}_SEG`, x: 0, y: 0 },
  { viewportId: 'glioma-now', image: 'T1CE', seg: 'SEG', x: 0.5, y: 0 },
  { viewportId: 'glioma-difference', image: 'T1CE', seg: 'DIFFERENCE', x: 0, y: 0.5 },
  { viewportId: 'glioma-subtraction', image: 'SUBTRACTION', seg: null, x: 0.5, y: 0.5 },
];

// Where the masks lie, and how the panel calls these panes.
export const MASKED = [
  { viewportId: 'glioma-prior', part: 'PRIOR_SEG', name: 'the upper left' },
  { viewportId: 'glioma-now', part: 'PRIOR_SEG', name: 'the upper right' },
  { viewportId: 'glioma-difference', part: 'DIFFERENCE', name: 'the lower left' },
];

function selectorOf(part) {
  return {
    seriesMatchingRules: [
      { attribute: PART_ATTRIBUTE, constraint: { equals: { value: part } }, weight: 10, required: true },
    ],
  };
}

function viewportOf({ viewportId, image, seg }) {
  return {
    viewportOptions: {
      viewportId,
      viewportType: 'volume',
      orientation: 'axial',
      toolGroupId: 'default',
      initialImageOptions: { preset: 'middle' },
      allowUnmatchedView: true,
      // No group that spreads masks: every pane has its own.
      syncGroups: [{ type: 'cameraPosition', id: 'gliomaCompare', source: true, target: true }],
    },
    displaySets: seg ? [{ id: image }, { id: seg }] : [{ id: image }],
  };
}

function protocolOf(id, name, panes) {
  const parts = [...new Set(panes.flatMap(({ image, seg }) => [image, seg]))].filter(Boolean);
  return {
    id,
    name,
    locked: true,
    toolGroupIds: ['default'],
    numberOfPriorsReferenced: 0,
    protocolMatchingRules: [],
    displaySetSelectors: Object.fromEntries(parts.map(part => [part, selectorOf(part)])),
    defaultViewport: {
      viewportOptions: { viewportType: 'volume', orientation: 'axial', toolGroupId: 'default', allowUnmatchedView: true },
      displaySets: [{ id: 'T1CE', matchedDisplaySetsIndex: -1 }],
    },
    stages: [
      {
        id: 'side-by-side',
        name,
        viewportStructure: {
          layoutType: 'grid',
          properties: {
            rows: 2,
            columns: 2,
            layoutOptions: panes.map(({ x, y }) => ({ x, y, width: 0.5, height: 0.5 })),
          },
        },
        viewports: panes.map(viewportOf),
      },
    ],
  };
}

export const aligned = protocolOf(COMPARE_ID, 'Two visits, aligned', panesWith('PRIOR'));
export const asScanned = protocolOf(AS_SCANNED_ID, 'Two visits, as scanned', panesWith('PLAIN_PRIOR'));
