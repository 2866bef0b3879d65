"""Post-operative cases simulated from labelled pre-operative ones: a cavity is carved, filled, lined, collapsed.

No public post-operative images with a licence to train on were at hand, only outlines. What is simulated follows what
Lotan et al. (AJNR 2022) name as hard after surgery: fluid that is not cerebrospinal fluid, blood that is bright without
contrast, a thin enhancing lining that is no tumour, residual nodules, and brain that sinks into the cavity. The cavity
belongs to the tumour core, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from segmentation.errors import BadInputError
from segmentation.types import SEQUENCES, Tissue

FloatArray = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]

CAVITY_LABEL = 4
"""Resection cavity in the outlines (BraTS 2024 post-treatment numbering)."""
LEAST_SHAPE_VOXELS = 1000
CAVITY_ML = (2.0, 60.0)
CAVITY_SHARE_OF_CORE = (0.6, 1.2)
MOST_COLLAPSE = 0.35
REACH_OF_COLLAPSE = 2.5
"""Brain moves as far as this many radii of the cavity."""


class Fluid(StrEnum):
    """What fills a cavity; each looks different on the four sequences."""

    CSF = "csf"
    PROTEIN = "protein"
    BLOOD = "blood"
    LAYERED = "layered"


@dataclass(frozen=True, slots=True)
class Visit:
    """The images of one visit and its labels, all (Z, Y, X) on one 1 mm LPS grid; 0 outside the brain."""

    images_zyx: Mapping[str, FloatArray]
    labels_zyx: Labels

    @property
    def brain_zyx(self) -> Mask:
        """Where FLAIR is not 0, as in BraTS."""
        return self.images_zyx["flair"] != 0


@dataclass(frozen=True, slots=True)
class _Look:
    """Percentiles of normal brain, per sequence, between which a tissue's value lies."""

    flair: tuple[float, float]
    t1: tuple[float, float]
    t1ce: tuple[float, float]
    t2: tuple[float, float]


_FLUIDS = {
    Fluid.CSF: _Look(flair=(1, 4), t1=(1, 4), t1ce=(1, 4), t2=(98, 99.8)),
    Fluid.PROTEIN: _Look(flair=(60, 99), t1=(5, 40), t1ce=(5, 40), t2=(95, 99.5)),
    Fluid.BLOOD: _Look(flair=(40, 99.5), t1=(90, 99.8), t1ce=(90, 99.8), t2=(2, 97)),
}


def read_cavity_shapes(folder: Path) -> list[Mask]:
    """The resection cavities (label 4) in the outlines of a folder, each cut to its box.

    Raises:
        BadInputError: no outline there holds a cavity of 1 mL.
    """
    shapes = []
    for path in sorted(folder.glob("*.nii.gz")):
        labels = sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS")
        cavity_zyx = _largest_part(sitk.GetArrayFromImage(labels) == CAVITY_LABEL)
        if np.count_nonzero(cavity_zyx) >= LEAST_SHAPE_VOXELS:
            shapes.append(cavity_zyx[ndimage.find_objects(cavity_zyx.astype(np.uint8))[0]])
    if not shapes:
        raise BadInputError(
            f"{folder} holds no outlines (.nii.gz) with a resection cavity (label {CAVITY_LABEL})."
        )
    return shapes


def simulate_resection(visit: Visit, shapes: Sequence[Mask], rng: np.random.Generator) -> Visit:
    """What the same brain might look like after surgery; equal for equal generators.

    Raises:
        BadInputError: the visit has no tumour to resect.
    """
    if not visit.labels_zyx.any():
        raise BadInputError("There is no tumour to resect in this case.")
    core_zyx = np.isin(visit.labels_zyx, (Tissue.NONENHANCING_CORE, Tissue.ENHANCING))
    cavity_zyx = _place_cavity(visit, core_zyx, shapes[int(rng.integers(len(shapes)))], rng)
    normal = {
        name: image[visit.brain_zyx & (visit.labels_zyx == 0)] for name, image in visit.images_zyx.items()
    }
    carved = _remove_core(visit, core_zyx & ~cavity_zyx, cavity_zyx, normal, rng)
    carved = _add_blood_at_margin(carved, cavity_zyx, normal, rng)
    carved = _add_lining(carved, cavity_zyx, normal, rng)
    carved = _add_nodules(carved, visit, cavity_zyx, normal, rng)
    carved = _fill_cavity(carved, cavity_zyx, normal, rng)
    return _collapse(carved, cavity_zyx, float(rng.uniform(0, MOST_COLLAPSE)))


