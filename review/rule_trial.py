"""What a draft of the rules would change: tried on the headers of the studies that came lately. Stores nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from orthanc.series import choose_series
from orthanc.types import NEEDED_ROLES, SEEN_CONFIDENCE, Role, RoleGuess, SeriesHeader, StudyHeader
from review.models import Series, SeriesOverride, Study
from review.routing import Rule, first_match, roles_by_rule, rule_from
from review.routing_documents import Document
from review.routing_facts import StudyFacts
from review.rule_versions import rules_in_force

CHUNK = 5000


class ChangeKind(StrEnum):
    """How a study would fare under the draft."""

    GAINED = "newly processed"
    LOST = "no longer processed"
    SERIES = "other series"
    WORK = "other model, phase or destination"


@dataclass(frozen=True, slots=True)
class Change:
    """A study that the draft would treat otherwise; before and after in words."""

    study_uid: str
    patient_name: str
    study_date: str
    description: str
    kind: ChangeKind
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Trial:
    """A draft tried on `n_studies` studies."""

    n_studies: int
    changes: tuple[Change, ...]

    def counts(self) -> dict[ChangeKind, int]:
        """How many studies change in each way."""
        return {kind: sum(one.kind is kind for one in self.changes) for kind in ChangeKind}


@dataclass(frozen=True, slots=True)
class Known:
    """A stored study with what was made of it at intake."""

    header: StudyHeader
    guesses: dict[str, RoleGuess]
    picks: dict[str, str]
    told: dict[str, Role]
    seen: dict[str, RoleGuess]
    usable: tuple[SeriesHeader, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a study under a set of rules: the rule that wants it, and the series by role."""

    rule: Document | None
    picks: dict[str, str]

    @property
    def is_processed(self) -> bool:
        """Whether a job would be made."""
        return self.rule is not None and len(self.picks) == len(NEEDED_ROLES)

    def words(self, header: StudyHeader) -> str:
        """The outcome for people."""
        if self.rule is None:
            return "no rule wants it"
        missing = [role.value for role in NEEDED_ROLES if role.value not in self.picks]
        if missing:
            return f"rule “{self.rule['name']}”, waits for {' and '.join(missing)}"
        numbers = {one.series_uid: one.series_number for one in header.series}
        series = ", ".join(f"{role} {numbers.get(self.picks[role])}" for role in NEEDED_ROLES)
        places = " and ".join(self.rule["destinations"]) or "Orthanc only"
        model = self.rule["model"] or "active model"
        return (
            f"rule “{self.rule['name']}”: {model}, phase {self.rule['phase']}, series {series}, to {places}"
        )


class RuleSet:
    """The enabled rules of a document, ready to be asked many times."""

    def __init__(self, document: Sequence[Document]) -> None:
        enabled = [rule for rule in document if rule["enabled"]]
        self._documents = dict(enumerate(enabled))
        self._rules = [rule_from(rule, place) for place, rule in enumerate(enabled)]

    def outcome(self, known: Known, facts: StudyFacts) -> Outcome:
        """What becomes of a study; its series are chosen anew only where a rule says what series are."""
        rule = first_match(self._rules, facts)
        if rule is None:
            return Outcome(None, {})
        return Outcome(self._documents[rule.key], self._picks(rule, known))

    def _picks(self, rule: Rule, known: Known) -> dict[str, str]:
        told = roles_by_rule(rule, known.usable)
        if all(known.guesses.get(uid) == guess for uid, guess in told.items()) and not _was_told(known):
            return known.picks
        picked = choose_series(known.usable, known.told, {**known.seen, **told}).picked
        return {role.value: one.series_uid for role, one in picked.items()}


def _was_told(known: Known) -> bool:
    """Whether a rule of earlier days said what a series is, which the present one may not."""
    return any(guess.reason.startswith("rule “") for guess in known.guesses.values())


def try_rules(draft: Sequence[Document], *, since: datetime) -> Trial:
    """What a draft would change of the studies that came since then, against the rules in force.

    The draft must be valid (`problems_in_rule_set`).
    """
    before, after = RuleSet(rules_in_force()), RuleSet(draft)
    count = 0
    changes = []
    for known in known_studies(since):
        count += 1
        facts = StudyFacts(known.header, known.guesses)
        if change := _change(known, before.outcome(known, facts), after.outcome(known, facts)):
            changes.append(change)
    return Trial(count, tuple(changes))


def _change(known: Known, before: Outcome, after: Outcome) -> Change | None:
    kind = _kind(before, after)
    if kind is None:
        return None
    header = known.header
    return Change(
        header.study_uid,
        header.patient_name,
        header.study_date,
        header.description,
        kind,
        before.words(header),
        after.words(header),
    )


def _kind(before: Outcome, after: Outcome) -> ChangeKind | None:
    if before.is_processed != after.is_processed:
        return ChangeKind.GAINED if after.is_processed else ChangeKind.LOST
    if before.rule is None or after.rule is None or not after.is_processed:
        return None
    if before.picks != after.picks:
        return ChangeKind.SERIES
    same = all(before.rule[name] == after.rule[name] for name in ("model", "phase", "destinations"))
    return None if same else ChangeKind.WORK


def known_studies(since: datetime) -> Iterator[Known]:
    """The studies that came since then and are still in Orthanc, with their foreign series."""
    told: dict[int, dict[str, Role]] = defaultdict(dict)
    for study_id, uid, role in SeriesOverride.objects.values_list("study_id", "series_uid", "role"):
        told[study_id][uid] = Role(role)
    studies = Study.objects.filter(first_seen_at__gte=since, deleted_at=None)
    series: dict[int, list[Any]] = defaultdict(list)
    for row in _series_rows(since):
        series[row[0]].append(row[1:])
    for study in studies.order_by("-first_seen_at").iterator(chunk_size=CHUNK):
        yield _known(study, series.pop(study.pk, []), told.get(study.pk, {}))


def _series_rows(since: datetime) -> Iterator[tuple[Any, ...]]:
    rows = Series.objects.filter(study__first_seen_at__gte=since, study__deleted_at=None, is_ours=False)
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
    yield from rows.order_by().values_list(*wanted).iterator(chunk_size=CHUNK)


def _known(study: Study, rows: list[Any], told: dict[str, Role]) -> Known:
    guesses, picks, seen, series, usable = {}, {}, {}, [], []
    for values, role, confidence, reason, is_chosen, flaw, seen_role, seen_reason in rows:
        header = SeriesHeader.from_dict(values)
        series.append(header)
        guesses[header.series_uid] = RoleGuess(Role(role), confidence, reason)
        if seen_role:
            seen[header.series_uid] = RoleGuess(Role(seen_role), SEEN_CONFIDENCE, seen_reason)
        if is_chosen:
            picks[role] = header.series_uid
        if not flaw or header.series_uid in told:
            usable.append(header)
    return Known(_header(study, tuple(series)), guesses, picks, told, seen, tuple(usable))


def _header(study: Study, series: tuple[SeriesHeader, ...]) -> StudyHeader:
    return StudyHeader(
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
        series=series,
    )
