"""A draft of the rules tried on stored headers, and rules written to and taken from YAML."""

from __future__ import annotations

import io
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.utils import timezone

from orthanc.types import Role
from review.intake import record_study
from review.models import Job, RuleSetVersion, SeriesOverride, Study
from review.models.intake import as_study_header
from review.routing import find_rule, rule_from
from review.routing_documents import complete, new_key
from review.rule_trial import Change, ChangeKind, RuleSet, Trial, try_rules
from review.rule_versions import current_number, rules_in_force
from review.stored_studies import stored_studies
from tests.review.factories import CT, FLAIR, T1, T1CE, T2, THIN_T1CE, study_header
from tests.review.test_rule_sets import IS_MR, RENAMED, XQ_IS_FLAIR, changed, renamed_studies, rule, save

pytestmark = pytest.mark.django_db


def trial(*rules: dict[str, Any], days: int = 30) -> Trial:
    return try_rules(rules, since=timezone.now() - timedelta(days=days))


def only_change(*rules: dict[str, Any]) -> Change:
    (change,) = trial(*rules).changes
    return change


def test_a_draft_that_says_what_a_series_is_gains_the_studies_that_waited_for_it(model: Path) -> None:
    renamed_studies(3)
    record_study(study_header())
    tried = trial(changed(role_overrides=[XQ_IS_FLAIR]))
    assert tried.n_studies == 4
    assert {kind: count for kind, count in tried.counts().items() if count} == {ChangeKind.GAINED: 3}
    assert tried.changes[0].before == "rule “MR studies”, waits for FLAIR"
    assert "FLAIR 5" in tried.changes[0].after
    assert Job.objects.count() == 1  # nothing was stored


def test_a_narrower_draft_loses_studies_and_says_that_no_rule_wants_them(model: Path) -> None:
    record_study(study_header())
    change = only_change(
        changed(conditions=[{"tag": "StudyDescription", "test": "contains", "value": "spine"}])
    )
    assert (change.kind, change.after) == (ChangeKind.LOST, "no rule wants it")


def test_a_disabled_rule_of_a_draft_wants_nothing(model: Path) -> None:
    record_study(study_header())
    assert only_change(changed(enabled=False)).kind is ChangeKind.LOST


@pytest.mark.parametrize("fields", [{"model": "other"}, {"destinations": ["PACS"]}, {"phase": "postop"}])
def test_another_model_phase_or_destination_is_a_change(model: Path, fields: dict[str, Any]) -> None:
    record_study(study_header())
    assert only_change(changed(**fields)).kind is ChangeKind.WORK


def test_other_series_are_a_change_and_both_are_named(model: Path) -> None:
    record_study(study_header(*study_header().series, THIN_T1CE))
    never = {"role": "none", "series": [{"tag": "SliceThickness", "test": "between", "value": [None, 1.5]}]}
    change = only_change(changed(role_overrides=[never]))
    assert change.kind is ChangeKind.SERIES
    assert ("T1CE 12" in change.before, "T1CE 9" in change.after) == (True, True)


def test_an_override_that_is_taken_back_is_seen_as_lost(model: Path) -> None:
    save(changed(role_overrides=[XQ_IS_FLAIR]))
    renamed_studies(1)
    assert only_change(changed(role_overrides=[])).kind is ChangeKind.LOST


def test_a_series_that_a_person_named_stays_whatever_the_draft_says(model: Path) -> None:
    study = record_study(study_header(T1, T2, T1CE, RENAMED))
    SeriesOverride.objects.create(study=study, role=Role.FLAIR, series_uid=RENAMED.series_uid, by="ada")
    record_study(study_header(T1, T2, T1CE, RENAMED))
    never = {"role": "none", "series": XQ_IS_FLAIR["series"]}
    assert trial(changed(role_overrides=[never])).changes == ()


def test_a_comment_changes_nothing_and_old_studies_are_not_looked_at(model: Path) -> None:
    record_study(study_header())
    assert trial(changed(comment="a word")).changes == ()
    Study.objects.update(first_seen_at=timezone.now() - timedelta(days=40))
    assert trial(changed(enabled=False)).n_studies == 0


def test_a_study_that_nobody_wants_either_way_is_no_change(model: Path) -> None:
    record_study(study_header(CT))
    assert trial(changed(phase="postop")).changes == ()


