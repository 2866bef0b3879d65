"""What is fuzzed: a running web server with an account per role, and the count of what it answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.fuzz.mutations import MARK

MARKUP = re.compile(rf"<[a-z/][^<>]{{0,80}}{MARK}|<script>{MARK}".encode(), re.IGNORECASE)
"""A hostile text that came back as markup."""

STRANGER = "stranger"
FORM_TOKEN = "f" * 32


@dataclass
class Tally:
    """Counts of what was sent and answered, and every answer that should not be."""

    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    scanned: int = 0

    def note(self, area: str, answer: requests.Response, told: str) -> None:
        """Count an answer; a 5xx, or a hostile text given back as markup or header, is a finding."""
        self.statuses.setdefault(area, Counter())[f"{answer.status_code // 100}xx"] += 1
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
        """One request; redirects are answers."""
        options.setdefault("timeout", 120)
        return self.sessions[role].request(method, f"{self.url}{path}", allow_redirects=False, **options)


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
    return Target(url, sessions)


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
    return Target(url, sessions)


def _form_token(session: requests.Session) -> str:
    (token,) = [str(one.value) for one in session.cookies if "csrf" in one.name]
    return token
