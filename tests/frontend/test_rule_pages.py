"""The admin's pages of rules and the inbox, without a browser: guards, forms, drafts, versions, explanations."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from orthanc.study_maker import VisitDescription, make_study
from orthanc.types import Role
from review import inbox
from review.intake import record_study
from review.models import IgnoredVariant, RuleSetDraft, RuleSetVersion, Study
from review.routing import roles_by_rule, rule_from
from review.rule_versions import rules_in_force
from tests.review.conftest import head_images
from tests.review.factories import CT, T2, study_header
from tests.review.test_rule_sets import IS_MR, renamed_studies, rule, save

pytestmark = pytest.mark.django_db
LogIn = Callable[[str], Client]

READ = [
    "/rules/",
    "/rules/new/",
    "/rules/values.json",
    "/rules/versions/",
    "/rules/versions/1/",
    "/rules/explain/",
    "/inbox/",
]
WRITE = ["/rules/switch/", "/rules/remove/", "/rules/order/", "/rules/discard/", "/rules/save/", "/rules/move/",
         "/rules/versions/1/restore/", "/inbox/decide/"]  # fmt: skip


@pytest.mark.parametrize("role", ["viewer", "radiologist", "service", "nobody"])
@pytest.mark.parametrize("address", [*READ, *WRITE, "/rules/review/"])
def test_only_admins_see_or_change_rules(as_role: LogIn, role: str, address: str) -> None:
    client = as_role(role)
    assert client.get(address).status_code == 403
    assert client.post(address).status_code == 403


@pytest.mark.parametrize("address", READ)
def test_an_admin_sees_every_page(as_role: LogIn, address: str) -> None:
    answer = as_role("admin").get(address)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("address", WRITE)
def test_changes_are_never_made_by_following_a_link(as_role: LogIn, address: str) -> None:
    assert as_role("admin").get(address).status_code == 405


def form(**fields: Any) -> dict[str, Any]:
    values = {
        "name": "Brain", "owner": "ada", "comment": "", "enabled": "on", "raises_alert": "on", "model": "",
        "phase": "unknown",
        "urgency": "normal", "off_peak_from": "19:00", "off_peak_to": "06:00", "priority": "0", "wait_hours": "",
        "after_wait": "alert", "quality_policy": "standard", "destinations": "PACS, SECOND", "notify": "",
        "conditions": json.dumps([IS_MR]), "role_overrides": "[]",
    }  # fmt: skip
    return {**values, **fields}


def test_a_rule_goes_into_the_draft_and_is_in_force_when_saved(as_role: LogIn) -> None:
    client = as_role("admin")
    page = client.post("/rules/new/", form(), follow=True).content.decode()
    assert "You see your draft" in page
    assert "Results are sent to PACS and SECOND." in page
    assert [one["name"] for one in rules_in_force()] == ["MR studies"]
    assert "Brain" in client.get("/rules/review/").content.decode()
    assert (
        "Version 2 is in force"
        in client.post("/rules/save/", {"why": "brains"}, follow=True).content.decode()
    )
    assert [one["name"] for one in rules_in_force()] == ["MR studies", "Brain"]
    assert not RuleSetDraft.objects.exists()


def asking(tag: str, test: str, value: str) -> str:
    return json.dumps([{"tag": tag, "test": test, "value": value}])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "must not be empty"),
        ({"name": "MR studies"}, "Another rule has this name"),
        ({"wait_hours": "soon"}, "0 to 8760"),
        ({"priority": "9" * 400}, "-900 to 900"),
        ({"off_peak_from": "7 pm"}, "A time such as"),
        ({"notify": "ada"}, "Mail addresses"),
        ({"conditions": "not json"}, "A list of conditions"),
        ({"conditions": "[" * 100_000}, "A list of conditions"),
        ({"conditions": asking("SeriesDescription", "matches", r"(a+)+\1")}, "is refused"),
        ({"conditions": asking("Modality", "equals", "x" * 10_000)}, "10000 characters"),
        ({"conditions": asking("__import__('os')", "equals", "x")}, "unknown tag"),
    ],
)  # fmt: skip
def test_what_was_typed_wrongly_is_said_in_the_form_and_kept(
    as_role: LogIn, fields: dict[str, str], words: str
) -> None:
    answer = as_role("admin").post("/rules/new/", form(**fields))
    assert answer.status_code == 400
    page = answer.content.decode()
    assert words in page
    assert "PACS, SECOND" in page
    assert not RuleSetDraft.objects.exists()


def test_rules_are_switched_ordered_and_removed_in_the_draft_only(as_role: LogIn) -> None:
    client = as_role("admin")
    first, second = rule("first"), rule("second")
    save(first, second)
    client.post("/rules/order/", {"key": [second["key"], first["key"]]})
    client.post("/rules/switch/", {"key": first["key"]})
    draft = RuleSetDraft.objects.get().document
    assert [(one["name"], one["enabled"]) for one in draft] == [("second", True), ("first", False)]
    client.post("/rules/remove/", {"key": second["key"]})
    assert [one["name"] for one in RuleSetDraft.objects.get().document] == ["first"]
    assert [one["name"] for one in rules_in_force()] == ["first", "second"]
    client.post("/rules/discard/")
    assert not RuleSetDraft.objects.exists()


def test_a_draft_that_changes_nothing_is_none(as_role: LogIn) -> None:
    client = as_role("admin")
    key = rules_in_force()[0]["key"]
    client.post("/rules/switch/", {"key": key})
    client.post("/rules/switch/", {"key": key})
    assert not RuleSetDraft.objects.exists()


def test_of_two_admins_the_second_sees_the_first_ones_version_and_can_go_on_from_it(as_role: LogIn) -> None:
    client = as_role("admin")
    client.post("/rules/new/", form())
    save(*rules_in_force(), rule("Ben's"), by="ben", why="Ben was quicker")
    refused = client.post("/rules/save/", {"why": "mine"}, follow=True).content.decode()
    assert "ben saved version 2 meanwhile" in refused
    assert "Put my changes onto the newest version" in refused
    client.post("/rules/move/")
    client.post("/rules/save/", {"why": "mine"})
    assert [one["name"] for one in rules_in_force()] == ["MR studies", "Ben's", "Brain"]


def test_two_admins_who_changed_the_same_rule_are_told_and_the_draft_stays(as_role: LogIn) -> None:
    client = as_role("admin")
    installed = rules_in_force()[0]
    client.post(f"/rules/edit/{installed['key']}/", form(name="Mine"))
    save({**installed, "comment": "Ben's"}, by="ben")
    page = client.post("/rules/move/", follow=True).content.decode()
    assert "Both of you changed" in page
    assert RuleSetDraft.objects.get().document[0]["name"] == "Mine"


def test_an_earlier_version_comes_back_by_way_of_a_draft(as_role: LogIn) -> None:
    client = as_role("admin")
    save(rule("Only"))
    assert "removed" in client.get("/rules/versions/2/").content.decode()
    page = client.post("/rules/versions/1/restore/", follow=True).content.decode()
    assert "Only" in page
    client.post("/rules/save/", {"why": "back"})
    assert [one["name"] for one in rules_in_force()] == ["MR studies"]
    assert RuleSetVersion.objects.get(number=3).restores == 1
    assert client.get("/rules/versions/99/").status_code == 404


def test_values_that_were_seen_are_offered_with_their_counts(as_role: LogIn) -> None:
    renamed_studies(2)
    client = as_role("admin")
    seen = client.get("/rules/values.json", {"tag": "SeriesDescription", "q": "xq"}).json()["values"]
    assert seen == [{"value": "XQ 7", "count": 2}]
    assert client.get("/rules/values.json", {"tag": "StudyDescription"}).json()["values"][0]["count"] == 2
    for odd in ("", "Role", "SliceThickness", "password"):
        assert client.get("/rules/values.json", {"tag": odd}).json() == {"values": []}


@pytest.fixture
def study_files(tmp_path: Path) -> list[Path]:
    visit = VisitDescription("PAT-9", "Roe^Rita", "19700101", "F")
    make_study(head_images(), tmp_path / "study", visit, uid_seed="rule pages")
    return sorted((tmp_path / "study").rglob("*.dcm"))


def test_a_dropped_zip_is_explained_rule_by_rule_and_nothing_is_stored(
    as_role: LogIn, study_files: list[Path]
) -> None:
    spine = {"tag": "SeriesDescription", "test": "contains", "value": "spine"}
    save(rule("Spines", conditions=[spine]), *rules_in_force())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in study_files:
            archive.write(path, f"{path.parent.name}-{path.name}")
    dropped = SimpleUploadedFile("study.zip", packed.getvalue())
    page = as_role("admin").post("/rules/explain/", {"files": dropped}).content.decode()
    assert "does not want it" in page
    assert "wants it" in page
    assert "SeriesDescription contains spine" in page
    assert "here: MR" in page
    assert "FLAIR" in page
    assert not Study.objects.exists()


def test_a_dropped_file_that_is_no_dicom_is_refused_with_words(as_role: LogIn) -> None:
    answer = as_role("admin").post("/rules/explain/", {"files": SimpleUploadedFile("a.txt", b"hello")})
    assert "This is not a DICOM file." in answer.content.decode()
    assert "No file was chosen." in as_role("admin").post("/rules/explain/").content.decode()


def test_the_inbox_groups_what_nobody_took_and_a_click_says_what_it_is(as_role: LogIn) -> None:
    renamed_studies(3)
    record_study(study_header(CT, study_uid="8.1", orthanc_id="o-ct", description="CT HEAD"))
    client = as_role("admin")
    page = client.get("/inbox/").content.decode()
    assert page.count('data-description="XQ 7"') == 1
    assert "CT HEAD" in page
    sent = {"description": "XQ 7", "scanner": "", "decision": "FLAIR", "rule": rules_in_force()[0]["key"]}
    review = client.post("/inbox/decide/", sent, follow=True).content.decode()
    assert "<b>3</b> newly processed" in review
    assert "<b>0</b> no longer processed" in review


def test_what_is_ignored_stays_out_of_the_inbox_until_it_is_shown_again(as_role: LogIn) -> None:
    renamed_studies(1)
    client = as_role("admin")
    sent = {"description": "XQ 7", "scanner": ""}
    client.post("/inbox/decide/", {**sent, "decision": "ignore"})
    client.post("/inbox/decide/", {**sent, "decision": "ignore"})
    assert IgnoredVariant.objects.get().by == "admin"
    assert 'data-description="XQ 7"' not in client.get("/inbox/").content.decode()
    assert 'data-description="XQ 7"' in client.get("/inbox/?show=ignored").content.decode()
    client.post("/inbox/decide/", {**sent, "decision": "heed"})
    assert 'data-description="XQ 7"' in client.get("/inbox/").content.decode()


@pytest.mark.parametrize("description", ["", "a|b", "T1 (+C) [x]*", "ünï"])
def test_any_description_can_be_said_to_be_a_role(as_role: LogIn, description: str) -> None:
    inbox.say_role("ada", rules_in_force()[0]["key"], Role.FLAIR, description, "")
    told = rule_from(RuleSetDraft.objects.get().document[0], 1)
    assert roles_by_rule(told, [replace(T2, description=description)])
    assert not roles_by_rule(told, [replace(T2, description="another")])


def test_an_inbox_decision_without_sense_is_refused(as_role: LogIn) -> None:
    page = as_role("admin").post("/inbox/decide/", {"decision": "T9"}, follow=True).content.decode()
    assert "Choose a role and a rule." in page
