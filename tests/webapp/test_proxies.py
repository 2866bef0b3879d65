"""Behind a trusted proxy a request has the browser's address, and nobody can lend himself another one."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings as DjangoSettings

from webapp.proxies import TrustedProxies


def seen(settings: DjangoSettings, trusted: list[str], remote: str, forwarded: str) -> str:
    """The address that the pages see."""
    settings.TRUSTED_PROXIES = trusted
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": remote} | ({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {})
    TrustedProxies(lambda _: HttpResponse())(request)
    return str(request.META["REMOTE_ADDR"])


@pytest.mark.parametrize(
    ("trusted", "remote", "forwarded", "address"),
    [
        (["10.0.0.5"], "10.0.0.5", "192.0.2.7", "192.0.2.7"),
        (["10.0.0.5"], "10.0.0.5", "", "10.0.0.5"),
        (["10.0.0.5"], "10.0.0.5", "1.1.1.1, 192.0.2.7", "192.0.2.7"),  # the first was written by the browser
        (["10.0.0.0/24"], "10.0.0.5", "192.0.2.7, 10.0.0.6", "192.0.2.7"),
        ([], "10.0.0.5", "192.0.2.7", "10.0.0.5"),
        (["10.0.0.5"], "192.0.2.9", "127.0.0.1", "192.0.2.9"),  # came past the proxy
        (["::1"], "::1", "2001:db8::7", "2001:db8::7"),
        (["10.0.0.5"], "10.0.0.5", "nonsense", "nonsense"),
    ],
)
def test_the_address_is_the_last_that_no_trusted_proxy_has(
    settings: DjangoSettings, trusted: list[str], remote: str, forwarded: str, address: str
) -> None:
    assert seen(settings, trusted, remote, forwarded) == address


@pytest.mark.django_db
def test_a_guesser_behind_the_proxy_locks_himself_out_and_not_his_colleagues(
    settings: DjangoSettings,
) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    settings.AXES_FAILURE_LIMIT = 3
    wrong = {"username": "doctor", "password": "wrong"}
    for _ in range(3):
        answer = Client().post("/login/", wrong, headers={"X-Forwarded-For": "192.0.2.66"})
    assert answer.status_code == 429
    assert Client().post("/login/", wrong, headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 200
