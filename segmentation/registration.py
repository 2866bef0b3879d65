"""Rigid registration of one sequence to another of the same head.

Mutual information (Mattes, 32 bins) climbed over four levels, by SimpleITK on one thread: one thread is what makes
the answer the same to the last bit. The answer is then doubted: pushed away from where it landed it must come back.
Where it does not, ANTs gives a second opinion. How it was measured stands in docs/preparation.md.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from segmentation.ants_registration import register_with_ants
from segmentation.errors import BadGeometryError
from segmentation.geometry import (
    centre_mm,
    corners_mm,
    crop,
    everywhere,
    foreground_box,
    isotropic_grid,
    largest_distance_mm,
    onto_grid,
)

HISTOGRAM_BINS = 32
SAMPLING_SEED = 42
BRIGHTNESS_PERCENTILES = (1.0, 99.0)
SAME_ANSWER_MM = 2.0
LEAST_INFORMATION = 0.05
LEAST_OVERLAP = 0.25
MIRROR_MARGIN = 1.05
NUDGE_RAD = (0.05, -0.04, 0.06)
NUDGE_MM = (4.0, -5.0, 5.0)

_THREADS_LOCK = threading.RLock()


@dataclass(frozen=True, slots=True)
class Level:
    """One step from coarse to fine."""

    spacing_mm: float
    smoothing_mm: float
    sampled: float
    first_step_mm: float
    around_brain_mm: float
    iterations: int = 80


COARSEST = Level(6.0, 3.0, 1.0, 6.0, around_brain_mm=15.0)
COARSE = Level(4.0, 2.0, 1.0, 2.0, around_brain_mm=15.0)
MIDDLE = Level(2.0, 1.0, 0.3, 1.0, around_brain_mm=8.0)
FINE = Level(1.0, 0.7, 0.05, 0.5, around_brain_mm=8.0)


@dataclass(frozen=True, slots=True)
class RigidFit:
    """A rigid transform from points of the fixed image to points of the moving one, and what speaks for it."""

    transform: sitk.Transform
    information: float
    method: str
    moved_mm: float
    warnings: tuple[str, ...] = ()


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
        self._sides = {
            level: _FixedSide(fixed, brain_mask, level) for level in (COARSEST, COARSE, MIDDLE, FINE)
        }

    def fit(self, moving: sitk.Image, name: str) -> RigidFit:
        """Find where the sequence `name` (float32) lies.

        Raises:
            BadGeometryError: neither method finds an alignment in which the two images have anything in common.
        """
        smoothed = {level: _smoothed(moving, level.smoothing_mm) for level in self._sides}
        coarse = self._coarse_fit(smoothed)
        middle, _ = self._climb(MIDDLE, smoothed, coarse)
        transform, information = self._climb(FINE, smoothed, middle)
        fit = self._described(transform, information, "SimpleITK")
        if self._mirrored_fits_better(moving, smoothed, middle):
            return _with_warning(
                fit,
                f"{name} fits T1CE better when mirrored left to right: check the side in the source images.",
            )
        if information < LEAST_INFORMATION or not self._comes_back(smoothed, middle):
            return self._second_opinion(fit, moving, smoothed, name)
        return fit

    def _starts(self, moving: sitk.Image) -> list[sitk.Euler3DTransform]:
        """The scanner's own coordinates where the series overlap there, and the centres of mass laid together."""
        scanner = sitk.Euler3DTransform()
        scanner.SetCenter(centre_mm(self.brain_box))
        massed = sitk.Euler3DTransform(scanner)
        offset_mm = np.subtract(_centre_of_mass_mm(moving), _centre_of_mass_mm(self.fixed))
        massed.SetTranslation(offset_mm.tolist())
        return (
            [scanner, massed] if self._sides[COARSEST].overlap(moving, scanner) >= LEAST_OVERLAP else [massed]
        )

    def _coarse_fit(self, smoothed: dict[Level, sitk.Image]) -> sitk.Euler3DTransform:
        tried = [self._climb(COARSEST, smoothed, start) for start in self._starts(smoothed[COARSEST])]
        best, _ = max(tried, key=lambda result: result[1])
        return self._climb(COARSE, smoothed, best)[0]

    def _climb(
        self, level: Level, smoothed: dict[Level, sitk.Image], start: sitk.Euler3DTransform
    ) -> tuple[sitk.Euler3DTransform, float]:
        return self._sides[level].climb(smoothed[level], start)

    def _comes_back(self, smoothed: dict[Level, sitk.Image], found: sitk.Euler3DTransform) -> bool:
        """Whether the optimiser, pushed off by about a centimetre, lands in the same place again."""
        nudged = sitk.Euler3DTransform(found)
        angles = (found.GetAngleX(), found.GetAngleY(), found.GetAngleZ())
        nudged.SetRotation(*np.add(angles, NUDGE_RAD).tolist())
        nudged.SetTranslation(np.add(found.GetTranslation(), NUDGE_MM).tolist())
        again = self._climb(MIDDLE, smoothed, self._climb(COARSE, smoothed, nudged)[0])[0]
        return self._apart_mm(again, found) < SAME_ANSWER_MM

    def _second_opinion(
        self, first: RigidFit, moving: sitk.Image, smoothed: dict[Level, sitk.Image], name: str
    ) -> RigidFit:
        transform = register_with_ants(self.fixed, moving, self.brain_mask)
        information = self._sides[FINE].information(smoothed[FINE], transform)
        second = self._described(transform, information, "ANTs")
        best = max(first, second, key=lambda fit: fit.information)
        if best.information < LEAST_INFORMATION:
            raise BadGeometryError(
                f"{name} could not be aligned with T1CE: the two images seem to show different heads or regions."
            )
        if self._apart_mm(first.transform, second.transform) < SAME_ANSWER_MM:
            return best
        return _with_warning(best, f"The alignment of {name} with T1CE is uncertain: check it before use.")

    def _mirrored_fits_better(
        self, moving: sitk.Image, smoothed: dict[Level, sitk.Image], found: sitk.Euler3DTransform
    ) -> bool:
        """Whether the sequence, turned left to right, shares clearly more with T1CE than as it came."""
        mirrored = mirrored_left_right(moving)
        flipped = {level: _smoothed(mirrored, level.smoothing_mm) for level in (COARSEST, COARSE, MIDDLE)}
        _, as_mirror = self._climb(MIDDLE, flipped, self._coarse_fit(flipped))
        as_it_came = self._sides[MIDDLE].information(smoothed[MIDDLE], found)
        return as_mirror > max(MIRROR_MARGIN * as_it_came, LEAST_INFORMATION)

    def _described(self, transform: sitk.Transform, information: float, method: str) -> RigidFit:
        return RigidFit(
            transform, information, method, self._apart_mm(transform, sitk.Transform(3, sitk.sitkIdentity))
        )

    def _apart_mm(self, one: sitk.Transform, other: sitk.Transform) -> float:
        return largest_distance_mm(one, other, corners_mm(self.brain_box))


