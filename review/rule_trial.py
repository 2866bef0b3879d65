"""What a draft of the rules would change: tried on the headers of the studies that came lately. Stores nothing."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orthanc.series import choose_series
from orthanc.types import NEEDED_ROLES, RoleGuess
from review.routing import Rule, first_match, roles_by_rule, rule_from
from review.routing_documents import Document, Urgency
from review.rule_versions import rules_in_force
from review.stored_studies import Asked, StoredSeries, StoredStudy, asked_by, stored_studies


class ChangeKind(StrEnum):
    """How a study would fare under the draft."""

    GAINED = "newly processed"
    LOST = "no longer processed"
    SERIES = "other series"
    WORK = "other model, phase or destination"
    QUEUE = "other place in the queue"


WORK_FIELDS = ("model", "phase", "destinations")
QUEUE_FIELDS = ("urgency", "priority", "off_peak_from", "off_peak_to")


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
class Outcome:
    """What becomes of a study under a set of rules: the rule that wants it, and the series by role."""

    rule: Document | None
    picks: dict[str, str]

    @property
    def is_processed(self) -> bool:
        """Whether a job would be made."""
        return self.rule is not None and len(self.picks) == len(NEEDED_ROLES)

    def told_of(self, study: StoredStudy) -> str:
        """The outcome for people."""
        if self.rule is None:
            return "no rule wants it"
        missing = [role.value for role in NEEDED_ROLES if role.value not in self.picks]
        if missing:
            return f"rule “{self.rule['name']}”, waits for {' and '.join(missing)}"
        numbers = {one.series_uid: one.values.get("series_number") for one in study.series}
        series = ", ".join(f"{role} {numbers.get(self.picks[role])}" for role in NEEDED_ROLES)
        places = " and ".join(self.rule["destinations"]) or "Orthanc only"
        model = self.rule["model"] or "active model"
        turn = _turn(self.rule)
        return f"rule “{self.rule['name']}”: {model}, phase {self.rule['phase']}, {turn}series {series}, to {places}"


def _turn(rule: Document) -> str:
    if rule["urgency"] == Urgency.NORMAL and not rule["priority"]:
        return ""
    hours = f" ({rule['off_peak_from']} to {rule['off_peak_to']})"
    place = f", priority {rule['priority']}" if rule["priority"] else ""
    return (
        f"{rule['urgency'].replace('_', '-')}{hours if rule['urgency'] == Urgency.OFF_PEAK else ''}{place}, "
    )


class RuleSet:
    """The enabled rules of a document, ready to be asked many times: alike studies are asked once."""

    def __init__(self, document: Sequence[Document]) -> None:
        enabled = [rule for rule in document if rule["enabled"]]
        self._documents = dict(enumerate(enabled))
        self._rules = [rule_from(rule, place) for place, rule in enumerate(enabled)]
        self._asked: Asked = asked_by(self._rules)
        self._wanted_by: dict[Hashable, Rule | None] = {}
        self._told: dict[Hashable, RoleGuess | None] = {}

    def outcome(self, study: StoredStudy) -> Outcome:
        """What becomes of a study; its series are chosen anew only where a rule says what series are."""
        rule = self._rule_for(study)
        if rule is None:
            return Outcome(None, {})
        return Outcome(self._documents[rule.key], self._picks(rule, study))

    def _rule_for(self, study: StoredStudy) -> Rule | None:
        alike = study.agrees_in(self._asked)
        if alike not in self._wanted_by:
            self._wanted_by[alike] = first_match(self._rules, study.facts)
        return self._wanted_by[alike]

    def _picks(self, rule: Rule, study: StoredStudy) -> dict[str, str]:
        told = self._roles_by_rule(rule, study)
        if not _was_told(study) and all(
            one.guess == told[one.series_uid] for one in study.series if one.series_uid in told
        ):
            return study.picks()
        headers = [one.header for one in study.usable()]
        picked = choose_series(headers, study.told, {**study.seen(), **told}).picked
        return {role.value: one.series_uid for role, one in picked.items()}

    def _roles_by_rule(self, rule: Rule, study: StoredStudy) -> dict[str, RoleGuess]:
        if not rule.role_overrides:
            return {}
        told = {one.series_uid: self._role_by_rule(rule, one) for one in study.usable()}
        return {uid: guess for uid, guess in told.items() if guess is not None}

    def _role_by_rule(self, rule: Rule, series: StoredSeries) -> RoleGuess | None:
        alike = (rule.key, series.agrees_in(self._asked))
        if alike not in self._told:
            self._told[alike] = roles_by_rule(rule, [series.header]).get(series.series_uid)
        return self._told[alike]


def _was_told(study: StoredStudy) -> bool:
    """Whether a rule of earlier days said what a series is, which the present one may not."""
    return any(one.reason.startswith("rule “") for one in study.series)


def try_rules(draft: Sequence[Document], *, since: datetime) -> Trial:
    """What a draft would change of the studies that came since then, against the rules in force.

    The draft must be valid (`problems_in_rule_set`).
    """
    before, after = RuleSet(rules_in_force()), RuleSet(draft)
    count = 0
    changes = []
    for study in stored_studies(since):
        count += 1
        if change := _change(study, before.outcome(study), after.outcome(study)):
            changes.append(change)
    return Trial(count, tuple(reversed(changes)))


def _change(study: StoredStudy, before: Outcome, after: Outcome) -> Change | None:
    kind = _kind(before, after, waits=study.waits)
    if kind is None:
        return None
    return Change(
        study.words.study_uid,
        study.words.patient_name,
        study.words.study_date,
        study.words.description,
        kind,
        before.told_of(study),
        after.told_of(study),
    )


def _kind(before: Outcome, after: Outcome, *, waits: bool) -> ChangeKind | None:
    if before.is_processed != after.is_processed:
        return ChangeKind.GAINED if after.is_processed else ChangeKind.LOST
    if before.rule is None or after.rule is None or not after.is_processed:
        return None
    if before.picks != after.picks:
        return ChangeKind.SERIES
    if any(before.rule[name] != after.rule[name] for name in WORK_FIELDS):
        return ChangeKind.WORK
    turns = any(before.rule[name] != after.rule[name] for name in QUEUE_FIELDS)
    return ChangeKind.QUEUE if waits and turns else None
