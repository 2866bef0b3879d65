"""Stored studies as a dry run reads them: plain header values, made into headers only where somebody looks closer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any

from orthanc.types import SEEN_CONFIDENCE, Role, RoleGuess, SeriesHeader, StudyHeader
from review.models import Job, Series, SeriesOverride, Study
from review.routing import Rule
from review.routing_conditions import tags_in
from review.routing_facts import StudyFacts
from review.routing_tags import TAGS, Tag

CHUNK = 5000
NO_MORE: tuple[int, Iterator[tuple[Any, ...]]] = (0, iter(()))
DERIVED = {
    Tag.PATIENT_AGE: (("birth_date", "study_date"), ()),
    Tag.PHASE: (("description",), ("description", "protocol_name")),
}
"""Header fields of the study and of series from which a tag without a field of its own is worked out."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a set of rules looks at. Studies that agree in all of it are wanted by the same rule."""

    of_study: tuple[str, ...]
    of_series: tuple[str, ...]


def asked_by(rules: Iterable[Rule]) -> Asked:
    """The header fields that rules and their role overrides ask about; roles are always part of it."""
    nodes = [
        node
        for rule in rules
        for node in (*rule.conditions, *(one for told in rule.role_overrides for one in told.conditions))
    ]
    tags = frozenset[Tag]().union(*map(tags_in, nodes))
    of_study: set[str] = set()
    of_series: set[str] = set()
    for tag in tags:
        study_fields, series_fields = DERIVED.get(tag, ((), ()))
        of_study.update(study_fields)
        of_series.update(series_fields)
        if TAGS[tag].field:
            (of_series if TAGS[tag].of_series else of_study).add(TAGS[tag].field)
    return Asked(tuple(sorted(of_study)), tuple(sorted(of_series)))


class StoredSeries:
    """A foreign series with what was made of it at intake."""

    def __init__(self, row: tuple[Any, ...]) -> None:
        self.values: Mapping[str, Any] = row[0]
        self.role, self.confidence, self.reason = row[1:4]
        self.is_chosen, self.flaw, self.seen_role, self.seen_reason = row[4:]

    @property
    def series_uid(self) -> str:
        """Its UID."""
        return str(self.values["series_uid"])

    @property
    def guess(self) -> RoleGuess:
        """What it was taken for."""
        return RoleGuess(Role(self.role), self.confidence, self.reason)

    @cached_property
    def header(self) -> SeriesHeader:
        """Its header."""
        return SeriesHeader.from_dict(self.values)

    def agrees_in(self, asked: Asked) -> tuple[Hashable, ...]:
        """What the rules see of it."""
        return (self.role, self.confidence, *(self.values.get(name) for name in asked.of_series))


class StoredStudy:
    """A stored study; `told` are the roles that people gave its series, `waits` whether its job has not begun."""

    def __init__(
        self, study: Study, series: Iterable[StoredSeries], told: Mapping[str, Role], *, waits: bool
    ) -> None:
        self.series = tuple(series)
        self.told = told
        self.waits = waits
        self.words = StudyHeader(
            study_uid=study.study_uid,
            patient_id=study.patient_id,
            patient_name=study.patient_name,
            birth_date=f"{study.patient_birth_date:%Y%m%d}" if study.patient_birth_date else "",
            sex=study.patient_sex,
            study_date=f"{study.study_date:%Y%m%d}" if study.study_date else "",
            accession_number=study.accession_number,
            description=study.description,
            institution=study.institution,
            calling_aet=study.calling_aet,
        )
        """The study's own header, without its series."""

    def agrees_in(self, asked: Asked) -> Hashable:
        """What the rules see of it, in whatever order its series came."""
        seen = Counter(one.agrees_in(asked) for one in self.series)
        return (tuple(getattr(self.words, name) for name in asked.of_study), frozenset(seen.items()))

    @cached_property
    def facts(self) -> StudyFacts:
        """The study as rules ask it; two rule sets that ask the same share its answers."""
        guesses = {one.series_uid: one.guess for one in self.series}
        return StudyFacts(self.words, guesses, tuple(one.header for one in self.series))

    def picks(self) -> dict[str, str]:
        """Series UID by role, as chosen at intake."""
        return {one.role: one.series_uid for one in self.series if one.is_chosen}

    def usable(self) -> list[StoredSeries]:
        """The series that may be chosen: without a flaw, or named by a person."""
        return [one for one in self.series if not one.flaw or one.series_uid in self.told]

    def seen(self) -> dict[str, RoleGuess]:
        """What images said of series that were looked at."""
        return {
            one.series_uid: RoleGuess(Role(one.seen_role), SEEN_CONFIDENCE, one.seen_reason)
            for one in self.series
            if one.seen_role
        }


def stored_studies(since: datetime) -> Iterator[StoredStudy]:
    """The studies that came since then and are still in Orthanc, as they came; read side by side with their series."""
    told: dict[int, dict[str, Role]] = defaultdict(dict)
    for study_id, uid, role in SeriesOverride.objects.values_list("study_id", "series_uid", "role"):
        told[study_id][uid] = Role(role)
    waiting = set(Job.objects.unbegun().values_list("study_id", flat=True))
    studies = Study.objects.filter(first_seen_at__gte=since, deleted_at=None).order_by("pk")
    series = groupby(_series_rows(since), key=itemgetter(0))
    study_id, rows = next(series, NO_MORE)
    for study in studies.iterator(chunk_size=CHUNK):
        while study_id and study_id < study.pk:
            study_id, rows = next(series, NO_MORE)
        own = [StoredSeries(row[1:]) for row in rows] if study_id == study.pk else []
        yield StoredStudy(study, own, told.get(study.pk, {}), waits=study.pk in waiting)


def _series_rows(since: datetime) -> Iterator[tuple[Any, ...]]:
    rows = Series.objects.filter(
        study__first_seen_at__gte=since, study__is_heartbeat=False, study__deleted_at=None, is_ours=False
    )
    wanted = (
        "study_id",
        "header",
        "role",
        "role_confidence",
        "role_reason",
        "is_chosen",
        "flaw",
        "seen_role",
        "seen_reason",
    )
    yield from rows.order_by("study_id").values_list(*wanted).iterator(chunk_size=CHUNK)