class _FixedSide:
    """T1CE at one level: smoothed, on its own grid of cubes, cut to the brain and its surroundings."""

    def __init__(self, fixed: sitk.Image, brain_mask: sitk.Image, level: Level) -> None:
        grid = isotropic_grid(fixed, level.spacing_mm)
        identity = sitk.Transform(3, sitk.sitkIdentity)
        brain = onto_grid(brain_mask, grid, identity, sitk.sitkNearestNeighbor)
        around = sitk.BinaryDilate(brain, [max(1, round(level.around_brain_mm / level.spacing_mm))] * 3)
        box = foreground_box(around)
        self.level = level
        self.around = crop(around, box)
        self.brain = sitk.GetArrayFromImage(crop(brain, box)) > 0
        image = crop(onto_grid(_smoothed(fixed, level.smoothing_mm), grid, identity), box)
        self.image = _clipped(image, sitk.GetArrayViewFromImage(image)[self.brain])

    def climb(self, moving: sitk.Image, start: sitk.Euler3DTransform) -> tuple[sitk.Euler3DTransform, float]:
        """The best transform near `start`, and its mutual information."""
        method = self._method()
        method.SetOptimizerAsRegularStepGradientDescent(
            self.level.first_step_mm, 1e-3, self.level.iterations, 0.5, 1e-8
        )
        method.SetOptimizerScalesFromPhysicalShift()
        transform = sitk.Euler3DTransform(start)
        method.SetInitialTransform(transform, True)
        try:
            method.Execute(self.image, self._clipped_moving(moving, start))
        except RuntimeError:  # ITK's only word for "the images drifted apart until nothing overlapped"
            return start, 0.0
        return transform, -float(method.GetMetricValue())

    def overlap(self, moving: sitk.Image, transform: sitk.Transform) -> float:
        """Share of the brain that lies inside the moving image."""
        covered = onto_grid(everywhere(moving), self.image, transform, sitk.sitkNearestNeighbor)
        return float(sitk.GetArrayViewFromImage(covered)[self.brain].mean())

    def information(self, moving: sitk.Image, transform: sitk.Transform) -> float:
        """Mutual information of the two images under a transform."""
        if self.overlap(moving, transform) < LEAST_OVERLAP:
            return 0.0
        method = self._method()
        method.SetInitialTransform(transform)
        return -float(method.MetricEvaluate(self.image, self._clipped_moving(moving, transform)))

    def _method(self) -> sitk.ImageRegistrationMethod:
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(HISTOGRAM_BINS)
        method.SetMetricFixedMask(self.around)
        method.SetInterpolator(sitk.sitkLinear)
        if self.level.sampled < 1:
            method.SetMetricSamplingStrategy(method.REGULAR)
            method.SetMetricSamplingPercentage(self.level.sampled, SAMPLING_SEED)
        return method

    def _clipped_moving(self, moving: sitk.Image, transform: sitk.Transform) -> sitk.Image:
        # Bright scalp would leave the whole brain in a few bins of the histogram.
        seen = sitk.GetArrayViewFromImage(onto_grid(moving, self.image, transform))[self.brain]
        return _clipped(moving, seen[seen > 0])


def mirrored_left_right(image: sitk.Image) -> sitk.Image:
    """The image with its first axis turned round in place: a head that lies closest to LPS becomes its mirror image."""
    mirrored = sitk.Flip(image, [True, False, False])
    mirrored.CopyInformation(image)
    return mirrored


def _smoothed(image: sitk.Image, sigma_mm: float) -> sitk.Image:
    return sitk.SmoothingRecursiveGaussian(image, sigma_mm)


def _clipped(image: sitk.Image, values: np.ndarray) -> sitk.Image:
    if values.size == 0:
        return image
    low, high = np.percentile(values, BRIGHTNESS_PERCENTILES)
    return sitk.Clamp(image, image.GetPixelID(), float(low), float(high)) if high > low else image


def _centre_of_mass_mm(image: sitk.Image) -> tuple[float, float, float]:
    head = sitk.OtsuThreshold(image, 0, 1)
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(head)
    return shape.GetCentroid(1) if shape.HasLabel(1) else centre_mm(image)


def _with_warning(fit: RigidFit, warning: str) -> RigidFit:
    return RigidFit(fit.transform, fit.information, fit.method, fit.moved_mm, (*fit.warnings, warning))
