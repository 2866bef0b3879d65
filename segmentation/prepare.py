"""From four sequences as acquired to four skull-stripped images on one 1 mm grid: `prepare` tells the whole story.

Why each step is as it is, and what was measured: docs/preparation.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import SimpleITK as sitk

from segmentation.brain_mask import (
    agreement,
    brain_probability,
    cut_off_warnings,
    mask_ml,
    outline,
)
from segmentation.gates import DEFAULT_POLICY, WARN_ONLY, Gate, Policy, enforce
from segmentation.geometry import crop, everywhere, foreground_box, isotropic_grid, onto_grid, to_closest_lps
from segmentation.mirror import MirrorTest
from segmentation.registration import RigidFit, RigidRegistration, one_thread
from segmentation.rigid_levels import IDENTITY, MovingSide
from segmentation.scan_checks import check_one_grid, check_scan
from segmentation.scan_quality import (
    alignment_gates,
    brain_volume_gates,
    coverage_gates,
    image_gates,
    mask_overlap_gate,
    mirror_gate,
    structure_gates,
)
from segmentation.types import SEQUENCES, BrainScan, PreparedScan

SPACING_MM = 1.0
MARGIN_MM = 8.0
REGISTERED = ("t1", "t2", "flair")
FLOOR = 1e-3
SPOKEN = {"t1": "T1", "t1ce": "T1CE", "t2": "T2", "flair": "FLAIR"}
MOTION_WORTH_SAYING_MM = 8.0

Report = Callable[[str], None]


def _silent(_message: str) -> None:
    """Report to nobody."""


def prepare(
    scan: BrainScan, report: Report = _silent, device: str = "cpu", policy: Policy = DEFAULT_POLICY
) -> PreparedScan:
    """Bring T1, T2 and FLAIR to T1CE, find the brain, and lay all four on 1 mm cubes; 0 outside the brain.

    Each image is interpolated once, from its source to the final grid. `report` hears what is being done.

    Raises:
        BadInputError: an image is empty, damaged, too small, or shows no brain; the text names the sequence.
        BadGeometryError: a sequence cannot be brought onto T1CE.
        GateFailedError: the policy stops a study with such figures.
        BadModelError: the brain-extraction weights are missing.
    """
    clock = StageClock(report)
    with clock.stage("check", "Checking the images"):
        check_scan(scan)
        upright = {name: _as_float_lps(getattr(scan, name)) for name in SEQUENCES}
    with clock.stage("brain", "Finding the brain on T1CE"):
        on_t1ce = brain_probability(upright["t1ce"], device)
        first_outline = outline(on_t1ce)
        structure = structure_gates(upright, first_outline)
        enforce(structure, policy)
    with clock.stage("register", "Aligning T1, T2 and FLAIR with T1CE"):
        fits = _register(upright, first_outline)
    with clock.stage("refine brain", "Refining the brain on T1"):
        on_t1 = brain_probability(upright["t1"], device)
        brain, brain_gates = _combined_outline(on_t1ce, on_t1, fits["t1"], upright["t1ce"])
    with clock.stage("resample", "Laying the images on a 1 mm grid"):
        images, coverage = _laid_out(upright, fits, brain)
    with clock.stage("quality", "Judging the quality of the images"):
        gates = (
            *structure,
            *_gates_of_fits(fits),
            *brain_gates,
            *coverage,
            *_gates_of_images(upright, fits, brain),
        )
        warnings = (*enforce(gates, policy), *_told_motion(fits), *cut_off_warnings(brain))
    return PreparedScan(
        **images,
        brain_mask=crop(brain, foreground_box(brain, MARGIN_MM)),
        t1ce_grid=scan.t1ce,
        warnings=warnings,
        seconds=clock.seconds,
        gates=gates,
    )


def accept_prepared(images: BrainScan, policy: Policy = WARN_ONLY) -> PreparedScan:
    """Take images that are already registered and skull-stripped (BraTS-like); brain is where any is not zero.

    Raises:
        BadInputError: an image is empty or damaged.
        BadGeometryError: the four are not on one grid; the text names which.
        GateFailedError: the policy stops images with such figures.
    """
    clock = StageClock(_silent)
    with clock.stage("check", "Checking the images"):
        check_scan(images)
        check_one_grid(images)
        floating = {name: sitk.Cast(getattr(images, name), sitk.sitkFloat32) for name in SEQUENCES}
        somewhere = np.any([sitk.GetArrayViewFromImage(image) != 0 for image in floating.values()], axis=0)
        brain = sitk.GetImageFromArray(somewhere.astype(np.uint8))
        brain.CopyInformation(images.t1ce)
    for image in floating.values():
        image.CopyInformation(images.t1ce)
    with clock.stage("quality", "Judging the quality of the images"):
        gates = _gates_of_prepared(floating, brain)
    return PreparedScan(
        **floating,
        brain_mask=brain,
        t1ce_grid=images.t1ce,
        warnings=enforce(gates, policy),
        seconds=clock.seconds,
        gates=gates,
    )


class StageClock:
    """Seconds per stage, and a word to whoever listens when a stage begins."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, message: str) -> Iterator[None]:
        """Time what happens inside."""
        self.report(message)
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began