def _place_cavity(visit: Visit, core_zyx: Mask, shape_zyx: Mask, rng: np.random.Generator) -> Mask:
    """The shape, turned, flipped and scaled to the core's size, around its centre and inside the brain."""
    where_zyx = _largest_part(core_zyx if core_zyx.sum() >= LEAST_SHAPE_VOXELS else visit.labels_zyx > 0)
    wanted_ml = np.clip(float(where_zyx.sum()) / 1000 * rng.uniform(*CAVITY_SHARE_OF_CORE), *CAVITY_ML)
    factor = (wanted_ml * 1000 / np.count_nonzero(shape_zyx)) ** (1 / 3)
    turned = shape_zyx.astype(np.float32)
    for axis in range(3):
        turned = np.flip(turned, axis) if rng.random() < 0.5 else turned
    turned = ndimage.rotate(turned, rng.uniform(0, 360), axes=(1, 2), order=1)
    scaled_zyx = ndimage.zoom(turned, factor, order=1) > 0.5
    centre = np.array(ndimage.center_of_mass(where_zyx)) + rng.normal(0, 2, 3)
    first = np.round(centre - np.array(ndimage.center_of_mass(scaled_zyx))).astype(int)
    cavity_zyx = np.zeros(core_zyx.shape, bool)
    low = np.maximum(first, 0)
    high = np.minimum(first + scaled_zyx.shape, cavity_zyx.shape)
    target = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    source = tuple(slice(a, b) for a, b in zip(low - first, high - first, strict=True))
    cavity_zyx[target] = scaled_zyx[source]
    return _largest_part(cavity_zyx & visit.brain_zyx)


def _remove_core(
    visit: Visit, rest_zyx: Mask, cavity_zyx: Mask, normal: Mapping[str, FloatArray], rng: np.random.Generator
) -> Visit:
    """What of the core the cavity does not cover becomes oedema; in subtotal resections one side stays."""
    removed_zyx = rest_zyx
    if rng.random() < 0.6:
        direction = rng.normal(size=3)
        centre = np.array(ndimage.center_of_mass(cavity_zyx))
        z, y, x = np.indices(rest_zyx.shape, np.float32)
        side = (
            (z - centre[0]) * direction[0] + (y - centre[1]) * direction[1] + (x - centre[2]) * direction[2]
        )
        removed_zyx = rest_zyx & (side < 0)
    oedema_zyx = visit.labels_zyx == Tissue.OEDEMA
    enough = oedema_zyx.sum() > LEAST_SHAPE_VOXELS
    soft = _soft(removed_zyx)
    images = {}
    for name, image in visit.images_zyx.items():
        values = image[oedema_zyx] if enough else normal[name]
        texture = _smooth_noise(image.shape, 1.5, rng) * values.std() * 0.5 + np.median(values)
        images[name] = (image * (1 - soft) + texture * soft).astype(np.float32)
    labels = visit.labels_zyx.copy()
    labels[removed_zyx] = Tissue.OEDEMA if enough else Tissue.BACKGROUND
    return Visit(_inside(images, visit.brain_zyx), labels)


def _add_blood_at_margin(
    visit: Visit, cavity_zyx: Mask, normal: Mapping[str, FloatArray], rng: np.random.Generator
) -> Visit:
    """Blood products: bright on T1 with and without contrast alike, so not enhancing."""
    if rng.random() > 0.4:
        return visit
    shell_zyx = _shell(cavity_zyx, int(rng.integers(1, 4))) & visit.brain_zyx
    patchy = shell_zyx & (_smooth_noise(cavity_zyx.shape, 4, rng) > rng.uniform(-0.5, 1.0))
    level = rng.uniform(96, 99.9)
    changed = {
        name: _blend(visit.images_zyx[name], patchy, float(np.percentile(normal[name], level)), rng)
        for name in ("t1", "t1ce")
    }
    return Visit({**visit.images_zyx, **changed}, visit.labels_zyx)


