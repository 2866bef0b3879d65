// The segmentation over the images: which segments are seen, how, and where the tumour is largest.

const LABELMAP = 'Labelmap';
const LEVEL_MM = 3;

export function createOverlay({ servicesManager, extensionManager }) {
  const { segmentationService, cornerstoneViewportService, viewportGridService } = servicesManager.services;
  const extents = new Map(); // segmentationId -> Map(segment number -> Map(axial level -> voxels))

  function cornerstone() {
    const module = extensionManager.getModuleEntry('@ohif/extension-cornerstone.utilityModule.common');
    return module.exports.getCornerstoneLibraries().cornerstone;
  }

  // The SEG that is shown, or null while there is none.
  function segmentation() {
    const [first] = segmentationService.getSegmentations();
    return first ?? null;
  }

  function segmentationId() {
    return segmentation()?.segmentationId ?? '';
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
          .map(({ segmentIndex, label }) => ({ number: segmentIndex, label, colour: colourOf(shown, segmentIndex) }))
      : [];
  }

  // As the SEG gives it; null while no pane shows it.
  function colourOf(shown, number) {
    const [viewportId] = viewportIds();
    return viewportId
      ? [...segmentationService.getSegmentColor(viewportId, shown.segmentationId, number)].slice(0, 3)
      : null;
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

  function panes() {
    const ids = [...viewportGridService.getState().viewports.keys()];
    return ids.map(id => cornerstoneViewportService.getCornerstoneViewport(id)).filter(Boolean);
  }

  function renderAll() {
    panes().forEach(viewport => viewport.render());
  }

  // How much of each segment lies on each axial level, and where (patient coordinates, mm), from the label images
  // themselves: these may be sagittal or oblique.
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
        addImage(bySegment, image, plane);
      }
    }
    extents.set(shown.segmentationId, bySegment);
    return bySegment;
  }

  function addImage(bySegment, image, plane) {
    const pixels = image.voxelManager?.getScalarData?.() ?? image.getPixelData();
    for (let at = 0; at < pixels.length; at += 1) {
      if (pixels[at]) {
        const point = toPatient(plane, at % image.columns, Math.floor(at / image.columns));
        const levels = bySegment.get(pixels[at]) ?? new Map();
        bySegment.set(pixels[at], levels);
        addToLevel(levels, Math.round(point[2] / LEVEL_MM), 1, point);
      }
    }
  }

  function addToLevel(levels, key, count, sum) {
    const level = levels.get(key) ?? { count: 0, sum: [0, 0, 0] };
    level.count += count;
    level.sum = level.sum.map((value, axis) => value + sum[axis]);
    levels.set(key, level);
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
    const together = new Map();
    for (const number of numbers) {
      for (const [key, { count, sum }] of bySegment.get(number) ?? []) {
        addToLevel(together, key, count, sum);
      }
    }
    const [largest] = [...together.values()].sort((a, b) => b.count - a.count);
    return largest ? largest.sum.map(value => value / largest.count) : null;
  }

  // Scroll every pane to the segments; false where there is nothing to go to.
  function jump(numbers) {
    const world = largestLevel(numbers);
    if (!world) {
      return false;
    }
    panes().forEach(viewport => viewport.jumpToWorld?.(world));
    return true;
  }

  return { segments, segmentationId, setVisible, setStyle, jump, viewportIds };
}
