"""Which model new jobs get, who decides it, and how a decision is taken back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings as DjangoSettings

from orthanc.series import choose_series
from review.active_model import active_model
from review.intake import start_job
from review.model_choice import CannotActivateError, activate, roll_back, scan_models
from review.models import Activation, Algorithm, RoutingRule
from segmentation.errors import BadModelError
from tests.review.factories import FLAIR, T1, T1CE, T2, make_study

pytestmark = [pytest.mark.django_db, pytest.mark.stack]
InstallModel = Callable[..., Path]


@pytest.fixture
def two_models(install_model: InstallModel) -> None:
    install_model("plain", rank=80)
    install_model("careful", rank=50)


def active_name() -> str:
    return active_model().identity.name


def test_while_none_is_active_the_best_installed_model_is_taken(two_models: None) -> None:
    scan_models()
    assert active_name() == "plain"


def test_an_activated_model_goes_before_the_sites_setting_and_the_rank(
    two_models: None, settings: DjangoSettings
) -> None:
    settings.MODEL = "plain"
    activate("careful", "1", by="ada")
    assert active_name() == "careful"


def test_a_rule_that_names_a_model_gets_it_whatever_is_active(two_models: None) -> None:
    activate("careful", "1", by="ada")
    assert active_model("plain").identity.name == "plain"


def test_of_two_versions_the_active_one_is_what_a_rule_gets(install_model: InstallModel) -> None:
    install_model("plain", "1", rank=80)
    install_model("plain", "2", rank=90)
    assert active_model("plain").identity.version == "2"
    activate("plain", "1", by="ada")
    assert active_model("plain").identity.version == "1"


def test_jobs_made_after_an_activation_get_the_new_model_and_earlier_ones_keep_theirs(
    two_models: None, sent: list[str]
) -> None:
    rule = RoutingRule.objects.get()
    choice = choose_series([T1, T1CE, T2, FLAIR])
    before = start_job(make_study("1.1"), choice, rule)
    activate("careful", "1", by="ada")
    after = start_job(make_study("1.2"), choice, rule)
    assert before is not None
    assert after is not None
    before.refresh_from_db()
    assert (before.model_name, after.model_name) == ("plain", "careful")


def test_rollbacks_go_back_one_activation_at_a_time_and_all_is_recorded(
    install_model: InstallModel,
) -> None:
    for name, rank in (("a", 3), ("b", 2), ("c", 1)):
        install_model(name, rank=rank)
    activate("b", "1", by="ada")
    activate("c", "1", by="ben")
    assert str(roll_back(by="cleo")) == "b 1"
    assert active_name() == "b"
    assert roll_back(by="cleo") is None
    assert active_name() == "a"  # by rank
    with pytest.raises(CannotActivateError, match="nothing to go back to"):
        roll_back(by="cleo")
    told = [(event.by, event.kind, str(event.algorithm)) for event in Activation.objects.order_by("pk")]
    assert told == [
        ("ada", "activate", "b 1"),
        ("ben", "activate", "c 1"),
        ("cleo", "rollback", "b 1"),
        ("cleo", "rollback", "None"),
    ]


def test_activating_what_is_active_changes_nothing(two_models: None) -> None:
    activate("careful", "1", by="ada")
    activate("careful", "1", by="ben")
    assert [event.by for event in Activation.objects.all()] == ["ada"]


def test_a_model_that_is_not_installed_cannot_be_activated(two_models: None) -> None:
    with pytest.raises(
        CannotActivateError, match=r"careful 2 is not installed \(installed: plain 1, careful 1\)"
    ):
        activate("careful", "2", by="ada")


def test_an_active_model_whose_folder_is_gone_is_named_and_never_replaced_in_silence(
    two_models: None, settings: DjangoSettings
) -> None:
    activate("careful", "1", by="ada")
    shutil.rmtree(Path(settings.MODEL_DIRS[0]) / "careful")
    with pytest.raises(BadModelError, match="careful 1 which is the active one, is no longer installed"):
        active_model()
    scan_models()
    assert not Algorithm.objects.get(name="careful").is_installed


def test_going_back_to_a_model_that_is_gone_is_refused(two_models: None, settings: DjangoSettings) -> None:
    activate("careful", "1", by="ada")
    activate("plain", "1", by="ada")
    shutil.rmtree(Path(settings.MODEL_DIRS[0]) / "careful")
    with pytest.raises(CannotActivateError, match="careful 1, is no longer installed"):
        roll_back(by="ada")
    assert active_name() == "plain"


def test_two_folders_of_the_same_model_and_version_are_refused(
    two_models: None, settings: DjangoSettings
) -> None:
    root = Path(settings.MODEL_DIRS[0])
    shutil.copytree(root / "plain", root / "copy")
    with pytest.raises(CannotActivateError, match="installed twice"):
        scan_models()


def test_the_command_activates_rolls_back_and_lists(
    two_models: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("models", "activate", "careful", "1")
    assert capsys.readouterr().out.splitlines()[0].startswith("active     rank  50  careful 1")
    call_command("models", "rollback")
    assert "active " not in capsys.readouterr().out
    with pytest.raises(CommandError, match="is not installed"):
        call_command("models", "activate", "careful", "9")


@pytest.fixture
def admin_browser(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada", password="x"))
    return client


def act(browser: Client, action: str, *names: str) -> str:
    ticked = [str(row.pk) for row in Algorithm.objects.filter(name__in=names)]
    page = browser.post(
        reverse("admin:review_algorithm_changelist"),
        {"action": action, "_selected_action": ticked},
        follow=True,
    )
    return page.content.decode()


def test_an_admin_activates_in_the_browser_what_was_just_installed(
    two_models: None, install_model: InstallModel, admin_browser: Client
) -> None:
    scan_models()
    install_model("fresh", "7")
    assert "fresh 7" in admin_browser.get(reverse("admin:review_algorithm_changelist")).content.decode()
    assert "New jobs get fresh 7" in act(admin_browser, "make_active", "fresh")
    assert active_name() == "fresh"
    assert Activation.objects.get().by == "ada"
    assert "Tick one model" in act(admin_browser, "make_active", "fresh", "plain")
    assert "New jobs get the best installed model again" in act(admin_browser, "go_back", "fresh")
    assert "nothing to go back to" in act(admin_browser, "go_back", "fresh")


def test_a_radiologist_cannot_choose_models(two_models: None, client: Client) -> None:
    scan_models()
    client.force_login(User.objects.create_user("rita", password="x", is_staff=True))
    answer = client.post(
        reverse("admin:review_algorithm_changelist"),
        {"action": "make_active", "_selected_action": [str(Algorithm.objects.get(name="careful").pk)]},
    )
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")
    assert not Activation.objects.exists()


def test_a_damaged_description_is_shown_on_the_page_of_models(
    two_models: None, admin_browser: Client, settings: DjangoSettings
) -> None:
    (Path(settings.MODEL_DIRS[0]) / "plain" / "model.json").write_text("{")
    page = admin_browser.get(reverse("admin:review_algorithm_changelist")).content.decode()
    assert "is damaged" in page
