"""The table of courses with known answers; README.md beside it tells its columns."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from orthanc.types import MeasuredRegion
from review.course_facts import (
    ClinicalStatus,
    Event,
    EventKind,
    Histology,
    LesionAt,
    PatientFacts,
    Setting,
    Visit,
    VisitState,
)
from review.response_profiles import MUTANT, WILDTYPE
from review.response_types import Measure, Profile
from segmentation.types import VolumeEstimate

PATH = Path(__file__).parent / "cases.psv"
DAY_0 = date(2024, 1, 1)
YEARS_LATER = 3000
KINDS = {
    "surgery": EventKind.SURGERY, "biopsy": EventKind.BIOPSY, "rt-start": EventKind.RADIOTHERAPY_START,
    "rt-end": EventKind.RADIOTHERAPY_END, "new-therapy": EventKind.NEW_THERAPY, "steroid": EventKind.STEROID_DOSE,
    "status": EventKind.CLINICAL_STATUS, "nontarget": EventKind.NONTARGET_PROGRESSION,
    "bev-start": EventKind.BEVACIZUMAB_START,
}  # fmt: skip
SHAPES = {"m": (20.0, 15.0), "s": (9.0, 9.0)}
LESION = re.compile(r"([\d.]+)(m|s|\((\d+)x(\d+)\))?(?:#(\d+))?(?:<(\d+))?")


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """A course, the visit asked for, and what the rules say of it."""

    name: str
    measure: Measure
    profile: Profile
    facts: PatientFacts
    visits: tuple[Visit, ...]
    events: tuple[Event, ...]
    study_uid: str
    today: date
    category: str
    mark: str
    why: str


def day(number: int) -> date:
    return DAY_0 + timedelta(days=number)


def known_answers() -> list[KnownAnswer]:
    with PATH.open(encoding="utf-8", newline="") as lines:
        return [_answer(row) for row in csv.reader(lines, delimiter="|", quoting=csv.QUOTE_NONE)]


def _answer(row: list[str]) -> KnownAnswer:
    name, measure, profile, visits, events, asked, today, category, mark, why = row
    words = [] if events == "-" else events.split()
    chosen = next((word.split("@")[1] for word in words if word.startswith("chosen@")), "")
    setting = Setting.RECURRENT if profile.endswith("r") else Setting.NEWLY_DIAGNOSED
    return KnownAnswer(
        name,
        Measure.VOLUME if measure == "V" else Measure.BIDIRECTIONAL,
        MUTANT if profile[0] == "m" else WILDTYPE,
        PatientFacts(setting=setting, baseline_uid=chosen),
        tuple(_visit(word) for word in visits.split()),
        tuple(_event(word) for word in words if not word.startswith("chosen@")),
        asked,
        day(int(today or YEARS_LATER)),
        category,
        mark,
        why,
    )


def _event(word: str) -> Event:
    kind, _, rest = word.partition("@")
    on, _, value = rest.partition(":")
    return Event(
        KINDS[kind],
        day(int(on)),
        dose_mg=float(value) if kind == "steroid" else None,
        status=ClinicalStatus(value) if kind == "status" else None,
        histology=Histology(value) if kind in ("surgery", "biopsy") and value else None,
    )


def _visit(word: str) -> Visit:
    if word.startswith("x"):
        return Visit(word[1:], day(int(word[1:])), state=VisitState.NO_RESULT)
    when, _, rest = word.partition("=")
    amounts, _, other = rest.partition("/")
    state = {"f": VisitState.FLAGGED, "d": VisitState.SAME_DAY}.get(when[0], VisitState.COUNTED)
    on = when.lstrip("fd")
    lesions = [_lesion(number, part) for number, part in enumerate(amounts.split("+"), start=1)]
    every_ml = round(sum(one.enhancing_ml for one in lesions if one), 2)
    shaped = every_ml == 0 or all(one is not None and one.long_diameter_mm for one in lesions)
    volumes = {MeasuredRegion.ENHANCING_TUMOUR: estimate(every_ml)}
    if other:
        volumes[MeasuredRegion.OEDEMA] = volumes[MeasuredRegion.WHOLE_TUMOUR] = estimate(float(other))
    found = tuple(one for one in lesions if one and one.enhancing_ml) if shaped else None
    uid = f"{on}, earlier" if state == VisitState.SAME_DAY else on
    return Visit(uid, day(int(on)), state=state, volumes=volumes, lesions=found)


def _lesion(component: int, part: str) -> LesionAt:
    match = LESION.fullmatch(part)
    assert match, part
    ml, shape, long_mm, short_mm, number, parent = match.groups()
    diameters = SHAPES.get(shape or "") or (float(long_mm or 0), float(short_mm or 0))
    return LesionAt(
        component, float(ml), *diameters, 8, int(number) if number else None, (int(parent),) if parent else ()
    )


def estimate(ml: float) -> VolumeEstimate:
    return VolumeEstimate(ml, round(ml * 0.9, 3), round(ml * 1.1, 3))
