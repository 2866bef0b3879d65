"""Flags on the pages: struck numbers, buttons for radiologists only, and the reader's way in the real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from review.models import Algorithm, Job
from review.services_of_review import accept, flag_as_poor, give_opinion, undo_flag
from tests.review import factories

pytestmark = pytest.mark.django_db

UID = factories.STUDY_UID
LogIn = Callable[[str], Client]
PAGES = ["/", f"/studies/{UID}/", f"/panel/{UID}/"]


@pytest.mark.parametrize("address", PAGES)
def test_a_flagged_compartment_is_struck_on_every_page_and_comes_back_with_an_undo(
    as_role: LogIn, address: str
) -> None:
    flag = flag_as_poor(factories.make_result(), compartment="ED", reason="ventricle", by="ann")
    client = as_role("viewer")
    page = client.get(address).content.decode()
    assert "ventricle or choroid plexus labelled" in page
    assert "struck" in page
    undo_flag(flag, by="ann")
    page = client.get(address).content.decode()
    assert 'chip flagged">flagged' not in page
    assert "30.20" in page


@pytest.mark.parametrize("address", PAGES[1:])
def test_only_radiologists_have_the_buttons_of_a_verdict(as_role: LogIn, address: str) -> None:
    factories.make_result()
    for role, has in (("viewer", False), ("admin", False), ("radiologist", True)):
        page = as_role(role).get(address).content.decode()
        assert ('id="accept"' in page, 'id="flag-whole"' in page) == (has, has)


@pytest.mark.parametrize("address", PAGES[1:])
def test_the_history_of_a_flag_and_who_reviewed_are_told(as_role: LogIn, address: str) -> None:
    result = factories.make_result()
    flag = flag_as_poor(result, reason="motion", by="ann", text="Blurred")
    give_opinion(flag, agrees=False, by="ben")
    undo_flag(flag, by="cleo")
    accept(result, by="dora")
    page = as_role("viewer").get(address).content.decode()
    for words in ("1 flag taken back", "Blurred", "ben disagrees", "undone by cleo", "by dora"):
        assert words in page


def test_a_flagged_result_offers_other_series_and_the_other_models(as_role: LogIn) -> None:
    result = factories.make_result()
    Algorithm.objects.create(name="other", version="2", folder="/m", rank=1)
    flag_as_poor(result, reason="missed", by="ann")
    client = as_role("radiologist")
    page = client.get(f"/panel/{UID}/").content.decode()
    assert f"/studies/{UID}/series/" in page
    assert "other 2" in page
    address = f"/api/studies/{UID}/model/"
    asked = {"name": "other", "version": "2"}
    assert as_role("viewer").post(address, asked, "application/json").status_code == 403
    assert client.post(address, {"name": "none", "version": "2"}, "application/json").status_code == 409
    assert client.post(address, asked, "application/json").status_code == 202
    job = Job.objects.get(model_name="other")
    assert (job.chosen, job.state, job.requested_by) == (result.job.chosen, "queued", "radiologist")
    assert client.post(address, asked, "application/json").status_code == 409
