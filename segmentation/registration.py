"""Rigid registration of one sequence to another of the same head.

Mutual information climbed over four levels, by SimpleITK on one thread: one thread is what makes the answer the same
to the last bit. The answer is then doubted: pushed away from where it landed it must come back. Where it does not, it
is looked for again from turned starts, and then ANTs gives another opinion. Measured: docs/preparation.md.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from segmentation.ants_registration import register_with_ants
from segmentation.errors import BadGeometryError
from segmentation.geometry import centre_mm, corners_mm, crop, foreground_box, largest_distance_mm
from segmentation.mirror import LEAST_INFORMATION, MirrorTest
from segmentation.rigid_levels import (
    COARSE,
    COARSEST,
    FINE,
    IDENTITY,
    LEVELS,
    MIDDLE,
    FixedSide,
    Level,
    MovingSide,
)

LEAST_START_OVERLAP = 0.25
SAME_ANSWER_MM = 2.0
NUDGE_RAD = (0.05, -0.04, 0.06)
NUDGE_MM = (4.0, -5.0, 5.0)
TURNS_RAD = tuple((x, y, z) for x in (-0.3, 0.3) for y in (-0.2, 0.2) for z in (-0.3, 0.3))

_THREADS_LOCK = threading.RLock()


@dataclass(frozen=True, slots=True)
class RigidFit:
    """A rigid transform from points of the fixed image to points of the moving one, and what speaks for it."""

    transform: sitk.Euler3DTransform
    information: float
    """Mutual information at 2 mm, as `information_before` is at the scanner's coordinates: they compare."""
    information_before: float
    method: str
    moved_mm: float
    apart_mm: float = 0.0
    """How far from here another search ended, at the worst corner of the brain."""
    mirror_likeness: float = 0.0
    """How well T1CE's mirror image fits, as a multiple of `information`."""

    @property
    def sure(self) -> bool:
        """Whether another start, or another method, led to the same place, and the images have much in common."""
        return self.apart_mm <= SAME_ANSWER_MM and self.information >= LEAST_INFORMATION


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold SimpleITK to one thread per filter: sums over several threads differ in the last bits from run to run."""
    with _THREADS_LOCK:
        before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        try:
            yield
        finally:
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


class RigidRegistration:
    """The fixed side of a registration: a T1CE, float32, and its brain, prepared once per level.

    Call `fit` under `one_thread()`; several sequences may be fitted at once from different Python threads.
    """

    def __init__(self, fixed: sitk.Image, brain_mask: sitk.Image) -> None:
        self.fixed = fixed
        self.brain_mask = brain_mask
        self.brain_box = crop(brain_mask, foreground_box(brain_mask))
        self._sides = {level: FixedSide(fixed, brain_mask, level) for level in LEVELS}
        self._mirror_test = MirrorTest(fixed, brain_mask)

    def fit(self, image: sitk.Image, name: str) -> RigidFit:
        """Find where the sequence `name` (float32) lies.

        Raises:
            BadGeometryError: no start and no method finds an alignment in which the images have anything in common.
        """
        moving = MovingSide(image)
        starts = self._starts(moving)
        fit = self._from_starts(moving, starts)
        likeness = self._mirror_test.likeness(moving, fit.transform)
        if not fit.sure and likeness <= 1:  # a mirrored head has no place to settle in
            turned = [_turned(start, turn) for start in starts for turn in TURNS_RAD]
            fit = max(fit, self._from_starts(moving, turned), key=_trust)
            fit = fit if fit.sure else self._with_ants(moving, fit)
            likeness = self._mirror_test.likeness(moving, fit.transform)
        if fit.information < LEAST_INFORMATION:
            raise BadGeometryError(
                f"{name} could not be aligned with T1CE: the two images seem to show different heads or regions."
            )
        return replace(fit, mirror_likeness=likeness)

    def _starts(self, moving: MovingSide) -> list[sitk.Euler3DTransform]:
        """The scanner's own coordinates where the series overlap there, and the centres of mass laid together."""
        scanner = sitk.Euler3DTransform()
        scanner.SetCenter(centre_mm(self.brain_box))
        massed = sitk.Euler3DTransform(scanner)
        small = moving.at(COARSEST)
        offset_mm = np.subtract(_centre_of_mass_mm(small), _centre_of_mass_mm(self.fixed))
        massed.SetTranslation(offset_mm.tolist())
        overlaps = self._sides[COARSEST].overlap(small, scanner) >= LEAST_START_OVERLAP
        return [scanner, massed] if overlaps else [massed]

    def _from_starts(self, moving: MovingSide, starts: list[sitk.Euler3DTransform]) -> RigidFit:
        tried = [self._climb(COARSEST, moving, start) for start in starts]
        middle = self._refined(moving, max(tried, key=lambda result: result[1])[0])
        found, _ = self._climb(FINE, moving, middle)
        fit = self._described(moving, found, "SimpleITK")
        again = self._refined(moving, _nudged(found))
        return replace(fit, apart_mm=self._apart_mm(again, middle))

    def _refined(self, moving: MovingSide, start: sitk.Euler3DTransform) -> sitk.Euler3DTransform:
        return self._climb(MIDDLE, moving, self._climb(COARSE, moving, start)[0])[0]

    def _climb(
        self, level: Level, moving: MovingSide, start: sitk.Euler3DTransform
    ) -> tuple[sitk.Euler3DTransform, float]:
        return self._sides[level].climb(moving.at(level), start)

    def _with_ants(self, moving: MovingSide, first: RigidFit) -> RigidFit:
        """The better of the first answer and that of ANTs, sure where they agree."""
        found = register_with_ants(self.fixed, moving.image, self.brain_mask)
        second = self._described(moving, found, "ANTs")
        apart_mm = self._apart_mm(first.transform, second.transform)
        return replace(max(first, second, key=lambda fit: fit.information), apart_mm=apart_mm)

    def _described(self, moving: MovingSide, transform: sitk.Euler3DTransform, method: str) -> RigidFit:
        side, seen = self._sides[MIDDLE], moving.at(MIDDLE)
        return RigidFit(
            transform,
            side.information(seen, transform),
            side.information(seen, IDENTITY),
            method,
            self._apart_mm(transform, IDENTITY),
        )

    def _apart_mm(self, one: sitk.Transform, other: sitk.Transform) -> float:
        return largest_distance_mm(one, other, corners_mm(self.brain_box))


def _trust(fit: RigidFit) -> tuple[bool, float]:
    return fit.sure, fit.information


def _nudged(found: sitk.Euler3DTransform) -> sitk.Euler3DTransform:
    """Pushed off by about a centimetre."""
    nudged = _turned(found, NUDGE_RAD)
    nudged.SetTranslation(np.add(found.GetTranslation(), NUDGE_MM).tolist())
    return nudged


def _turned(start: sitk.Euler3DTransform, turn_rad: tuple[float, float, float]) -> sitk.Euler3DTransform:
    turned = sitk.Euler3DTransform(start)
    angles = (start.GetAngleX(), start.GetAngleY(), start.GetAngleZ())
    turned.SetRotation(*np.add(angles, turn_rad).tolist())
    return turned


def _centre_of_mass_mm(image: sitk.Image) -> tuple[float, float, float]:
    head = sitk.OtsuThreshold(image, 0, 1)
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(head)
    return shape.GetCentroid(1) if shape.HasLabel(1) else centre_mm(image)
