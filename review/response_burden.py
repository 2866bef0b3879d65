"""The disease at a visit as each measure takes it, and comparison with a threshold without rounding errors."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from orthanc.types import MeasuredRegion
from review.course_facts import LesionAt, Visit
from review.response_types import Profile
from segmentation.types import VolumeEstimate


@dataclass(frozen=True, slots=True)
class Disease:
    """How much there is: mL with an interval, or mm2 without."""

    value: float
    unit: str
    estimate: VolumeEstimate | None
    is_measurable: bool | None
    """By shape; None where shapes were not measured."""
    what: str

    @property
    def words(self) -> str:
        """The amount as reasoning gives it."""
        if self.estimate is None:
            return f"{self.value:.0f} {self.unit}"
        return f"{self.value:.2f} {self.unit} ({self.estimate.low_ml:.2f} to {self.estimate.high_ml:.2f})"


def reaches(value: float, ratio: float, reference: float) -> bool:
    """Whether value is at least ratio times reference; exactly at the limit it is."""
    return _exact(value) >= _exact(ratio) * _exact(reference)


def is_down_to(value: float, ratio: float, reference: float) -> bool:
    """Whether value is at most ratio times reference; exactly at the limit it is."""
    return _exact(value) <= _exact(ratio) * _exact(reference)


def _exact(value: float) -> Decimal:
    # Stored numbers have two decimals; as binary fractions, 1.40 times one of them may fall on either side.
    return Decimal(str(round(value, 6)))


def is_measurable(lesion: LesionAt, profile: Profile) -> bool:
    """RANO's test of shape: two perpendicular diameters long enough, on enough slices. Not a test of volume."""
    shorter_mm = min(lesion.long_diameter_mm, lesion.perpendicular_diameter_mm)
    return shorter_mm >= profile.least_diameter_mm and lesion.n_slices >= profile.least_slices


def enhancing_volume(visit: Visit, profile: Profile) -> Disease | None:
    """Enhancing tumour of the measurable lesions; all of it where none is measurable or no shape is known."""
    total = visit.enhancing
    if total is None:
        return None
    if visit.lesions is None:
        measurable = None if total.ml > 0 else False
        return Disease(total.ml, "mL", total, measurable, "enhancing tumour")
    large = [lesion for lesion in visit.lesions if is_measurable(lesion, profile)]
    every_ml = sum(lesion.enhancing_ml for lesion in visit.lesions)
    large_ml = sum(lesion.enhancing_ml for lesion in large)
    if not large or every_ml <= 0 or large_ml >= every_ml:
        return Disease(total.ml, "mL", total, bool(large), "enhancing tumour")
    part = _share(total, large_ml / every_ml)
    return Disease(part.ml, "mL", part, True, f"measurable part of {total.ml:.2f} mL enhancing tumour")


def _share(total: VolumeEstimate, share: float) -> VolumeEstimate:
    """A part of an amount; its relative error is taken to be that of the whole."""
    return VolumeEstimate(*(round(ml * share, 2) for ml in (total.ml, total.low_ml, total.high_ml)))


def enhancing_area(visit: Visit, profile: Profile) -> Disease | None:
    """Sum of the products of diameters of the largest lesions; None where diameters were not measured."""
    if visit.lesions is None or visit.enhancing is None:
        return None
    large = [lesion for lesion in visit.lesions if is_measurable(lesion, profile)]
    targets = sorted((one.area_mm2 for one in large or visit.lesions), reverse=True)[: profile.most_targets]
    words = f"products of diameters of {len(targets)} lesion{'s' if len(targets) != 1 else ''}"
    return Disease(sum(targets), "mm²", None, bool(large), words)


def nonenhancing_volume(visit: Visit, *, after_surgery: bool) -> Disease | None:
    """Disease without enhancement: before surgery the whole tumour, after it what surrounds the core.

    After surgery the core holds the cavity, which is no disease; before it, a tumour that does not enhance is core.
    """
    region = MeasuredRegion.OEDEMA if after_surgery else MeasuredRegion.WHOLE_TUMOUR
    estimate = visit.volumes.get(region)
    if estimate is None:
        return None
    return Disease(estimate.ml, "mL", estimate, estimate.ml > 0, f"non-enhancing disease ({region.value})")
