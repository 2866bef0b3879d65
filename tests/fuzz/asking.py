"""Requests that make no sense: every operation of the API's schema, every page, and paths that try to get out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.fuzz.mutations import HOSTILE_TEXTS
from tests.fuzz.target import STRANGER, HungUpError, Tally, Target

REPOSITORY = Path(__file__).resolve().parent.parent.parent
METHODS = (
    ("GET",) * 6 + ("POST",) * 6 + ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "GE\tT")
)
PLACE = re.compile(r"<(?:(int|str):)?(\w+)>")
NUMBERS = ("1", "2", "0", "999999", "9" * 18, "9" * 19, "9" * 40)
LEFT_ALONE = {"users", "tokens", "logout", "password"}
"""Pages that would end the sessions of the fuzz itself: they get numbers of no account."""

WAYS_OUT = (
    "..", "../", "..;/", "%2e%2e", "%2e%2e%2f", "%252e%252e%252f", "..%2f", "..%5c", "%c0%ae%c0%ae/", "..%00/", "%2f",
    "//", "/./", "\\..\\", "%0d%0aX-Injected:%201", "?", "#", "%3f", "%23", ";", "*", "%2a", "instances", "system",
    "app/explorer.html", "tools/execute-script", "tools/reset", "changes", "modalities", "patients", "servers",
    "http://127.0.0.1:8042/", "@127.0.0.1/", "1.2", "studies", "series", "metadata", "frames/1", "bulk/7fe00010",
    "rendered", "thumbnail",
)  # fmt: skip
HEADER_VALUES = (
    "*/*", "", "x" * 9000, "application/dicom+json", "multipart/related; type=\"application/dicom\"", "text/html\x7f",
    "bytes=0-99999999999999", "\u00ff", "Token x", "Basic eDp4", "for=1.2.3.4", "gzip, deflate, br",
)  # fmt: skip
HEADERS = ("Accept", "Range", "Authorization", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "Accept-Language",
           "If-None-Match", "If-Modified-Since", "Accept-Encoding", "Origin", "Referer")  # fmt: skip
CREDENTIALS = {"authorization", "cookie"}
UNSAYABLE = (
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidURL,
    UnicodeError,
    ValueError,
    HungUpError,
)
"""No HTTP client can say this, or the server will not hear the end of it."""

TEXTS = st.one_of(
    st.sampled_from(HOSTILE_TEXTS), st.text(max_size=40), st.integers().map(str), st.dates().map(str)
)


def fuzz_api(target: Target, tally: Tally, study_uid: str, *, at_least: int) -> None:
    """Requests of every operation of the schema, some as it says and some against it, by every role in turn."""
    raw = target.ask("admin", "GET", "/api/schema/?format=json").json()
    operations = [one.ok() for one in schemathesis.openapi.from_dict(raw).get_all_operations()]
    roles = cycle(target.sessions)
    pairs = [(one, mode) for one in operations for mode in _modes(one)]
    each = -(-at_least // len(pairs))

    def ask(case: Any, is_known: bool, keeps_credentials: bool) -> None:
        if is_known and "study_uid" in case.path_parameters:
            case.path_parameters["study_uid"] = study_uid
        elif is_known:
            case.path_parameters.update(dict.fromkeys(case.path_parameters, "1"))
        role = STRANGER if keeps_credentials else next(roles)
        if not keeps_credentials:  # its made-up ones would take the place of the session
            case.headers, case.cookies = _without_credentials(case.headers), {}
        told = f"{case.method} {case.operation.path} {case.path_parameters} {case.query} {case.body!r} as {role}"[
            :600
        ]
        try:
            session = target.sessions[role]
            with target.hanging_up():
                answer = case.call(
                    base_url=target.url, session=session, headers=dict(session.headers), timeout=120
                )
        except UNSAYABLE:
            return
        tally.note("API", _plain(answer), told)

    for operation, mode in pairs:
        credentials = st.sampled_from((False,) * 9 + (True,))
        is_known = st.sampled_from((True, True, True, False))
        _run(ask, each, operation.as_strategy(generation_mode=mode), is_known, credentials)


def _without_credentials(headers: Any) -> dict[str, str]:
    return {name: value for name, value in dict(headers or {}).items() if name.lower() not in CREDENTIALS}


def _modes(operation: Any) -> list[GenerationMode]:
    """What has neither fields nor a body cannot be asked against its schema."""
    has_fields = bool(operation.body) or bool(operation.query)
    return [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if has_fields else [])]


def _plain(answer: Any) -> requests.Response:
    """Schemathesis' answer as that of requests, which the tally reads."""
    made = requests.Response()
    made.status_code = answer.status_code
    made._content = answer.content
    made.headers.update({name: ", ".join(values) for name, values in answer.headers.items()})
    return made