def _add_lining(
    visit: Visit, cavity_zyx: Mask, normal: Mapping[str, FloatArray], rng: np.random.Generator
) -> Visit:
    """A thin enhancing lining, and sometimes enhancing dura nearby: reaction to surgery, not labelled as tumour."""
    if rng.random() > 0.7:
        return visit
    lining_zyx = _shell(cavity_zyx, int(rng.integers(1, 3)))
    if rng.random() < 0.5:
        brain_edge_zyx = visit.brain_zyx & ~ndimage.binary_erosion(visit.brain_zyx, iterations=2)
        lining_zyx |= brain_edge_zyx & ndimage.binary_dilation(cavity_zyx, iterations=15)
    lining_zyx &= visit.brain_zyx & (visit.labels_zyx != Tissue.ENHANCING)
    patchy = lining_zyx & (_smooth_noise(cavity_zyx.shape, 4, rng) > rng.uniform(-1.5, 0.5))
    level = float(np.median(normal["t1ce"]) + rng.uniform(1.0, 2.5) * normal["t1ce"].std())
    return Visit(
        {**visit.images_zyx, "t1ce": _blend(visit.images_zyx["t1ce"], patchy, level, rng)}, visit.labels_zyx
    )


def _add_nodules(
    visit: Visit,
    before: Visit,
    cavity_zyx: Mask,
    normal: Mapping[str, FloatArray],
    rng: np.random.Generator,
) -> Visit:
    """Residual enhancing nodules at the cavity's wall, as bright as the tumour was (or as tumours are)."""
    images, labels = dict(visit.images_zyx), visit.labels_zyx.copy()
    wall = np.argwhere(_shell(cavity_zyx, 2) & visit.brain_zyx)
    tumour_zyx = before.labels_zyx == Tissue.ENHANCING
    for _ in range(int(rng.integers(0, 3)) if len(wall) else 0):
        centre, radius = wall[int(rng.integers(len(wall)))], rng.uniform(3, 8)
        z, y, x = np.indices(labels.shape, np.float32)
        distance = np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)
        bumpy = distance + 1.5 * _smooth_noise(labels.shape, 2, rng)
        nodule_zyx = (bumpy < radius) & visit.brain_zyx & ~cavity_zyx
        for name in SEQUENCES:
            if tumour_zyx.sum() >= LEAST_SHAPE_VOXELS:
                level = float(np.median(before.images_zyx[name][tumour_zyx]))
            else:
                sequence_level = {"t1ce": 99.5, "t1": 30, "t2": 92, "flair": 95}[name]
                level = float(np.percentile(normal[name], sequence_level))
            images[name] = _blend(images[name], nodule_zyx, level, rng)
        labels[nodule_zyx] = Tissue.ENHANCING
    return Visit(images, labels)


def _fill_cavity(
    visit: Visit, cavity_zyx: Mask, normal: Mapping[str, FloatArray], rng: np.random.Generator
) -> Visit:
    """Fluid in the cavity, which is labelled as core without enhancement."""
    fluid = rng.choice(list(Fluid), p=(0.5, 0.2, 0.1, 0.2))
    below_zyx = np.zeros_like(cavity_zyx)
    upper = Fluid(fluid)
    if upper is Fluid.LAYERED:
        rows = np.flatnonzero(cavity_zyx.any(axis=(0, 2)))
        # The patient lies on the back: what is heavy settles at high y.
        below_zyx[:, int(np.quantile(rows, rng.uniform(0.4, 0.8))) :] = True
        upper = Fluid(rng.choice([Fluid.CSF, Fluid.PROTEIN]))
    images = _fill(visit.images_zyx, cavity_zyx & ~below_zyx, _FLUIDS[upper], normal, rng)
    images = _fill(images, cavity_zyx & below_zyx, _FLUIDS[Fluid.BLOOD], normal, rng)
    labels = visit.labels_zyx.copy()
    labels[cavity_zyx] = Tissue.NONENHANCING_CORE
    return Visit(_inside(images, visit.brain_zyx), labels)


