"""Every save is a version; nobody overwrites what they have not seen; jobs say under which version they were made."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from orthanc.types import SeriesHeader
from review.alerts import raise_alerts
from review.intake import expire_waits, record_study
from review.models import Alert, Job, RoutingRule, RuleSetVersion, Study
from review.queued_jobs import follow_new_rules
from review.routing_documents import complete, new_key
from review.rule_sets import (
    BadRulesError,
    RuleSetError,
    StaleRulesError,
    decide_under_new_rules,
    keep_first_version,
    restore_version,
    save_rule_set,
)
from review.rule_versions import current_number, rules_in_force
from review.sweeper import sweep
from tests.review.factories import FLAIR, FOUR, T1, T1CE, T2, default_rule, study_header

pytestmark = pytest.mark.django_db

IS_MR = {"tag": "Modality", "test": "equals", "value": "MR"}
RENAMED = replace(FLAIR, description="XQ 7", protocol_name="XQ 7", inversion_time_ms=None, echo_time_ms=None)
XQ_IS_FLAIR = {"role": "FLAIR", "series": [{"tag": "SeriesDescription", "test": "equals", "value": "XQ 7"}]}


def rule(name: str = "MR studies", **fields: Any) -> dict[str, Any]:
    return complete({"key": new_key(), "name": name, "conditions": [IS_MR], **fields})


def save(*rules: dict[str, Any], **fields: Any) -> RuleSetVersion:
    keep_first_version()
    values = {"by": "ada", "why": "a test", "based_on": current_number(), **fields}
    return save_rule_set(rules, **values)


def changed(**fields: Any) -> dict[str, Any]:
    """The installed rule with other fields."""
    return {**default_rule().as_document(), **fields}


def test_a_new_installation_has_its_rules_as_version_1() -> None:
    version = RuleSetVersion.objects.get()
    assert (version.number, version.document) == (1, rules_in_force())
    assert [one["name"] for one in version.document] == ["MR studies"]


def test_a_save_is_a_version_with_who_when_and_why_and_is_in_force_at_once(model: Path) -> None:
    saved = save(rule("Brain", phase="postop", urgency="urgent", priority=3), why="  Only brains. ")
    assert (saved.number, saved.by, saved.why) == (2, "ada", "Only brains.")
    assert saved.document == rules_in_force()
    job = record_study(study_header()).jobs.get()
    assert (job.rule_set, job.rule_name, job.phase, job.priority) == (2, "Brain", "postop", 1003)


def test_a_job_keeps_the_version_that_it_was_made_under(model: Path) -> None:
    job = record_study(study_header()).jobs.get()
    save(rule("Other"))
    job.refresh_from_db()
    assert (job.rule_set, job.rule_name) == (1, "MR studies")


def test_of_two_admins_the_second_is_told_who_was_first_and_nothing_is_lost() -> None:
    save(rule("Ada's"), by="ada", why="first")
    with pytest.raises(StaleRulesError, match=r"ada saved version 2 meanwhile \(first\)"):
        save(rule("Ben's"), by="ben", based_on=1)
    assert [one["name"] for one in rules_in_force()] == ["Ada's"]


@pytest.mark.django_db(transaction=True)
def test_of_many_saves_at_once_one_is_kept() -> None:
    default_rule()
    start = threading.Barrier(4)

    def attempt(number: int) -> bool:
        try:
            start.wait()
            save(rule(f"R{number}"), based_on=1)
        except StaleRulesError:
            return False
        finally:
            connection.close()
        return True

    keep_first_version()
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == [False, False, False, True]
    assert RuleSetVersion.objects.count() == 2


@pytest.mark.parametrize(
    ("rules", "why", "words"),
    [
        ([], " ", "Say why"),
        ([{"name": "x", "conditions": [{"tag": "No"}]}], "w", "Rule 1 “x”"),
        (None, "w", "Nothing would change"),
    ],
)
def test_a_save_that_says_nothing_or_nonsense_is_refused(rules: Any, why: str, words: str) -> None:
    with pytest.raises(RuleSetError, match=words):
        save(*(rules_in_force() if rules is None else rules), why=why)
    assert current_number() == 1


def test_all_problems_of_all_rules_are_named_at_once() -> None:
    with pytest.raises(BadRulesError) as refused:
        save(rule("a", phase="x"), rule("b", wait_hours="soon"))
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == ["Rule 1 “a”", "Rule 2 “b”"]


def test_two_rules_can_swap_their_names_in_one_save() -> None:
    first, second = rule("a"), rule("b")
    save(first, second)
    save({**first, "name": "b"}, {**second, "name": "a"})
    assert [one["name"] for one in rules_in_force()] == ["b", "a"]


def test_a_version_that_is_not_there_cannot_come_back() -> None:
    with pytest.raises(RuleSetError, match="no version 9"):
        restore_version(9, by="ada")


class VersionsTest(HypothesisTestCase):
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.lists(st.sampled_from("abcd"), unique=True), min_size=1, max_size=5), st.data())
    def test_any_version_comes_back_as_it_was(self, histories: list[list[str]], data: st.DataObject) -> None:
        keys = {name: f"key-{name}" for name in "abcd"}
        for place, names in enumerate(histories):
            wanted = [rule(name, key=keys[name], comment=f"save {place}") for name in names]
            if wanted != rules_in_force():
                save(*wanted)
        back_to = data.draw(st.integers(1, current_number()))
        wanted = RuleSetVersion.objects.get(number=back_to).document
        before = current_number()
        if wanted != rules_in_force():
            assert restore_version(back_to, by="ben").restores == back_to
        assert rules_in_force() == wanted
        kept = list(RuleSetVersion.objects.order_by("number").values_list("number", flat=True))
        assert kept == list(range(1, current_number() + 1))
        assert current_number() - before in (0, 1)


def test_an_override_fills_the_role_at_intake_and_says_so(model: Path) -> None:
    study = record_study(study_header(T1, T2, T1CE, RENAMED))
    assert (study.state, study.series.get(series_uid=RENAMED.series_uid).role) == (
        Study.State.WAITING,
        "none",
    )
    save(changed(role_overrides=[XQ_IS_FLAIR]))
    record_study(study_header(T1, T2, T1CE, RENAMED))
    study.refresh_from_db()
    row = study.series.get(series_uid=RENAMED.series_uid)
    assert (study.state, row.role, row.is_chosen) == (Study.State.QUEUED, "FLAIR", True)
    assert "XQ 7 is FLAIR" in row.role_reason


def test_an_override_to_none_leaves_a_series_out(model: Path) -> None:
    never = {"role": "none", "series": [{"tag": "SeriesDescription", "test": "contains", "value": "flair"}]}
    save(changed(role_overrides=[never]))
    study = record_study(study_header())
    assert study.state == Study.State.WAITING
    assert study.reason.startswith("Missing FLAIR")


def renamed_studies(count: int) -> None:
    for place in range(count):
        series: tuple[SeriesHeader, ...] = (T1, T2, T1CE, RENAMED)
        own = [replace(one, series_uid=f"{place}.{one.series_uid}", study_uid=f"9.{place}") for one in series]
        record_study(study_header(*own, study_uid=f"9.{place}", orthanc_id=f"o-{place}"))


def test_waiting_studies_run_after_a_save_that_asks_for_it_and_old_ones_stay(
    model: Path, sent: list[str]
) -> None:
    renamed_studies(3)
    Study.objects.filter(study_uid="9.0").update(first_seen_at=timezone.now() - timedelta(days=9))
    save(changed(role_overrides=[XQ_IS_FLAIR]), decide_since=timezone.now() - timedelta(days=7))
    assert Job.objects.count() == 0
    sweep()
    assert set(Job.objects.values_list("study__study_uid", flat=True)) == {"9.1", "9.2"}
    assert RuleSetVersion.objects.filter(is_decided=False).count() == 0


def test_many_waiting_studies_are_decided_some_at_a_time(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("review.rule_sets.DECIDED_AT_ONCE", 2)
    renamed_studies(5)
    save(changed(role_overrides=[XQ_IS_FLAIR]), decide_since=timezone.now() - timedelta(days=1))
    assert [decide_under_new_rules() for _ in range(4)] == [2, 2, 1, 0]
    assert Job.objects.count() == 5


@pytest.mark.parametrize(
    ("after_wait", "state", "alerts"),
    [
        ("alert", Study.State.INCOMPLETE, 1),
        ("give_up", Study.State.INCOMPLETE, 0),
        ("discard", Study.State.NOT_WANTED, 0),
    ],
)
def test_the_rule_says_what_becomes_of_a_study_whose_series_never_came(
    model: Path, after_wait: str, state: str, alerts: int
) -> None:
    save(changed(after_wait=after_wait, comment="a test"))
    study = record_study(study_header(T1, T2, T1CE))
    Study.objects.update(wait_deadline=timezone.now() - timedelta(minutes=1))
    expire_waits()
    study.refresh_from_db()
    assert study.state == state
    assert raise_alerts() == Alert.objects.count() == alerts


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-03-02 12:00", "2026-03-02 19:00"),
        ("2026-03-02 19:00", "2026-03-02 19:00"),
        ("2026-03-02 23:30", "2026-03-02 23:30"),
        ("2026-03-03 05:59", "2026-03-03 05:59"),
        ("2026-03-03 06:00", "2026-03-03 19:00"),
    ],
)
def test_off_peak_hours_go_over_midnight(now: str, start: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    off_peak = RoutingRule(urgency="off_peak", off_peak_from="19:00", off_peak_to="06:00")
    assert f"{off_peak.starts_at(moment):%Y-%m-%d %H:%M}" == start
    assert RoutingRule(urgency="normal").starts_at(moment) == moment


def test_an_off_peak_job_waits_for_its_hours_and_says_so(model: Path, sent: list[str]) -> None:
    here = timezone.localtime()
    opens, closes = here + timedelta(hours=2), here + timedelta(hours=3)
    save(changed(urgency="off_peak", off_peak_from=f"{opens:%H:%M}", off_peak_to=f"{closes:%H:%M}"))
    study = record_study(study_header(*FOUR))
    study.refresh_from_db()
    assert (study.state, study.reason) == (Study.State.QUEUED, f"Off-peak: starts at {opens:%Y-%m-%d %H:%M}.")
    assert sent == []
    assert Job.objects.claim(Job.Stage.PREPARE, "me", 20) is None


def test_the_alert_of_a_rule_goes_to_its_own_addresses_too(
    model: Path, settings: Any, mailoutbox: list[Any]
) -> None:
    from review.alerts import deliver_alert

    settings.ALERT_MAIL_TO = ["site@example.org"]
    save(changed(notify=["ben@example.org", "site@example.org"], wait_hours=0))
    record_study(study_header(T1, T2, T1CE))
    raise_alerts()
    deliver_alert(Alert.objects.get())
    assert mailoutbox[0].to == ["site@example.org", "ben@example.org"]


def queued_job() -> Job:
    return Job.objects.get(state=Job.State.QUEUED)


def test_a_queued_job_that_was_not_begun_follows_a_changed_rule(model: Path, sent: list[str]) -> None:
    record_study(study_header())
    save(changed(urgency="urgent", priority=7, phase="postop", destinations=["PACS"], name="Now"))
    assert queued_job().priority == 0
    sweep()
    job = queued_job()
    assert (job.priority, job.phase, job.destinations) == (1007, "postop", ["PACS"])
    assert (job.rule_set, job.rule_name) == (2, "Now")
    assert follow_new_rules() == 0


def test_a_queued_job_moves_into_other_hours_and_out_of_them(model: Path, sent: list[str]) -> None:
    study = record_study(study_header())
    here = timezone.localtime()
    hours = {
        "off_peak_from": f"{here + timedelta(hours=2):%H:%M}",
        "off_peak_to": f"{here + timedelta(hours=3):%H:%M}",
    }
    save(changed(urgency="off_peak", **hours))
    sweep()
    study.refresh_from_db()
    assert study.reason.startswith("Off-peak: starts at ")
    assert Job.objects.claim(Job.Stage.PREPARE, "me", 20) is None
    save(changed(urgency="normal"))
    sweep()
    study.refresh_from_db()
    assert study.reason == ""
    assert Job.objects.claim(Job.Stage.PREPARE, "me", 20) is not None


def test_a_job_that_has_begun_or_that_a_person_asked_for_keeps_what_it_has(
    model: Path, sent: list[str]
) -> None:
    record_study(study_header())
    begun = Job.objects.claim(Job.Stage.PREPARE, "me", 20)
    assert begun is not None
    save(changed(priority=9))
    sweep()
    begun.refresh_from_db()
    assert (begun.priority, begun.rule_set) == (0, 1)
    Job.objects.update(state=Job.State.QUEUED, started_at=None, requested_by="ben")
    sweep()
    begun.refresh_from_db()
    assert (begun.priority, begun.rule_set) == (0, 1)


def test_a_queued_job_that_no_rule_wants_any_more_is_given_up(model: Path, sent: list[str]) -> None:
    study = record_study(study_header())
    save(changed(enabled=False))
    sweep()
    study.refresh_from_db()
    assert (study.state, study.current_job) == (Study.State.NOT_WANTED, None)
    assert Job.objects.get().state == Job.State.SUPERSEDED
    save(changed(enabled=True), decide_since=timezone.now() - timedelta(days=1))
    sweep()
    study.refresh_from_db()
    assert (study.state, queued_job().rule_set) == (Study.State.QUEUED, 3)


def test_a_queued_job_whose_series_are_none_any_more_waits_for_others(model: Path, sent: list[str]) -> None:
    study = record_study(study_header())
    never = {"role": "none", "series": [{"tag": "SeriesDescription", "test": "contains", "value": "flair"}]}
    save(changed(role_overrides=[never]))
    sweep()
    study.refresh_from_db()
    assert study.state == Study.State.WAITING
    assert study.reason.startswith("Missing FLAIR")