def fuzz_pages(
    target: Target, tally: Tally, addresses: Sequence[str], study_uid: str, *, number: int
) -> None:
    """Requests of every page, with the names of its fields and values of all kinds, by every role in turn."""
    turn = zip(cycle(addresses), cycle(target.sessions), strict=False)
    names = field_names()

    def ask(
        method: str, fields: dict[str, str], values: list[str], header: tuple[str, str], hostile: str
    ) -> None:
        address, role = next(turn)
        path = _filled(address, values, study_uid, hostile)
        options: dict[str, Any] = (
            {"params": fields} if method in ("GET", "HEAD", "OPTIONS") else {"data": fields}
        )
        try:
            answer = target.ask(role, method, path, headers=dict([header]), **options)
        except UNSAYABLE:
            return
        tally.note("pages", answer, f"{method} {path} {fields} {header} as {role}"[:600])

    _run(
        ask,
        number,
        st.sampled_from(METHODS),
        st.dictionaries(st.sampled_from(names), TEXTS, max_size=5),
        st.lists(st.sampled_from(NUMBERS), min_size=3, max_size=3),
        st.tuples(st.sampled_from(HEADERS), st.sampled_from(HEADER_VALUES)),
        st.sampled_from(("", "", "1.2.3", "..", "%00", "%0a", "a" * 2000, "%ff%fe")),
    )


def fuzz_paths(target: Target, tally: Tally, study_uid: str, *, number: int) -> None:
    """Paths below the DICOMweb door and the viewer's files that try to reach something else."""
    roles = cycle(target.sessions)

    def ask(root: str, parts: list[str], method: str) -> None:
        path = f"/{root}/{'/'.join(parts)}".replace("1.2", study_uid)
        role = next(roles)
        try:
            with target.hanging_up():
                answer = raw_request(target, role, method, path)
        except UNSAYABLE:
            return
        tally.note("paths", answer, f"{method} {path} as {role}")
        if role == STRANGER and answer.ok and method != "OPTIONS" and not path.startswith("/ohif/"):
            tally.findings.append(f"a stranger got {answer.status_code} for {method} {path}")
        if b"ApiVersion" in answer.content or b"root:x:" in answer.content:
            tally.findings.append(
                f"{method} {path} as {role} reached something else: {answer.content[:100]!r}"
            )

    _run(
        ask,
        number,
        st.sampled_from(
            ("dicomweb", "dicom-web", "ohif", "static", "dicomweb/studies", "dicomweb/studies/1.2")
        ),
        st.lists(st.sampled_from(WAYS_OUT), min_size=1, max_size=5),
        st.sampled_from(("GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PROPFIND", "MOVE", "CONNECT")),
    )


def raw_request(target: Target, role: str, method: str, path: str) -> requests.Response:
    """A request whose path no library puts in order before it is sent."""
    session = target.sessions[role]
    asked = session.prepare_request(requests.Request(method, f"{target.url}/"))
    asked.url = f"{target.url}{path}"
    return session.send(asked, allow_redirects=False, timeout=120)


def field_names() -> list[str]:
    """The names of all fields that pages read, from their templates and views."""
    templates = (path.read_text() for path in (REPOSITORY / "frontend" / "templates").rglob("*.html"))
    views = (path.read_text() for path in (REPOSITORY / "frontend" / "pages").glob("*.py"))
    found = {name for text in templates for name in re.findall(r'\bname="(\w+)"', text)}
    return sorted(found | {name for text in views for name in re.findall(r'[(\[]"(\w+)"[\])]', text)})


def _filled(address: str, values: Sequence[str], study_uid: str, hostile: str) -> str:
    ours: Iterator[str] = iter(values)
    is_ours = LEFT_ALONE & set(address.split("/"))

    def fill(place: re.Match[str]) -> str:
        if place[1] == "int":
            return "999999" if is_ours else next(ours)
        return hostile or (study_uid if "uid" in place[2] else "1")

    return "/" + PLACE.sub(fill, address)


def _run(ask: Callable[..., None], number: int, *strategies: st.SearchStrategy[Any]) -> None:
    """Call `ask` with drawn values, always the same ones."""

    @seed(20261125)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.tuples(*strategies))
    def drawn(values: tuple[Any, ...]) -> None:
        ask(*values)

    try:
        drawn()
    except Unsatisfiable:
        return  # an operation without parameters cannot be asked against its schema