def test_the_rules_come_back_from_yaml_as_they_were() -> None:
    save(changed(comment="größer: ü"), complete({"key": new_key(), "name": "no", "conditions": [IS_MR]}))
    written = io.StringIO()
    call_command("rules", "export", stdout=written)
    before = rules_in_force()
    assert yaml.safe_load(written.getvalue()) == before
    with pytest.raises(CommandError, match="Nothing would change"):
        call_command("rules", "import", _file(written.getvalue()), "--why", "again")
    assert rules_in_force() == before


def _file(text: str) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False, encoding="utf-8") as file:
        file.write(text)
    return file.name


def test_an_import_is_a_version_and_its_dry_run_stores_nothing(model: Path) -> None:
    renamed_studies(2)
    draft = yaml.safe_dump([{"name": "MR studies", "conditions": [IS_MR], "role_overrides": [XQ_IS_FLAIR]}])
    said = io.StringIO()
    call_command("rules", "import", _file(draft), "--dry-run", stdout=said)
    assert "    2  newly processed" in said.getvalue()
    assert "is FLAIR here" in said.getvalue()
    assert current_number() == 1
    key = rules_in_force()[0]["key"]
    call_command("rules", "import", _file(draft), "--why", "The new scanner.", stdout=said)
    version = RuleSetVersion.objects.get(number=2)
    assert (version.why, version.document[0]["key"]) == ("The new scanner.", key)
    call_command("rules", "restore", "1", stdout=said)
    assert (current_number(), rules_in_force()[0]["role_overrides"]) == (3, [])
    call_command("rules", "versions", stdout=said)
    assert "Back to version 1." in said.getvalue()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "no YAML"),
        ("just words", "list of rules"),
        ("- 7", "A rule is a set of fields"),
        ("- {name: x, conditions: [{tag: Nope, test: equals, value: x}]}", "unknown tag 'Nope'"),
        ("- !!python/object/apply:os.system [ls]", "no YAML"),
        ("- {name: x, conditionz: []}", "Unknown field 'conditionz'"),
    ],
)
def test_a_file_that_is_no_rule_set_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("rules", "import", _file(text), "--why", "w")


def test_another_place_in_the_queue_is_told_of_jobs_that_were_not_begun(model: Path) -> None:
    record_study(study_header())
    urgent = changed(urgency="urgent", priority=3)
    change = only_change(urgent)
    assert change.kind is ChangeKind.QUEUE
    assert ("urgent, priority 3" in change.after, "urgent" in change.before) == (True, False)
    Job.objects.update(started_at=timezone.now())
    assert trial(urgent).changes == ()


def unlike_study(place: int) -> None:
    """A study whose age, timing and words differ with its place; its series came in another order."""
    t1 = replace(T1, repetition_time_ms=400.0 + 100 * (place % 2))
    own = [
        replace(one, series_uid=f"{place}.{one.series_uid}", study_uid=f"9.{place}")
        for one in (T1CE, t1, T2, FLAIR)
    ]
    fields = {
        "description": "MRI BRAIN PRE-OP" if place < 3 else "MRI BRAIN TUMOR",
        "birth_date": f"19{60 + 9 * (place % 3)}0203",
    }
    record_study(study_header(*own, study_uid=f"9.{place}", orthanc_id=f"o-{place}", **fields))


@pytest.mark.parametrize(
    ("tag", "test", "value", "wanted"),
    [
        ("RepetitionTime", "between", [None, 450], 3),
        ("Phase", "equals", "preop", 3),
        ("PatientAge", "between", [None, 60], 4),
        ("NumberOfSeries", "between", [5, None], 0),
        ("Role", "equals", "T1CE", 6),
    ],
)
def test_alike_studies_are_asked_together_and_unlike_ones_apart(
    model: Path, tag: str, test: str, value: Any, wanted: int
) -> None:
    for place in range(6):
        unlike_study(place)
    document = [rule(conditions=[{"tag": tag, "test": test, "value": value}])]
    asked_together = RuleSet(document)
    found = 0
    for study in stored_studies(timezone.now() - timedelta(days=1)):
        stored = as_study_header(Study.objects.get(study_uid=study.words.study_uid))
        is_wanted = find_rule([rule_from(document[0], 1)], stored).rule is not None
        assert asked_together.outcome(study).is_processed == is_wanted
        found += is_wanted
    assert found == wanted
