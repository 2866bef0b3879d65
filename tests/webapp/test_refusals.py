"""What no page and no search can mean is a 400, and never an error of ours."""

from __future__ import annotations

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address", ["/studies/%00/", "/api/studies/%00/", "/?search=%00", "/login/?next=a%00"]
)
def test_a_zero_character_in_an_address_is_refused(admin_client: Client, address: str) -> None:
    answer = admin_client.get(address)
    assert (answer.status_code, b"zero character" in answer.content) == (400, True)
