"""How values are written for people, in one place: every page says the same of the same row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from orthanc.types import MeasuredRegion
from review.models import Job, Measurement, Study
from segmentation.types import VolumeEstimate

REGION_NAMES = {
    MeasuredRegion.WHOLE_TUMOUR.value: "Whole tumour",
    MeasuredRegion.TUMOUR_CORE.value: "Tumour core",
    MeasuredRegion.ENHANCING_TUMOUR.value: "Enhancing tumour",
    MeasuredRegion.OEDEMA.value: "Oedema",
    MeasuredRegion.NONENHANCING_CORE.value: "Non-enhancing core",
}
PHASE_NAMES = {"preop": "before surgery", "postop": "after surgery", "unknown": "not stated"}
STAGE_NAMES = {"prepare": "Prepare", "infer": "Segment", "publish": "Publish"}


def millilitres(value: Decimal | float) -> str:
    """An amount exactly as stored (0.01 mL), without unit."""
    return f"{value:.2f}"


def interval(volume: Measurement | VolumeEstimate) -> str:
    """The 95 % interval of a volume, without unit."""
    return f"{millilitres(volume.low_ml)} to {millilitres(volume.high_ml)}"


def duration(seconds: float | None) -> str:
    """A duration in the two units that matter: "0.4 s", "12 s", "3 min 5 s", "2 h 10 min", "3 d 4 h"."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, small_size, small in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // small_size
            return f"{whole // size} {name} {rest} {small}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def ago(moment: datetime | None) -> str:
    """How long ago something was, "never" for None."""
    if moment is None:
        return "never"
    seconds = max(0.0, (timezone.now() - moment).total_seconds())
    return "just now" if seconds < 3 else f"{duration(round(seconds))} ago"


def patient_name(written: str) -> str:
    """A DICOM person name as people write it: "Family, Given Middle"; "No name" for an empty one.

    Of its groups (PS3.5 6.2.1: Latin letters, ideographs, sounds) the first that says anything.
    """
    group = next((one for one in written.split("=") if one.strip(" ^")), "")
    family, given, middle, *_ = [*(part.strip() for part in group.split("^")), "", "", ""]
    rest = " ".join(part for part in (given, middle) if part)
    return ", ".join(part for part in (family, rest) if part) or "No name"


def age_years(study: Study) -> int | None:
    """The patient's age at the study, None where a date is missing or they contradict each other."""
    born, seen = study.patient_birth_date, study.study_date
    if not born or not seen or seen < born:
        return None
    return seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))


def day(value: date | None) -> str:
    """A date that nobody can misread: 2026-11-23."""
    return value.isoformat() if value else "no date"


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a job, as the little progress track shows it: "done", "now", "failed" or "todo"."""

    name: str
    state: str
    seconds: float | None


def steps(job: Job | None) -> list[Step]:
    """The stages of a job in their order; all "todo" without one."""
    values = [stage.value for stage in Job.Stage]
    if job is None:
        return [Step(STAGE_NAMES[value], "todo", None) for value in values]
    at = len(values) if job.state == Job.State.DONE else values.index(job.stage)
    return [
        Step(STAGE_NAMES[value], _step_state(job, place - at), job.seconds.get(value))
        for place, value in enumerate(values)
    ]


def _step_state(job: Job, distance: int) -> str:
    if distance:
        return "done" if distance < 0 else "todo"
    if job.state == Job.State.FAILED:
        return "failed"
    return "now" if job.state == Job.State.RUNNING else "todo"


@dataclass(frozen=True, slots=True)
class IntervalBar:
    """An interval drawn on a track 100 units wide that ends at the largest upper bound of its group."""

    low: float
    width: float
    mark: float


def interval_bar(volume: Measurement, largest_ml: Decimal) -> IntervalBar:
    """Where the interval of a volume lies on a track from 0 to `largest_ml` mL."""
    scale = 100 / float(largest_ml) if largest_ml else 0.0
    low, high, mark = (float(value) * scale for value in (volume.low_ml, volume.high_ml, volume.ml))
    return IntervalBar(round(low, 2), round(max(high - low, 0.8), 2), round(mark, 2))


def figure(value: float) -> str:
    """A quality figure to three digits that count."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def limits(gate: dict[str, Any]) -> str:
    """The range in which a gate's value should lie: "5 or more", "900 to 1900"."""
    low, high = gate["low"], gate["high"]
    if low is None:
        return "–" if high is None else f"{figure(high)} or less"
    return f"{figure(low)} or more" if high is None else f"{figure(low)} to {figure(high)}"


def any_failed(gates: list[dict[str, Any]]) -> bool:
    """Whether a gate was not passed."""
    return not all(gate["passed"] for gate in gates)


def gate_name(name: str) -> str:
    """A gate as people say it, "Signal to noise, T2" for "snr T2"."""
    kind, _, series = name.partition(" ")
    spoken = {"snr": "Signal to noise"}.get(kind, kind.replace("_", " ").capitalize())
    return f"{spoken}, {series.upper()}" if series else spoken


def gates_passed(gates: list[dict[str, Any]]) -> str:
    """How many gates were passed, "9 of 10 gates passed"."""
    return f"{sum(gate['passed'] for gate in gates)} of {len(gates)} gates passed"
