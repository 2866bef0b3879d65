"""The three visits of a phantom patient, as a scanner would deliver them, with the truth beside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from segmentation.phantom.acquisition import Conditions, SeriesGrid, acquire, sample
from segmentation.phantom.anatomy import Anatomy, make_anatomy
from segmentation.phantom.geometry import Array, Field, rise
from segmentation.phantom.layers import paint
from segmentation.phantom.plan import TumourPlan
from segmentation.phantom.signal import Material, signal_table
from segmentation.phantom.tumour import Tumour, grow, push_aside
from segmentation.types import SEQUENCES, TISSUES_OF, BrainScan, Phase, Tissue

DEMO_SEED = 2006
"""The patient of the demo: far from the seeds that training counts through, so no model has seen it."""

DAYS_SINCE_FIRST = {1: 0, 2: 72, 3: 151}
"""Surgery follows the first visit within a week; follow-ups at about ten weeks and five months."""

TISSUE_CHANNEL, SPEED_CHANNEL = len(SEQUENCES), len(SEQUENCES) + 1

SPREAD_SPEED = {
    Material.WHITE: 1.0,
    Material.BRAINSTEM: 0.5,
    Material.GREY: 0.12,
    Material.THALAMUS: 0.3,
    Material.PUTAMEN: 0.25,
    Material.CAUDATE: 0.25,
    Material.PALLIDUM: 0.25,
}
"""How fast oedema runs through a tissue, relative to white matter."""


@dataclass(frozen=True, slots=True)
class PhantomVisit:
    """One visit: the scan with skull, the true label map (uint8, T1CE grid) and its volumes by WT, TC, ET."""

    scan: BrainScan
    truth: sitk.Image
    brain_mask: sitk.Image
    volumes_ml: dict[str, float]
    phase: Phase
    visit: int
    days_since_first: int


@dataclass(frozen=True, slots=True)
class Head:
    """One head with its tumour: grey levels (sequence, z, y, x), brain coverage and the tumour's parts."""

    field: Field
    grey: Array
    brain: Array
    tumour: Tumour

    def image(self, sequence: str) -> sitk.Image:
        """Noise-free grey levels of one sequence in head coordinates."""
        return self.field.image(self.grey[SEQUENCES.index(sequence)])

    def part(self, cover: Array) -> sitk.Image:
        """Coverage of a part of the tumour on the whole field."""
        full = np.zeros(self.field.shape_zyx, np.float32)
        full[self.tumour.box] = cover
        return self.field.image(full)


def _check_visit(visit: int) -> None:
    if visit not in DAYS_SINCE_FIRST:
        raise ValueError(f"The phantom has visits 1, 2 and 3, not {visit}.")


def plan_for_visit(seed: int, visit: int, scale_xyz: tuple[float, float, float]) -> TumourPlan:
    """The same tumour at the visit asked for (1 before surgery, 2 after it, 3 recurrence)."""
    _check_visit(visit)
    plan = TumourPlan.draw(np.random.default_rng([seed, 20]), scale_xyz)
    if visit > 1:
        plan = plan.after_resection(np.random.default_rng([seed, 21]))
    return plan.recurring(np.random.default_rng([seed, 22])) if visit == 3 else plan


def _channels(*, fast_t2: bool) -> Array:
    """Paint table: the four grey levels, what a core can replace, and the speed of spread."""
    tissue = np.array([[float(material in SPREAD_SPEED)] for material in Material], np.float32)
    speed = np.array([[SPREAD_SPEED.get(material, 0.01)] for material in Material], np.float32)
    return np.hstack([signal_table(fast_t2=fast_t2), tissue, speed])


def build_head(anatomy: Anatomy, plan: TumourPlan, seed: int, *, fast_t2: bool) -> Head:
    """Paint the healthy head, push it aside, grow the tumour and paint that."""
    field, table = anatomy.field, _channels(fast_t2=fast_t2)
    canvas = paint(np.zeros((table.shape[1], *field.shape_zyx), np.float32), anatomy.layers, table)
    brain = anatomy.brain_coverage()
    part = push_aside(canvas, brain, field, plan)
    tumour = grow(part[TISSUE_CHANNEL:], field, plan, [seed, 30])
    grey = paint(canvas[: len(SEQUENCES)], tumour.layers, table[:, : len(SEQUENCES)])
    return Head(field, grey, brain, tumour)


