"""The table of headers with known roles as studies; README.md beside it tells its columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from orthanc.types import Role, SeriesHeader

FOLDER = Path(__file__).parent
PARTS = {
    name: FOLDER / f"{name.replace('-', '_')}.psv"
    for name in ("tuned", "held-out", "fresh", "fresh2", "fresh3")
}
STARTS = {"OP": ("ORIGINAL", "PRIMARY"), "DP": ("DERIVED", "PRIMARY"), "DS": ("DERIVED", "SECONDARY")}
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"


@dataclass(frozen=True, slots=True)
class KnownSeries:
    """A header, its role, and whether a reader would pick it for that role."""

    header: SeriesHeader
    role: Role
    is_picked: bool
    is_misleading: bool


@dataclass(frozen=True, slots=True)
class KnownStudy:
    """Series of one examination; `part` is one of PARTS."""

    name: str
    part: str
    vendor: str
    field_t: float
    protocol: str
    series: tuple[KnownSeries, ...]


def known_studies() -> tuple[KnownStudy, ...]:
    """Every study of the table."""
    return tuple(study for part, path in PARTS.items() for study in _studies(part, path))


def _studies(part: str, path: Path) -> Iterator[KnownStudy]:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines, delimiter="|", quoting=csv.QUOTE_NONE))
    starts = [place for place, row in enumerate(rows) if row[0].startswith("=")] + [len(rows)]
    for begin, end in pairwise(starts):
        name, vendor, model, field_t, protocol = rows[begin]
        name = name.removeprefix("=").strip()
        series = tuple(_series(row, f"{part}.{name}", vendor, model) for row in rows[begin + 1 : end])
        yield KnownStudy(name, part, vendor.upper().split()[0], float(field_t), protocol, series)


def _series(row: list[str], study_uid: str, vendor: str, model: str) -> KnownSeries:
    number, time, description, protocol, pulse, dimension, image_type = row[:7]
    *measures, agent, n_images, step_mm, role = row[7:15]
    facts = row[15].split() if len(row) > 15 else []
    told = dict(fact.split("=", 1) for fact in facts if "=" in fact)
    repetition_ms, echo_ms, inversion_ms, flip_deg = (_number(one) for one in measures)
    scanning, _, sequence_name = pulse.partition("/")
    start, *rest = image_type.split("\\")
    header = SeriesHeader(
        series_uid=f"{study_uid}.{number}",
        study_uid=study_uid,
        modality="MR",
        sop_class_uid=MR_IMAGE,
        series_number=int(number),
        description=description,
        protocol_name=description if protocol == "=" else protocol,
        scanning_sequence=scanning,
        sequence_name=sequence_name,
        acquisition_type=dimension,
        image_type=(*STARTS[start], *rest),
        repetition_time_ms=repetition_ms,
        echo_time_ms=echo_ms,
        inversion_time_ms=inversion_ms,
        flip_angle_deg=flip_deg,
        contrast_agent=agent,
        contrast_time=f"{told['bolus']}00" if "bolus" in told else "",
        n_images=int(n_images),
        spacing_between_slices_mm=_number(step_mm),
        acquisition_time=f"{time}00",
        series_date_time=f"20240115{time}00",
        b_value=_number(told.get("b", "")),
        scan_options=told.get("options", ""),
        n_temporal_positions=int(told["phases"]) if "phases" in told else None,
        pixel_spacing_mm=1.0,
        manufacturer=vendor,
        manufacturer_model=model,
    )
    return KnownSeries(header, Role(role.rstrip("*")), role.endswith("*"), "m" in facts)


def _number(text: str) -> float | None:
    return float(text) if text else None