def _fill(
    images: Mapping[str, FloatArray],
    where_zyx: Mask,
    look: _Look,
    normal: Mapping[str, FloatArray],
    rng: np.random.Generator,
) -> dict[str, FloatArray]:
    if not where_zyx.any():
        return dict(images)
    # One draw for T1 and T1CE: without enhancement they look alike.
    part = {name: rng.random() for name in SEQUENCES}
    part["t1ce"] = part["t1"]
    levels = {
        name: float(np.percentile(normal[name], np.interp(part[name], (0, 1), getattr(look, name))))
        for name in SEQUENCES
    }
    return {name: _blend(image, where_zyx, levels[name], rng) for name, image in images.items()}


def _collapse(visit: Visit, cavity_zyx: Mask, amount: float) -> Visit:
    """Brain moves towards the cavity's centre, which shrinks; fades to nothing at a few radii."""
    centre = np.array(ndimage.center_of_mass(cavity_zyx))
    radius = (3 * np.count_nonzero(cavity_zyx) / (4 * np.pi)) ** (1 / 3)
    reach = REACH_OF_COLLAPSE * radius
    low = np.maximum(np.floor(centre - reach).astype(int), 0)
    high = np.minimum(np.ceil(centre + reach).astype(int) + 1, cavity_zyx.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    offsets = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"))
    offsets = offsets - centre[:, None, None, None]
    share = np.clip(1 - np.sqrt((offsets**2).sum(0)) / reach, 0, None)
    source = centre[:, None, None, None] + offsets * (1 + amount * share**2)
    labels = visit.labels_zyx.copy()
    labels[box] = ndimage.map_coordinates(visit.labels_zyx, source, order=0, mode="nearest")
    brain_zyx = visit.brain_zyx.copy()
    brain_zyx[box] = ndimage.map_coordinates(
        visit.brain_zyx.astype(np.uint8), source, order=0, mode="nearest"
    )
    images = {}
    for name, image in visit.images_zyx.items():
        moved = image.copy()
        moved[box] = ndimage.map_coordinates(image, source, order=1, mode="nearest")
        images[name] = moved
    labels[~brain_zyx] = Tissue.BACKGROUND
    return Visit(_inside(images, brain_zyx), labels)


def _inside(images: Mapping[str, FloatArray], brain_zyx: Mask) -> dict[str, FloatArray]:
    """Zero outside the brain, at least 1 inside: zero means no brain to every later step."""
    return {
        name: np.where(brain_zyx, np.maximum(image, 1), 0).astype(np.float32)
        for name, image in images.items()
    }


def _blend(image_zyx: FloatArray, where_zyx: Mask, level: float, rng: np.random.Generator) -> FloatArray:
    """`level` with a little texture in `where_zyx`, mixed with what was there in the voxels of its edge."""
    soft = _soft(where_zyx)
    deviation = 0.03 * abs(float(np.percentile(image_zyx, 99.5)))
    texture = level + deviation * _smooth_noise(image_zyx.shape, 1.0, rng)
    return (image_zyx * (1 - soft) + texture * soft).astype(np.float32)


def _soft(mask_zyx: Mask) -> FloatArray:
    return np.asarray(ndimage.gaussian_filter(mask_zyx.astype(np.float32), 0.7), np.float32)


def _shell(mask_zyx: Mask, thickness: int) -> Mask:
    return np.asarray(ndimage.binary_dilation(mask_zyx, iterations=thickness) & ~mask_zyx)


def _smooth_noise(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> FloatArray:
    """Noise of deviation 1, correlated over `sigma` voxels."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma)
    return np.asarray(noise / noise.std(), np.float32)


def _largest_part(mask_zyx: Mask) -> Mask:
    parts, count = ndimage.label(mask_zyx)
    if count == 0:
        return mask_zyx
    return np.asarray(parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:])))
