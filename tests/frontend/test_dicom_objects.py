"""Where the objects of a result stand, on the study's page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from review.models import Delivery, ResultObject
from tests.review import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery() -> Delivery:
    """A SEG that an archive did not take."""
    result = factories.make_result()
    item = ResultObject.objects.create(
        result=result, kind="SEG", sop_class_uid="1.2", series_uid="1.9.2", sop_uid="1.9.1"
    )
    made = Delivery.objects.create(item=item, destination="PACS")
    made.stumble("PACS answers, but did not take it: no such class", hopeless=True)
    return made


def test_the_page_says_where_every_object_was_sent_and_why_not(
    delivery: Delivery, as_role: Callable[[str], Client]
) -> None:
    address = f"/studies/{delivery.item.result.study.study_uid}/"
    shown = as_role("radiologist").get(address).content.decode()
    for words in ("PACS", "Failed", "did not take it: no such class", "Send again", "1.9.2"):
        assert words in shown
    assert "Send again" not in as_role("viewer").get(address).content.decode()


def test_only_who_may_work_sends_again(delivery: Delivery, as_role: Callable[[str], Client]) -> None:
    address = f"/deliveries/{delivery.pk}/retry/"
    assert as_role("viewer").post(address).status_code == 403
    assert as_role("radiologist").get(address).status_code == 405
    assert as_role("radiologist").post(address).status_code == 302
    delivery.refresh_from_db()
    assert delivery.state == Delivery.State.WAITING
