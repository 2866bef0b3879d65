// The segmentation over the images: which segments are seen, how, and where the tumour is largest.

import { PANES } from './hanging-protocol.js';

const LABELMAP = 'Labelmap';

export function createOverlay({ servicesManager, extensionManager }) {
  const { segmentationService, cornerstoneViewportService, displaySetService } = servicesManager.services;
  const extents = new Map(); // segmentationId -> Map(segment index -> slices with area and centre)

  function cornerstone() {
    const module = extensionManager.getModuleEntry('@ohif/extension-cornerstone.utilityModule.common');
    return module.exports.getCornerstoneLibraries().cornerstone;
  }

  // The SEG that is shown, or null while there is none.
  function segmentation() {
    const [first] = segmentationService.getSegmentations();
    return first ?? null;
  }

  function viewportIds() {
    const shown = segmentation();
    return shown ? segmentationService.getViewportIdsWithSegmentation(shown.segmentationId) : [];
  }

  function segments() {
    const shown = segmentation();
    return shown
      ? Object.values(shown.segments)
          .filter(Boolean)
          .map(({ segmentIndex, label }) => ({ number: segmentIndex, label }))
      : [];
  }

  function setVisible(numbers, visible) {
    const shown = segmentation();
    for (const viewportId of viewportIds()) {
      for (const number of numbers) {
        segmentationService.setSegmentVisibility(viewportId, shown.segmentationId, number, visible, LABELMAP);
      }
    }
  }

  function setStyle({ opacity, fill, outline }) {
    segmentationService.setStyle(
      { type: LABELMAP },
      {
        renderFill: fill,
        renderFillInactive: fill,
        renderOutline: outline,
        renderOutlineInactive: outline,
        fillAlpha: opacity,
        fillAlphaInactive: opacity,
        outlineOpacity: 1,
        outlineWidth: 2,
      }
    );
    renderAll();
  }

  function renderAll() {
    for (const { viewportId } of PANES) {
      cornerstoneViewportService.getCornerstoneViewport(viewportId)?.render();
    }
  }

  // Area and centre (patient coordinates, mm) of each segment in each slice, from the label images themselves.
  function extentsOf(shown) {
    if (extents.has(shown.segmentationId)) {
      return extents.get(shown.segmentationId);
    }
    const { cache, metaData } = cornerstone();
    const bySegment = new Map();
    for (const imageId of shown.representationData[LABELMAP].imageIds) {
      const image = cache.getImage(imageId);
      const plane = metaData.get('imagePlaneModule', image?.referencedImageId ?? imageId);
      if (image && plane) {
        addSlice(bySegment, image, plane);
      }
    }
    extents.set(shown.segmentationId, bySegment);
    return bySegment;
  }

  function addSlice(bySegment, image, plane) {
    const pixels = image.voxelManager?.getScalarData?.() ?? image.getPixelData();
    const sums = new Map();
    for (let at = 0; at < pixels.length; at += 1) {
      const number = pixels[at];
      if (number) {
        const sum = sums.get(number) ?? { count: 0, column: 0, row: 0 };
        sum.count += 1;
        sum.column += at % image.columns;
        sum.row += Math.floor(at / image.columns);
        sums.set(number, sum);
      }
    }
    for (const [number, sum] of sums) {
      const slices = bySegment.get(number) ?? [];
      slices.push({ count: sum.count, centre: toPatient(plane, sum.column / sum.count, sum.row / sum.count) });
      bySegment.set(number, slices);
    }
  }

  function toPatient(plane, column, row) {
    const { imagePositionPatient: origin, rowCosines, columnCosines, columnPixelSpacing, rowPixelSpacing } = plane;
    return [0, 1, 2].map(
      axis =>
        origin[axis] +
        rowCosines[axis] * column * columnPixelSpacing +
        columnCosines[axis] * row * rowPixelSpacing
    );
  }

  // The middle of the chosen segments on the axial level where they are largest; null where they are empty.
  function largestLevel(numbers) {
    const shown = segmentation();
    if (!shown) {
      return null;
    }
    const bySegment = extentsOf(shown);
    const levels = new Map();
    for (const slice of numbers.flatMap(number => bySegment.get(number) ?? [])) {
      // Slices may be in any plane: levels are counted along the body axis, 2 mm each.
      const key = Math.round(slice.centre[2] / 2);
      const level = levels.get(key) ?? { count: 0, sum: [0, 0, 0] };
      level.count += slice.count;
      level.sum = level.sum.map((value, axis) => value + slice.centre[axis] * slice.count);
      levels.set(key, level);
    }
    const largest = [...levels.values()].sort((a, b) => b.count - a.count)[0];
    return largest ? largest.sum.map(value => value / largest.count) : null;
  }

  // Scroll every pane to the segments; false where there is nothing to go to.
  function jump(numbers) {
    const world = largestLevel(numbers);
    if (!world) {
      return false;
    }
    for (const { viewportId } of PANES) {
      cornerstoneViewportService.getCornerstoneViewport(viewportId)?.jumpToWorld?.(world);
    }
    return true;
  }

  function isShownEverywhere() {
    const shown = viewportIds();
    const filled = PANES.filter(({ viewportId }) => cornerstoneViewportService.getCornerstoneViewport(viewportId));
    return shown.length > 0 && filled.every(({ viewportId }) => shown.includes(viewportId));
  }

  function displaySetCount() {
    return displaySetService.getActiveDisplaySets().length;
  }

  return { segmentation, segments, setVisible, setStyle, jump, isShownEverywhere, displaySetCount, viewportIds };
}
