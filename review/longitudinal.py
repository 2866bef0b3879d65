"""The course of a patient out of the database, with what the rules suggest. Computed each time, so never stale."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from orthanc.types import MeasuredRegion
from review.course_facts import (
    Event,
    EventKind,
    IdentityWarning,
    IdhStatus,
    LesionAt,
    ModelOfVisit,
    PatientFacts,
    PatientKey,
    Setting,
    Visit,
    VisitState,
    WarningKind,
)
from review.lesion_course import lesion_curves, with_numbers
from review.lesion_rows import tracked_in, why_not_followed
from review.models import IdentityLink, PatientSetting, Study, TreatmentEvent
from review.patients import Point, key_of, points_of
from review.response import assess
from review.response_profiles import profile_for
from review.response_types import Measure, Timeline
from segmentation.types import VolumeEstimate


@dataclass(frozen=True, slots=True)
class _Told:
    """What the rows say of some patient IDs; a few queries, however many IDs they are."""

    points: Mapping[PatientKey, Sequence[Point]]
    events: Mapping[PatientKey, Sequence[Event]]
    settings: Mapping[PatientKey, PatientSetting]


def _standing_links() -> list[tuple[PatientKey, PatientKey]]:
    return [link.ends for link in IdentityLink.objects.filter(unlinked_at=None)]


def _joined(patient: PatientKey, pairs: Sequence[tuple[PatientKey, PatientKey]]) -> tuple[PatientKey, ...]:
    """The patient ID itself, then all that the pairs join with it, directly or over others."""
    found = {patient}
    while more := {key for pair in pairs if found & set(pair) for key in pair} - found:
        found |= more
    return (patient, *sorted(found - {patient}))


def linked_with(patient: PatientKey) -> tuple[PatientKey, ...]:
    """The patient ID itself, then all that admins linked with it, directly or over others."""
    return _joined(patient, _standing_links())


def links_of(patient: PatientKey) -> list[IdentityLink]:
    """The standing links between IDs of one person, oldest first."""
    joined = set(linked_with(patient))
    return [link for link in IdentityLink.objects.filter(unlinked_at=None) if joined & set(link.ends)]


def events_of(patient: PatientKey) -> QuerySet[TreatmentEvent]:
    """The treatment events of a patient that nobody removed, oldest first."""
    return TreatmentEvent.objects.filter(removed_at=None, **TreatmentEvent.columns_of(patient))


def reading_of(patients: Sequence[PatientKey]) -> PatientSetting | None:
    """What a person said of how to read the course: the word on the first of the IDs that has one."""
    return _first_setting(patients, _settings_of(patients))


def _settings_of(patients: Collection[PatientKey]) -> dict[PatientKey, PatientSetting]:
    found = PatientSetting.objects.filter(PatientSetting.of_any(patients)).select_related("baseline")
    return {row.patient: row for row in found}


def _first_setting(
    patients: Iterable[PatientKey], settings: Mapping[PatientKey, PatientSetting]
) -> PatientSetting | None:
    return next((settings[one] for one in patients if one in settings), None)


def events_ever_of(patients: Collection[PatientKey]) -> list[TreatmentEvent]:
    """Every event that was ever entered for these patient IDs, removed ones too, oldest first."""
    found = TreatmentEvent.objects.filter(TreatmentEvent.of_any(patients)).order_by("on", "pk")
    return [row for row in found if row.patient in patients]


def _told_of(patients: Collection[PatientKey]) -> _Told:
    events: dict[PatientKey, list[Event]] = {patient: [] for patient in patients}
    for row in TreatmentEvent.objects.filter(TreatmentEvent.of_any(patients), removed_at=None):
        if row.patient in events:
            events[row.patient].append(row.as_event())
    return _Told(points_of(patients), events, _settings_of(patients))


def timeline_of(patient: PatientKey, today: date | None = None) -> Timeline:
    """The whole course of a patient, read by the rules as of today.

    Raises:
        Study.DoesNotExist: no study of the patient has come in.
    """
    found = timelines_of([patient], today)
    if not found:
        raise Study.DoesNotExist("No study of this patient has come in.")
    return found[0]


def timelines_of(patients: Iterable[PatientKey], today: date | None = None) -> list[Timeline]:
    """The courses of these patients in their order; IDs of one person are one course, IDs without a study none."""
    pairs, day = _standing_links(), today or timezone.localdate()
    persons: dict[frozenset[PatientKey], tuple[PatientKey, ...]] = {}
    for patient in patients:
        joined = _joined(patient, pairs)
        persons.setdefault(frozenset(joined), joined)
    told = _told_of({one for joined in persons.values() for one in joined})
    return [
        _timeline(joined, told, day) for joined in persons.values() if any(told.points[one] for one in joined)
    ]


def _timeline(patients: tuple[PatientKey, ...], told: _Told, day: date) -> Timeline:
    points = sorted(
        (point for one in patients for point in told.points[one]),
        key=lambda one: (one.study.study_date or date.max, one.study.study_time or time.min),
    )
    studies = list({point.study.pk: point.study for point in points}.values())
    events = tuple(sorted((e for one in patients for e in told.events[one]), key=lambda event: event.on))
    setting = _first_setting(patients, told.settings)
    idh = _idh(events)
    facts = replace(setting.as_facts() if setting else PatientFacts(), idh=idh, diagnosis=_diagnosis(events))
    profile = profile_for(setting.profile if setting else "", idh)
    visits = with_numbers(_one_a_day([_visit(point) for point in points]))
    last = studies[-1]
    return Timeline(
        patient=patients[0],
        patients=patients,
        name=last.patient_name,
        birth_date=last.patient_birth_date,
        sex=last.patient_sex,
        facts=facts,
        profile=profile,
        visits=tuple(visits),
        events=events,
        volumetric=assess(visits, events, facts, profile, Measure.VOLUME, day),
        bidirectional=assess(visits, events, facts, profile, Measure.BIDIRECTIONAL, day),
        warnings=(*_link_warnings(patients), *identity_warnings(studies)),
        missing=tuple(_missing(events, facts)),
        lesions=lesion_curves(visits),
    )


def _idh(events: Sequence[Event]) -> IdhStatus:
    told = [event.idh for event in events if event.idh]
    return told[-1] if told else IdhStatus.UNKNOWN


def _diagnosis(events: Sequence[Event]) -> str:
    told = [event.note for event in events if event.kind == EventKind.DIAGNOSIS]
    return told[-1] if told else ""


def _missing(events: Sequence[Event], facts: PatientFacts) -> Iterable[str]:
    """What the rules ask for and nobody entered."""
    kinds = {event.kind for event in events}
    if facts.idh == IdhStatus.UNKNOWN:
        yield "IDH status (read as wild type)"
    if facts.setting == Setting.NEWLY_DIAGNOSED and EventKind.RADIOTHERAPY_END not in kinds:
        yield "end of radiotherapy (decides the baseline and the 12 weeks of caution)"
    if facts.setting == Setting.RECURRENT and EventKind.NEW_THERAPY not in kinds:
        yield "start of the new therapy (decides the baseline)"
    if EventKind.STEROID_DOSE not in kinds:
        yield "steroid dose"
    if EventKind.CLINICAL_STATUS not in kinds:
        yield "clinical status"


def _visit(point: Point) -> Visit:
    study, result = point.study, point.result
    bare = Visit(
        study.study_uid,
        study.study_date,
        study.study_time,
        state=point.state,
        why=point.why,
        description=study.description,
        accession_number=study.accession_number,
        patient=key_of(study),
    )
    if result is None:
        return bare
    every = {
        MeasuredRegion(name): VolumeEstimate(float(row.ml), float(row.low_ml), float(row.high_ml))
        for name, row in result.volumes.items()
    }
    # A flag on one compartment strikes those that share its voxels; the others go on counting.
    struck = {region: one for region, one in every.items() if region.value in result.struck}
    return replace(
        bare,
        volumes={region: one for region, one in every.items() if region not in struck or not point.counts},
        struck=struck,
        result_id=result.pk,
        phase=result.phase,
        lesions=_lesions(result.lesions),
        model=ModelOfVisit(result.model_name, result.model_version, result.model_is_demo),
        tracked=tracked_in(result),
        not_followed=why_not_followed(result),
    )


def _lesions(stored: Sequence[Mapping[str, Any]] | None) -> tuple[LesionAt, ...] | None:
    """The shapes of what enhances, for the rules; their numbers over visits come later."""
    if stored is None:
        return None
    return tuple(
        LesionAt(
            component=one["number"],
            enhancing_ml=one["enhancing_ml"],
            long_diameter_mm=one["long_diameter_mm"],
            perpendicular_diameter_mm=one["perpendicular_diameter_mm"],
            n_slices=one["n_slices"],
        )
        for one in stored
        if one["enhancing_ml"] > 0
    )


def _one_a_day(visits: list[Visit]) -> list[Visit]:
    """The points with one that speaks for each day: the later scan; the others are kept, and do not count."""
    counted = [position for position, visit in enumerate(visits) if visit.counts]
    counted.sort(key=lambda position: visits[position].at or time.min)  # an unknown time is the earliest
    speaks = {visits[position].on: position for position in counted}
    return [
        replace(visit, state=VisitState.SAME_DAY, why="A later scan of the same day speaks for it.")
        if visit.counts and speaks[visit.on] != position
        else visit
        for position, visit in enumerate(visits)
    ]


def _link_warnings(patients: Sequence[PatientKey]) -> Iterable[IdentityWarning]:
    if len(patients) > 1:
        ids = ", ".join(one.patient_id for one in patients)
        yield IdentityWarning(
            WarningKind.LINKED_IDS, f"Visits of linked patient IDs are shown together: {ids}."
        )


def identity_warnings(studies: Sequence[Study]) -> Iterable[IdentityWarning]:
    """What is odd about studies that came under one patient ID."""
    yield from _shared(studies, WarningKind.SAME_ACCESSION, "accession_number", "One accession number")
    yield from _shared(studies, WarningKind.SAME_DAY, "study_date", "One day")
    yield from _differing(studies, WarningKind.BIRTH_DATE, "patient_birth_date", "birth dates")
    yield from _differing(studies, WarningKind.SEX, "patient_sex", "sexes")
    yield from _differing(studies, WarningKind.NAME, "patient_name", "names")
    undated = tuple(one.study_uid for one in studies if one.study_date is None)
    if undated:
        yield IdentityWarning(
            WarningKind.NO_DATE, "A study without a date is left out of the course.", undated
        )
    alone = tuple(one.study_uid for one in studies if not one.patient_id)
    if alone:
        words = "The study has no patient ID: it is joined with no other."
        yield IdentityWarning(WarningKind.NO_PATIENT_ID, words, alone)


def _by_value(studies: Sequence[Study], column: str) -> dict[object, list[str]]:
    grouped: dict[object, list[str]] = defaultdict(list)
    for study in studies:
        value = getattr(study, column)
        if value:
            grouped[value].append(study.study_uid)
    return grouped


def _shared(
    studies: Sequence[Study], kind: WarningKind, column: str, words: str
) -> Iterable[IdentityWarning]:
    for value, uids in _by_value(studies, column).items():
        if len(uids) > 1:
            yield IdentityWarning(kind, f"{words} ({value}) has {len(uids)} studies.", tuple(uids))


def _differing(
    studies: Sequence[Study], kind: WarningKind, column: str, words: str
) -> Iterable[IdentityWarning]:
    grouped = _by_value(studies, column)
    if len(grouped) > 1:
        values = ", ".join(str(value) for value in grouped)
        uids = tuple(uid for group in grouped.values() for uid in group)
        yield IdentityWarning(kind, f"The studies of this patient tell different {words}: {values}.", uids)
