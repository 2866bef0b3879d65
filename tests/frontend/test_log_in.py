"""Logging in: guessing is stopped, nobody is led elsewhere, and one setting makes everything secure behind TLS."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings as DjangoSettings

from review.models import AuditAction, AuditEntry
from tests.frontend.conftest import PASSWORD


def log_in(client: Client, password: str, name: str = "viewer", following: str = "") -> int:
    return client.post("/login/", {"username": name, "password": password, "next": following}).status_code


@pytest.fixture
def three_tries(settings: DjangoSettings, accounts: dict[str, User]) -> None:
    settings.AXES_FAILURE_LIMIT = 3


def test_after_some_wrong_passwords_the_right_one_is_refused_too(three_tries: None) -> None:
    client = Client()
    assert [log_in(client, "wrong") for _ in range(3)] == [200, 200, 429]
    assert log_in(client, PASSWORD) == 429
    locked = AuditEntry.objects.filter(action=AuditAction.LOCKED_OUT)
    assert set(locked.values_list("by", flat=True)) == {"viewer"}


def test_the_page_says_how_long_to_wait(three_tries: None) -> None:
    client = Client()
    for _ in range(3):
        answer = client.post("/login/", {"username": "viewer", "password": "wrong"})
    assert "Wait 15 minutes" in answer.content.decode()
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_the_lock_ends_by_itself(three_tries: None) -> None:
    client = Client()
    for _ in range(3):
        log_in(client, "wrong")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert log_in(client, PASSWORD) == 302


def test_a_colleague_elsewhere_is_not_locked_out_with_the_guesser(three_tries: None) -> None:
    guesser = Client(REMOTE_ADDR="10.0.0.66")
    for _ in range(4):
        log_in(guesser, "wrong")
    assert log_in(Client(REMOTE_ADDR="10.0.0.7"), PASSWORD) == 302


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_after_the_log_in_nobody_is_led_elsewhere(accounts: dict[str, User], elsewhere: str) -> None:
    client = Client()
    answer = client.post("/login/", {"username": "viewer", "password": PASSWORD, "next": elsewhere})
    assert answer.headers["Location"] == "/"


def test_one_setting_makes_cookies_secure_and_asks_for_tls_from_then_on() -> None:
    program = (
        "from django.conf import settings as s; "
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS > 0, s.SESSION_COOKIE_HTTPONLY)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "webapp.settings", "BEHIND_HTTPS": "yes"}
    said = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["True"] * 4
