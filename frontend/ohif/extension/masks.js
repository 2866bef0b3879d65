// Whether every pane has the mask that its layout promises: a mask that is left out looks like a brain without tumour.
//
// OHIF 3.13 draws a mask once, when it is added to a pane. Where an image had not come by then, the pane counts as one
// that shows the mask and shows none. So we look at what is drawn, have it drawn again, and where that does not help,
// the panel says so.

import { MASKED as COMPARED } from './compare.js';
import { PANES } from './hanging-protocol.js';
import { currentFacts, hasPart } from './study.js';

const LOOK_MS = 1000;
const LOOKS_BEFORE_TRY = 3;
const TRIES = 3;
// A mask that never came, counted from when every pane has its images.
const LOOKS_BEFORE_WORD = 30;
const LABELMAP = 'Labelmap';

// `onMissing` hears that other panes lack their mask now than before, `missing()` says which;
// `onDrawnAgain` hears that a pane got its mask anew, without what the reader chose for it.
export function watchMasks({ servicesManager, extensionManager }, onMissing, onDrawnAgain) {
  const { segmentationService, cornerstoneViewportService, viewportGridService, displaySetService } =
    servicesManager.services;
  const looked = new Map(); // viewportId -> {looks, tries}
  let looksWithImages = 0;
  let missing = [];

  function isMask(uid) {
    return displaySetService.getDisplaySetByUID(uid)?.Modality === 'SEG';
  }

  // The panes that are to have a mask: of a comparison each its own, else the one of the result in all that share it.
  function promised() {
    const { viewports } = viewportGridService.getState();
    const maskOf = id => viewports.get(id).displaySetInstanceUIDs?.find(isMask);
    const compared = COMPARED.filter(({ viewportId, part }) => viewports.has(viewportId) && hasPart(part)).map(
      ({ viewportId, name }) => ({ viewportId, name, mask: maskOf(viewportId) })
    );
    const sharing = PANES.filter(({ viewportId, sharesMask }) => sharesMask && viewports.has(viewportId));
    const shared = sharing.map(({ viewportId }) => maskOf(viewportId)).find(Boolean);
    return currentFacts().seg_series_uid && sharing.length
      ? sharing.map(({ viewportId, role }) => ({ viewportId, name: role, mask: shared }))
      : compared;
  }

  function actorsIn(viewportId) {
    return cornerstoneViewportService.getCornerstoneViewport(viewportId)?.getActors() ?? [];
  }

  function isDrawn({ viewportId, mask }) {
    return mask && actorsIn(viewportId).some(one => one.representationUID?.startsWith(`${mask}-${LABELMAP}`));
  }

  function drawAgain({ viewportId, mask }, isFirst) {
    const has = segmentationService.getSegmentationRepresentations(viewportId, { segmentationId: mask }).length > 0;
    if (has && isFirst) {
      const module = extensionManager.getModuleEntry('@ohif/extension-cornerstone.utilityModule.common');
      const { cornerstoneTools } = module.exports.getCornerstoneLibraries();
      cornerstoneTools.segmentation.triggerSegmentationEvents.triggerSegmentationRepresentationModified(
        viewportId,
        mask,
        LABELMAP
      );
      return;
    }
    if (has) {
      segmentationService.removeRepresentationsFromViewport(viewportId, { segmentationId: mask, type: LABELMAP });
    }
    segmentationService
      .addSegmentationRepresentation(viewportId, { segmentationId: mask, type: LABELMAP })
      .then(onDrawnAgain);
  }

  // One more look at a pane without its mask; whether trying has not helped.
  function isGivenUp(pane) {
    const { viewportId, mask } = pane;
    const seen = looked.get(viewportId) ?? { looks: 0, tries: 0 };
    looked.set(viewportId, seen);
    if (!mask || !segmentationService.getSegmentation(mask)) {
      return looksWithImages > LOOKS_BEFORE_WORD;
    }
    seen.looks += 1;
    if (seen.looks % LOOKS_BEFORE_TRY === 0 && seen.tries < TRIES) {
      seen.tries += 1;
      drawAgain(pane, seen.tries === 1);
    }
    return seen.looks > LOOKS_BEFORE_TRY * (TRIES + 1);
  }

  function look() {
    const panes = promised();
    const hasImages = panes.length > 0 && panes.every(({ viewportId }) => actorsIn(viewportId).length > 0);
    if (!hasImages) {
      return;
    }
    looksWithImages += 1;
    const without = panes.filter(pane => !isDrawn(pane));
    const names = without.filter(isGivenUp).map(({ name }) => name);
    if (names.join() !== missing.join()) {
      missing = names;
      onMissing();
    }
    if (!without.length) {
      stop();
    }
  }

  const looking = setInterval(look, LOOK_MS);
  function stop() {
    clearInterval(looking);
  }

  return { stop, missing: () => missing };
}
