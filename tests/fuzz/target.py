"""What is fuzzed: a running web server with an account per role, and the count of what it answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

from tests.fuzz.mutations import MARK

MARKUP = re.compile(rf"<[a-z/][^<>]{{0,80}}{MARK}|<script>{MARK}".encode(), re.IGNORECASE)
"""A hostile text that came back as markup."""

STRANGER = "stranger"
FORM_TOKEN = "f" * 32


class HungUpError(Exception):
    """The server closed the connection without an answer."""


@dataclass
class Tally:
    """Counts of what was sent and answered, and every answer that should not be."""

    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    scanned: int = 0
    """Files that Orthanc kept, sent by C-STORE."""
    taken: int = 0
    """Files that the upload took."""

    strangers: Counter[str] = field(default_factory=Counter)
    """Answers to somebody who is not logged in, by area: most requests are to get further than that."""

    def note(self, area: str, answer: requests.Response, told: str) -> None:
        """Count an answer; a 5xx, or a hostile text given back as markup or header, is a finding."""
        self.statuses.setdefault(area, Counter())[str(answer.status_code)] += 1
        to_log_in = answer.headers.get("Location", "").startswith("/login/")
        self.strangers[area] += to_log_in or answer.status_code == 401
        if answer.status_code >= 500:
            self.findings.append(f"{answer.status_code} {told}: {answer.text[:300]!r}")
        if any(
            MARK in name or (MARK in value and name != "Location") for name, value in answer.headers.items()
        ):
            self.findings.append(f"header of {told}: {dict(answer.headers)}")
        found = "html" in answer.headers.get("Content-Type", "") and MARKUP.search(answer.content)
        if found:
            self.findings.append(f"markup in {told}: {found.group()!r}")

    def asked(self, area: str) -> int:
        """How many requests went to an area."""
        return sum(self.statuses.get(area, Counter()).values())


@dataclass(frozen=True)
class Target:
    """A web server, and sessions of its accounts by role; a stranger has none."""

    url: str
    sessions: Mapping[str, requests.Session]

    def ask(self, role: str, method: str, path: str, **options: Any) -> requests.Response:
        """One request; redirects are answers.

        Raises:
            HungUpError: the server closed the connection, as on a header that is too long, and is well.
        """
        options.setdefault("timeout", 120)
        with self.hanging_up():
            return self.sessions[role].request(method, f"{self.url}{path}", allow_redirects=False, **options)

    def lost_sessions(self) -> list[str]:
        """The roles whose sessions the server does not know any more."""
        roles = [role for role in self.sessions if role != STRANGER]
        return [role for role in roles if self.ask(role, "GET", "/api/health/").status_code != 200]

    @contextmanager
    def hanging_up(self) -> Iterator[None]:
        """Tells a server that hung up on one request from one that is gone, which the error says."""
        try:
            yield
        except requests.exceptions.ConnectionError as error:
            requests.get(f"{self.url}/health", timeout=60).raise_for_status()
            raise HungUpError from error


def with_sessions(url: str, keys: Mapping[str, str]) -> Target:
    """The same for sessions that are open already, by their keys."""
    from django.conf import settings

    sessions = {STRANGER: requests.Session()}
    for role, key in keys.items():
        sessions[role] = requests.Session()
        sessions[role].cookies.update(
            {settings.SESSION_COOKIE_NAME: key, settings.CSRF_COOKIE_NAME: FORM_TOKEN}
        )
        sessions[role].headers["X-CSRFToken"] = FORM_TOKEN
    return _steady(Target(url, sessions))


def log_in(url: str, passwords: Mapping[str, tuple[str, str]]) -> Target:
    """Sessions by the log-in page; `passwords` holds name and password by role."""
    sessions = {STRANGER: requests.Session()}
    for role, (name, password) in passwords.items():
        session = requests.Session()
        session.get(f"{url}/login/", timeout=60)
        form = {"username": name, "password": password, "csrfmiddlewaretoken": _form_token(session)}
        answer = session.post(f"{url}/login/", data=form, timeout=60, allow_redirects=False)
        if answer.status_code != 302:
            raise RuntimeError(f"{role} cannot log in: {answer.status_code}")
        session.headers["X-CSRFToken"] = _form_token(session)
        sessions[role] = session
    return _steady(Target(url, sessions))


class _KeepsItsCookies(DefaultCookiePolicy):
    """Takes no further cookie, as a browser would: one wrong request must not log out all that come after it."""

    def set_ok(self, cookie: object, request: object) -> bool:
        return False


def _steady(target: Target) -> Target:
    for session in target.sessions.values():
        session.cookies.set_policy(_KeepsItsCookies())
    return target


def _form_token(session: requests.Session) -> str:
    (token,) = [str(one.value) for one in session.cookies if "csrf" in one.name]
    return token
