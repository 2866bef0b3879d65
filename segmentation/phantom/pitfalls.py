"""What segmentation of gliomas is known to get wrong, planted on the phantom: pictures that teach, not measurements.

The list is that of Lotan et al., AJNR 2022;43:24-32 (Results and Discussion): ventricle and choroid plexus, blood and
air after resection, lesions that are no glioma. Each head is real phantom anatomy; each outline is drawn here, on the
structure that is wrongly taken, and no network has run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from segmentation.phantom.anatomy import Anatomy, make_anatomy
from segmentation.phantom.geometry import Array, Field, Mask, Point, either, ellipsoid
from segmentation.phantom.layers import Layer, layer, paint
from segmentation.phantom.signal import Material, signal_table
from segmentation.phantom.visits import DEMO_SEED, Head, build_head, plan_for_visit
from segmentation.types import SEQUENCES, Tissue

T1CE = SEQUENCES.index("t1ce")
SEEN = 0.4
"""Share of a voxel from which a structure is outlined."""
MENINGIOMA_MM: Point = (-47, 12, 44)
TAKEN_ALONG_MM = 9.0
NOISE, SMOOTHING_MM = 0.03, 0.5


@dataclass(frozen=True, slots=True)
class Pitfall:
    """An axial slice of T1 with contrast (y, x), grey levels near 1 in white matter, and a wrong label map on it."""

    name: str
    grey_yx: npt.NDArray[np.float32]
    labels_yx: npt.NDArray[np.uint8]


def pitfalls(seed: int = DEMO_SEED, spacing_mm: float = 1.0) -> list[Pitfall]:
    """One picture for each kind of failure, on the head of one phantom patient; the same seed, the same pictures."""
    anatomy = make_anatomy(seed, spacing_mm, with_head=False)
    operated = _head(anatomy, seed, visit=2)
    return [
        _ventricle(anatomy, _head(anatomy, seed, visit=1)),
        _fluid_level(anatomy, operated, "blood"),
        _fluid_level(anatomy, operated, "air"),
        _meningioma(anatomy),
    ]


def _head(anatomy: Anatomy, seed: int, visit: int) -> Head:
    return build_head(anatomy, plan_for_visit(seed, visit, anatomy.shape.scale_xyz), seed, fast_t2=visit > 1)


def _ventricle(anatomy: Anatomy, head: Head) -> Pitfall:
    """Choroid plexus enhances like tumour; the ventricle around it is dark like necrosis."""
    choroid = _coverage(anatomy, Material.CHOROID)
    z = int(choroid.sum(axis=(1, 2)).argmax())
    plexus = choroid[z] > SEEN
    away_mm = scipy.ndimage.distance_transform_edt(~plexus) * head.field.spacing_mm
    ventricle = (away_mm < TAKEN_ALONG_MM) & (_coverage(anatomy, Material.CSF)[z] > SEEN) & ~plexus
    # One side only: the plexus of the other ventricle is what tells a reader that this one is no tumour.
    left = np.arange(plexus.shape[1]) > plexus.shape[1] // 2
    labels = _labels(plexus & left, ventricle & left)
    return _picture("ventricle", head.grey[T1CE], labels, z, anatomy)


def _fluid_level(anatomy: Anatomy, head: Head, kind: str) -> Pitfall:
    """The patient lies on the back: in a fresh cavity blood settles behind, and air rises to the front."""
    field, box = head.field, head.tumour.box
    inside = np.zeros(field.shape_zyx, np.float32)
    inside[box] = head.tumour.core * (head.tumour.enhancing < SEEN)
    z = int(inside.sum(axis=(1, 2)).argmax())
    rows = np.flatnonzero((inside[z] > SEEN).any(axis=1))
    share = (np.arange(field.shape_zyx[1]) - rows[0]) / (rows[-1] - rows[0])
    place = share > 0.7 if kind == "blood" else share < 0.35
    part = inside * place[None, :, None]
    material = Material.BLOOD_PRODUCTS if kind == "blood" else Material.AIR
    grey = _painted(head.grey[T1CE], [_whole(material, part, field)])
    taken = part[z] > SEEN
    nothing = np.zeros_like(taken)
    labels = _labels(taken, nothing) if kind == "blood" else _labels(nothing, taken)
    return _picture(kind, grey, labels, z, anatomy)


def _meningioma(anatomy: Anatomy) -> Pitfall:
    """A ball on the dura that enhances evenly, in a head without glioma."""
    field = anatomy.field
    mesh = field.mesh(field.whole())
    x, y, depth = MENINGIOMA_MM
    ball = either(
        ellipsoid(mesh, MENINGIOMA_MM, (15, 17, 16)), ellipsoid(mesh, (x - 6, y, depth), (6, 24, 20)), 2.0
    )
    on_brain = layer(Material.ENHANCING, field.whole(), ball, field, soft_mm=1.5)
    grey = _painted(_grey(anatomy), [on_brain])
    inside = (on_brain.coverage > 255 * SEEN) & (anatomy.brain_coverage() > SEEN)
    z = int(inside.sum(axis=(1, 2)).argmax())
    return _picture("meningioma", grey, _labels(inside[z], np.zeros_like(inside[z])), z, anatomy)


def _labels(enhancing: Mask, core: Mask) -> npt.NDArray[np.uint8]:
    labels = np.zeros(enhancing.shape, np.uint8)
    labels[core] = Tissue.NONENHANCING_CORE
    labels[enhancing] = Tissue.ENHANCING
    return labels


def _coverage(anatomy: Anatomy, material: Material) -> Array:
    """Share of every voxel that a material fills after later layers were laid over it."""
    table = np.zeros((len(Material), 1), np.float32)
    table[material] = 1
    return paint(np.zeros((1, *anatomy.field.shape_zyx), np.float32), anatomy.layers, table)[0]


def _grey(anatomy: Anatomy) -> Array:
    table = signal_table()[:, T1CE : T1CE + 1]
    return paint(np.zeros((1, *anatomy.field.shape_zyx), np.float32), anatomy.layers, table)[0]


def _whole(material: Material, coverage: Array, field: Field) -> Layer:
    return Layer(material, field.whole(), np.clip(coverage * 255, 0, 255).astype(np.uint8))


def _painted(grey: Array, layers: list[Layer]) -> Array:
    return paint(grey[None].copy(), layers, signal_table()[:, T1CE : T1CE + 1])[0]


def _picture(name: str, grey: Array, labels: npt.NDArray[np.uint8], z: int, anatomy: Anatomy) -> Pitfall:
    """One slice, without what lies outside the brain, with the noise of a scan."""
    brain = anatomy.brain_coverage()[z]
    noise = np.random.default_rng(len(name)).normal(0, NOISE, brain.shape)
    slice_yx = scipy.ndimage.gaussian_filter(grey[z], SMOOTHING_MM / anatomy.field.spacing_mm) + noise
    return Pitfall(name, np.maximum(slice_yx * brain, 0).astype(np.float32), labels)