def label_map(head: Head, reference: sitk.Image, motion: sitk.Transform) -> sitk.Image:
    """Labels 0, 1, 2, 4 on a grid: a voxel takes a part's label when the part fills at least half of it."""
    core, enhancing, oedema = (
        sample(head.part(cover), reference, motion)
        for cover in (head.tumour.core, head.tumour.enhancing, head.tumour.oedema)
    )
    labels = np.zeros(core.shape, np.uint8)
    labels[oedema >= 0.5] = Tissue.OEDEMA
    labels[core >= 0.5] = Tissue.NONENHANCING_CORE
    labels[(core >= 0.5) & (enhancing >= 0.5)] = Tissue.ENHANCING
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(reference)
    return image


def count_volumes_ml(labels: sitk.Image) -> dict[str, float]:
    """Volumes of WT, TC and ET in ml: voxels counted, nothing else."""
    array = sitk.GetArrayViewFromImage(labels)
    voxel_ml = float(np.prod(labels.GetSpacing())) / 1000
    return {
        str(compartment): float(np.isin(array, [int(tissue) for tissue in tissues]).sum() * voxel_ml)
        for compartment, tissues in TISSUES_OF.items()
    }


def series_grids(rng: np.random.Generator, visit: int, spacing_mm: float) -> dict[str, SeriesGrid]:
    """Fields of view of the four series (paper, MR Imaging Protocol), each a little oblique."""
    plane = round(256 / spacing_mm)
    tilt = {name: float(rng.uniform(-4, 4)) for name in SEQUENCES}
    centre = tuple(float(value) for value in rng.uniform(-3, 3, 3))

    def sagittal(name: str, width: int) -> SeriesGrid:
        size = (round(width / spacing_mm), plane, round(176 / spacing_mm))
        place = (centre[0], centre[1] - 5, centre[2] - 22)
        return SeriesGrid(size, (spacing_mm,) * 3, "x", place, tilt[name] / 4)

    def axial(name: str) -> SeriesGrid:
        size = (plane, plane, 31)
        place = (centre[0], centre[1] - 2, centre[2] + 6)
        return SeriesGrid(size, (spacing_mm, spacing_mm, 5.0), "z", place, tilt[name] * 2)

    return {
        "t1": axial("t1"),
        "t1ce": sagittal("t1ce", 256),
        "t2": sagittal("t2", 232) if visit == 1 else axial("t2"),
        "flair": sagittal("flair", 232),
    }


def coil_reach(field: Field) -> Array:
    """The head coil sees less and less of the neck."""
    z = field.mesh(field.whole()).z
    return 0.04 + 0.96 * rise(z, -112, 70)


def make_visit(seed: int, visit: int, *, spacing_mm: float = 1.0) -> PhantomVisit:
    """One visit of the phantom patient `seed`; the same arguments give the same voxels.

    Args:
        seed: which patient.
        visit: 1 before surgery, 2 about ten weeks later after resection, 3 about five months later, recurrence.
        spacing_mm: in-plane and 3D resolution; coarser is faster (slices of 2D series stay 5 mm thick).
    """
    _check_visit(visit)
    anatomy = make_anatomy(seed, spacing_mm, with_head=True)
    plan = plan_for_visit(seed, visit, anatomy.shape.scale_xyz)
    head = build_head(anatomy, plan, seed, fast_t2=visit > 1)
    head.grey[:] *= coil_reach(head.field)
    rng = np.random.default_rng([seed, 40, visit])
    grids = series_grids(rng, visit, spacing_mm)
    pose = Conditions.draw(rng, rotation_deg=5.0, shift_mm=4.0).motion()
    series: dict[str, sitk.Image] = {}
    for name in SEQUENCES:
        still = name == "t1ce"
        seen = Conditions.draw(rng, rotation_deg=0.0 if still else 2.0, shift_mm=0.0 if still else 2.0)
        series[name] = _scan(head, name, grids[name].reference(), pose, seen, rng)
    reference = grids["t1ce"].reference()
    truth = label_map(head, reference, pose)
    mask = sitk.GetImageFromArray(
        (sample(head.field.image(head.brain), reference, pose) >= 0.5).astype(np.uint8)
    )
    mask.CopyInformation(reference)
    phase = Phase.PREOP if visit == 1 else Phase.POSTOP
    return PhantomVisit(
        BrainScan(**series), truth, mask, count_volumes_ml(truth), phase, visit, DAYS_SINCE_FIRST[visit]
    )


def _scan(
    head: Head,
    name: str,
    reference: sitk.Image,
    pose: sitk.Transform,
    seen: Conditions,
    rng: np.random.Generator,
) -> sitk.Image:
    # Composite transforms apply the last one first: scanner -> this series' motion -> pose of the visit.
    whole = sitk.CompositeTransform([pose, seen.motion()])
    return acquire(head.image(name), reference, seen, whole, rng)
