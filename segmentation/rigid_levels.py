"""The steps from coarse to fine of a rigid registration: what each sees of the two images, and how it climbs.

Mattes mutual information, by SimpleITK. ITK takes the gradient of the whole moving image at every step it is asked
for, so each level gets images no finer and no larger than it needs: that is where the time went.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from segmentation.geometry import crop, everywhere, foreground_box, isotropic_grid, onto_grid

HISTOGRAM_BINS = 32
SAMPLING_SEED = 42
BRIGHTNESS_PERCENTILES = (1.0, 99.0)
LEAST_OVERLAP = 0.25
IDENTITY = sitk.Transform(3, sitk.sitkIdentity)


@dataclass(frozen=True, slots=True)
class Level:
    """One step from coarse to fine."""

    spacing_mm: float
    moving_spacing_mm: float
    smoothing_mm: float
    sampled: float
    first_step_mm: float
    last_step_mm: float
    around_brain_mm: float
    relaxation: float = 0.7
    """What a step shrinks by when it overshoots. At a half, the climb ends centimetres below the top."""
    iterations: int = 100


COARSEST = Level(6.0, 3.0, 3.0, 1.0, 6.0, 0.05, around_brain_mm=15.0, relaxation=0.8)
COARSE = Level(4.0, 2.0, 2.0, 1.0, 2.0, 0.05, around_brain_mm=15.0)
MIDDLE = Level(2.0, 2.0, 1.0, 0.3, 1.0, 0.02, around_brain_mm=8.0)
FINE = Level(1.0, 1.0, 0.7, 0.05, 0.3, 0.01, around_brain_mm=8.0)
LEVELS = (COARSEST, COARSE, MIDDLE, FINE)


class MovingSide:
    """A sequence at every level, each made when first asked for."""

    def __init__(self, image: sitk.Image) -> None:
        self.image = image
        self._levels: dict[Level, sitk.Image] = {}

    def at(self, level: Level) -> sitk.Image:
        """The sequence as the level sees it."""
        if level not in self._levels:
            self._levels[level] = seen_at(self.image, level.moving_spacing_mm, level.smoothing_mm)
        return self._levels[level]


class FixedSide:
    """T1CE at one level: smoothed, on its own grid of cubes, cut to the brain and its surroundings."""

    def __init__(self, fixed: sitk.Image, brain_mask: sitk.Image, level: Level) -> None:
        smooth = seen_at(fixed, level.spacing_mm, level.smoothing_mm)
        grid = isotropic_grid(fixed, level.spacing_mm)
        brain = onto_grid(brain_mask, grid, IDENTITY, sitk.sitkNearestNeighbor)
        around = sitk.BinaryDilate(brain, [max(1, round(level.around_brain_mm / level.spacing_mm))] * 3)
        box = foreground_box(around)
        self.level = level
        self.around = crop(around, box)
        self.brain = sitk.GetArrayFromImage(crop(brain, box)) > 0
        image = onto_grid(smooth, self.around, IDENTITY)
        self.image = clipped(image, sitk.GetArrayViewFromImage(image)[self.brain])

    def mirrored(self) -> FixedSide:
        """The same with left and right exchanged, about the middle of the brain's box."""
        other = FixedSide.__new__(FixedSide)
        other.level = self.level
        other.around, other.image = turned_left_right(self.around), turned_left_right(self.image)
        other.brain = np.ascontiguousarray(self.brain[:, :, ::-1])
        return other

    def climb(self, moving: sitk.Image, start: sitk.Euler3DTransform) -> tuple[sitk.Euler3DTransform, float]:
        """The best transform near `start`, and its mutual information."""
        level = self.level
        method = self._method()
        method.SetOptimizerAsRegularStepGradientDescent(
            level.first_step_mm, level.last_step_mm, level.iterations, level.relaxation, 1e-8
        )
        method.SetOptimizerScalesFromPhysicalShift()
        transform = sitk.Euler3DTransform(start)
        method.SetInitialTransform(transform, True)
        try:
            method.Execute(self.image, self._near(moving, start))
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
        return -float(method.MetricEvaluate(self.image, self._near(moving, transform)))

    def _method(self) -> sitk.ImageRegistrationMethod:
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(HISTOGRAM_BINS)
        method.SetMetricFixedMask(self.around)
        method.SetInterpolator(sitk.sitkLinear)
        method.MetricUseMovingImageGradientFilterOff()
        method.MetricUseFixedImageGradientFilterOff()
        if self.level.sampled < 1:
            method.SetMetricSamplingStrategy(method.REGULAR)
            method.SetMetricSamplingPercentage(self.level.sampled, SAMPLING_SEED)
        return method

    def _near(self, moving: sitk.Image, transform: sitk.Transform) -> sitk.Image:
        # Bright scalp would leave the whole brain in a few bins of the histogram.
        seen = sitk.GetArrayFromImage(onto_grid(moving, self.image, transform))[self.brain]
        return clipped(moving, seen[seen > 0])


def seen_at(image: sitk.Image, spacing_mm: float, smoothing_mm: float) -> sitk.Image:
    """The image with voxels averaged up to about the spacing, then smoothed."""
    factors = [
        min(n, max(1, math.floor(spacing_mm / s + 0.25)))
        for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    small = sitk.BinShrink(image, factors) if max(factors) > 1 else image
    return sitk.SmoothingRecursiveGaussian(small, smoothing_mm)


def turned_left_right(image: sitk.Image) -> sitk.Image:
    """The image with its first axis turned round in place: a head that lies closest to LPS becomes its mirror image."""
    mirrored = sitk.Flip(image, [True, False, False])
    mirrored.CopyInformation(image)
    return mirrored


def clipped(image: sitk.Image, values: npt.NDArray[np.float32]) -> sitk.Image:
    """The image held to the usual range of the values."""
    if values.size == 0:
        return image
    low, high = np.percentile(values, BRIGHTNESS_PERCENTILES)
    return sitk.Clamp(image, image.GetPixelID(), float(low), float(high)) if high > low else image
