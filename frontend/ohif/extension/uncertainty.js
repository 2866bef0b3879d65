// The uncertainty map over the images, when the reader asks for it: a volume of its own on the grid of T1CE.
//
// OHIF's reader of parametric maps is left alone: it counts frames instead of looking where they lie, so that a map can
// come out upside down. Here each frame goes to the slice that has its position.

import { PANES } from './hanging-protocol.js';

const MAP_ID = 'glioma-uncertainty';
const SAME_PLACE_MM = 0.1;
// From hardly seen violet to white: none of the colours of the segments, in either palette.
const COLOURS = [
  [0, 0.45, 0.1, 0.65],
  [0.5, 0.9, 0.25, 0.85],
  [1, 1, 1, 1],
];
const OPACITIES = [
  [0, 0],
  [0.1, 0],
  [0.3, 0.35],
  [1, 0.75],
];

export function createUncertainty({ servicesManager, extensionManager }, studyUid) {
  const { cornerstoneViewportService } = servicesManager.services;
  let wanted = false;

  function cornerstone() {
    const module = extensionManager.getModuleEntry('@ohif/extension-cornerstone.utilityModule.common');
    return module.exports.getCornerstoneLibraries().cornerstone;
  }

  function viewports() {
    return PANES.map(({ viewportId }) => cornerstoneViewportService.getCornerstoneViewport(viewportId)).filter(
      viewport => viewport?.addVolumes && viewport.getActors().length
    );
  }

  // The volume of the T1CE pane, whatever else lies over it.
  function reference() {
    const { cache } = cornerstone();
    const shown = PANES.filter(({ role }) => role === 'T1CE').map(({ viewportId }) =>
      cornerstoneViewportService.getCornerstoneViewport(viewportId)
    );
    const actors = shown.find(Boolean)?.getActors() ?? [];
    return actors.map(({ referencedId }) => cache.getVolume(referencedId)).find(volume => volume?.imageIds?.length);
  }

  async function volumeId() {
    const { cache, volumeLoader } = cornerstone();
    const t1ce = reference();
    if (!t1ce) {
      throw new Error('T1CE is not shown yet.');
    }
    const id = `${MAP_ID}:${t1ce.volumeId}`;
    if (!cache.getVolume(id)) {
      const values = laidOn(t1ce, await fetchMap(studyUid()));
      const volume = await volumeLoader.createAndCacheDerivedVolume(t1ce.volumeId, {
        volumeId: id,
        targetBuffer: { type: 'Uint8Array' },
      });
      volume.voxelManager.setCompleteScalarDataArray(values);
      // Every slice goes to the graphics card anew.
      volume.invalidate();
    }
    return id;
  }

  // The bytes of the map in the order of the volume's slices.
  function laidOn(volume, { rows, columns, positions, bytes }) {
    const [width, height, depth] = volume.dimensions;
    if (width !== columns || height !== rows) {
      throw new Error('The uncertainty map is on another grid than T1CE.');
    }
    const size = rows * columns;
    const values = new Uint8Array(size * depth);
    volume.imageIds.forEach((imageId, slice) => {
      const { imagePositionPatient } = cornerstone().metaData.get('imagePlaneModule', imageId);
      const frame = positions.findIndex(position => distance(position, imagePositionPatient) < SAME_PLACE_MM);
      if (frame < 0) {
        throw new Error('The uncertainty map is on another grid than T1CE.');
      }
      values.set(bytes.subarray(frame * size, (frame + 1) * size), slice * size);
    });
    return values;
  }

  async function show() {
    wanted = true;
    const id = await volumeId();
    for (const viewport of wanted ? viewports() : []) {
      if (!actorOf(viewport, id)) {
        await viewport.addVolumes([layerOf(viewport, id)], false, true);
      }
      paint(actorOf(viewport, id).actor);
      viewport.render();
    }
  }

  // The brightest voxel along the ray, as cornerstone draws masks: composed, a slice is too thin to be seen.
  function layerOf(viewport, id) {
    const { BlendModes } = cornerstone().Enums;
    return {
      volumeId: id,
      actorUID: `${MAP_ID}-${viewport.id}`,
      visibility: true,
      blendMode: BlendModes.MAXIMUM_INTENSITY_BLEND,
    };
  }

  function hide() {
    wanted = false;
    for (const viewport of viewports()) {
      const uids = viewport
        .getActors()
        .filter(({ referencedId }) => referencedId?.startsWith(MAP_ID))
        .map(({ uid }) => uid);
      viewport.removeVolumeActors(uids, true);
    }
  }

  // What the panel shows after the reader's wish: on, off, or why not.
  async function set(visible) {
    try {
      await (visible ? show() : hide());
      return { visible, refused: '' };
    } catch (error) {
      wanted = false;
      return { visible: false, refused: error.message };
    }
  }

  return { set };
}

async function fetchMap(studyUid) {
  const answer = await fetch(`/viewer/${encodeURIComponent(studyUid)}/uncertainty/`, { credentials: 'same-origin' });
  if (!answer.ok) {
    throw new Error(answer.status === 404 ? 'This result has no uncertainty map.' : 'The map cannot be had now.');
  }
  const buffer = await answer.arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const { rows, columns, positions_mm: positions } = header;
  return { rows, columns, positions, bytes: new Uint8Array(buffer, 4 + length) };
}

function actorOf(viewport, volumeId) {
  return viewport.getActors().find(({ referencedId }) => referencedId === volumeId);
}

function paint(actor) {
  const property = actor.getProperty();
  const colours = property.getRGBTransferFunction(0);
  colours.removeAllPoints();
  COLOURS.forEach(([value, ...rgb]) => colours.addRGBPoint(value * 255, ...rgb));
  const opacities = property.getScalarOpacity(0);
  opacities.removeAllPoints();
  OPACITIES.forEach(([value, opacity]) => opacities.addPoint(value * 255, opacity));
}

function distance(one, other) {
  return Math.hypot(...one.map((value, axis) => value - other[axis]));
}