def _as_float_lps(image: sitk.Image) -> sitk.Image:
    return to_closest_lps(sitk.Cast(image, sitk.sitkFloat32))


def _register(upright: dict[str, sitk.Image], first_outline: sitk.Image) -> dict[str, RigidFit]:
    t1ce = upright["t1ce"]
    on_t1ce_grid = onto_grid(first_outline, t1ce, IDENTITY, sitk.sitkNearestNeighbor)
    with one_thread():
        registration = RigidRegistration(t1ce, on_t1ce_grid)
        with ThreadPoolExecutor(max_workers=len(REGISTERED)) as pool:
            fits = pool.map(lambda name: registration.fit(upright[name], SPOKEN[name]), REGISTERED)
            return dict(zip(REGISTERED, fits, strict=True))


def _told_motion(fits: dict[str, RigidFit]) -> list[str]:
    """Viewers draw the label map on each series where the scanner put it, which is off where the patient moved."""
    return [
        f"{SPOKEN[name]} was moved by up to {fit.moved_mm:.0f} mm to fit T1CE: "
        f"an overlay drawn on {SPOKEN[name]} as scanned is off by as much."
        for name, fit in fits.items()
        if fit.moved_mm > MOTION_WORTH_SAYING_MM
    ]


def _combined_outline(
    on_t1ce: sitk.Image, on_t1: sitk.Image, t1_fit: RigidFit, t1ce: sitk.Image
) -> tuple[sitk.Image, tuple[Gate, ...]]:
    """The brain on the final grid, from both probabilities, and the figures that speak for it."""
    fine_grid = isotropic_grid(t1ce, SPACING_MM)
    from_t1ce = onto_grid(on_t1ce, fine_grid, IDENTITY)
    from_t1 = onto_grid(on_t1, fine_grid, t1_fit.transform)
    brain = outline((from_t1ce + from_t1) * 0.5)
    overlap = mask_overlap_gate(agreement(from_t1ce > 0.5, from_t1 > 0.5))
    return brain, (*brain_volume_gates(mask_ml(brain)), overlap)


def _laid_out(
    upright: dict[str, sitk.Image], fits: dict[str, RigidFit], whole_brain: sitk.Image
) -> tuple[dict[str, sitk.Image], tuple[Gate, ...]]:
    """The four images around the brain, 0 outside it and where a sequence was not acquired."""
    images: dict[str, sitk.Image] = {}
    gates: list[Gate] = []
    brain = crop(whole_brain, foreground_box(whole_brain, MARGIN_MM))
    for name in SEQUENCES:
        transform = fits[name].transform if name in fits else IDENTITY
        covered = onto_grid(everywhere(upright[name]), brain, transform, sitk.sitkNearestNeighbor)
        images[name] = _inside(onto_grid(upright[name], brain, transform), brain * covered)
        share = float(sitk.GetArrayViewFromImage(covered)[sitk.GetArrayViewFromImage(brain) > 0].mean())
        gates += coverage_gates(SPOKEN[name], share)
    return images, tuple(gates)


def _gates_of_fits(fits: dict[str, RigidFit]) -> tuple[Gate, ...]:
    return tuple(gate for name, fit in fits.items() for gate in alignment_gates(SPOKEN[name], fit))


def _gates_of_images(
    upright: dict[str, sitk.Image], fits: dict[str, RigidFit], brain: sitk.Image
) -> tuple[Gate, ...]:
    gates: list[Gate] = []
    for name, image in upright.items():
        gates += image_gates(SPOKEN[name], image, brain, fits[name].transform if name in fits else IDENTITY)
    return tuple(gates)


def _gates_of_prepared(images: dict[str, sitk.Image], brain: sitk.Image) -> tuple[Gate, ...]:
    """What can still be judged once others have registered and stripped the images."""
    gates = list(brain_volume_gates(mask_ml(brain)))
    upright = {name: to_closest_lps(image) for name, image in images.items()}
    brain_lps = to_closest_lps(brain)
    inside = sitk.GetArrayViewFromImage(brain_lps) > 0
    with one_thread():
        mirror_test = MirrorTest(upright["t1ce"], brain_lps)
        for name in REGISTERED:
            gates.append(mirror_gate(SPOKEN[name], mirror_test.as_it_lies(MovingSide(upright[name]))))
    for name, image in upright.items():
        share = float((sitk.GetArrayViewFromImage(image)[inside] != 0).mean())
        gates += coverage_gates(SPOKEN[name], share)
    return tuple(gates)


def _inside(image: sitk.Image, mask: sitk.Image) -> sitk.Image:
    """The image inside the mask, floored just above 0 there: 0 is kept for "no brain"."""
    values_zyx = sitk.GetArrayFromImage(image)
    inside_zyx = sitk.GetArrayViewFromImage(mask) > 0
    floor = (
        np.float32(FLOOR * np.percentile(values_zyx[inside_zyx], 99)) if inside_zyx.any() else np.float32(0)
    )
    masked = sitk.GetImageFromArray(np.where(inside_zyx, np.maximum(values_zyx, floor), np.float32(0)))
    masked.CopyInformation(image)
    return masked
