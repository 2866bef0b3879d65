"""Somebody who should not get in tries to, against the web server as it runs in production and a real Orthanc."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from orthanc.client import OrthancClient
from orthanc.server.process import RunningOrthanc, free_port
from orthanc.study_maker import VisitDescription, make_study
from review.api_tokens import make_token, revoke_token
from review.models import ApiToken, AuditAction, AuditEntry
from review.site_access import set_sites
from tests.frontend.conftest import PASSWORD, SegmentedStudy
from tests.frontend.synthetic import make_images
from tests.fuzz.asking import raw_request
from tests.fuzz.sending import LISTS
from tests.fuzz.server import running_web
from tests.fuzz.target import STRANGER, Target, log_in
from tests.review import factories

pytestmark = [pytest.mark.stack, pytest.mark.django_db(transaction=True)]

ELSEWHERE = "evil.example"
PEOPLE = ("viewer", "radiologist", "admin")
WAYS_OUT = (
    "/dicomweb/../instances", "/dicomweb/..%2finstances", "/dicomweb/%2e%2e/system", "/dicomweb//system",
    "/dicomweb/studies/../../system", "/dicomweb/studies/..%2f..%2fsystem", "/dicomweb/studies/%2e%2e/%2e%2e/system",
    "/dicomweb/studies/..;/..;/system", "/dicomweb/studies?/../../system", "/dicomweb/studies%3f/../system",
    "/dicom-web/../tools/execute-script", "/dicomweb/servers", "/dicomweb/studies/1.2/../../../changes",
    "/dicomweb/http://127.0.0.1:8042/system", "/dicomweb/studies\\..\\..\\system", "/dicomweb/info",
    "/dicomweb/studies/1.2/rendered/..%2f..%2f..%2f..%2fsystem", "/instances", "/system", "/app/explorer.html",
    "/ohif/../webapp/settings.py", "/ohif/..%2f..%2fstack.env", "/ohif/%2e%2e/%2e%2e/accounts.json",
    "/static/../stack.env", "/static/..%2f..%2fstack.env", "/static//etc/passwd", "/ohif//etc/passwd",
)  # fmt: skip
INNER_WORDS = (b"ApiVersion", b"DicomAet", b"root:x:", b"SECRET_KEY", b"Orthanc Explorer", b"ExecuteLua")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "web.log"


@pytest.fixture
def site(
    transactional_db: None,
    accounts: dict[str, User],
    segmented_study: SegmentedStudy,
    orthanc: OrthancClient,
    log: Path,
) -> Iterator[Target]:
    """A running site with a patient, and people who logged in by its page."""
    with running_web(free_port(), log) as url:
        yield log_in(url, {name: (name, PASSWORD) for name in PEOPLE})
    said = log.read_text()
    assert "Internal Server Error" not in said
    for secret in (PASSWORD, "Tamara", settings.ORTHANC_PASSWORD, settings.SECRET_KEY):
        assert secret not in said


def form_of(session: requests.Session, url: str, **fields: str) -> dict[str, str]:
    """The log-in form as a browser sends it."""
    session.get(f"{url}/login/", timeout=60)
    (token,) = [str(one.value) for one in session.cookies if "csrf" in one.name]
    return {"csrfmiddlewaretoken": token, "username": "viewer", "password": PASSWORD, **fields}


def try_log_in(url: str, session: requests.Session, query: str = "", **fields: str) -> requests.Response:
    form = form_of(session, url, **fields)
    return session.post(f"{url}/login/{query}", data=form, timeout=60, allow_redirects=False)


def test_the_door_holds(site: Target, segmented_study: SegmentedStudy) -> None:
    uid = segmented_study.study.study_uid
    for path in (
        *LISTS,
        f"/studies/{uid}/",
        f"/api/studies/{uid}/",
        f"/dicomweb/studies/{uid}/metadata",
        "/admin/",
    ):
        answer = site.ask(STRANGER, "GET", path)
        assert answer.status_code in {302, 401, 403}, path
        assert answer.status_code != 302 or answer.headers["Location"].startswith(
            ("/login/", "/admin/login/")
        )
        assert b"Tamara" not in answer.content

    # Another host's name is neither believed nor given back.
    wrong = requests.get(f"{site.url}/login/", headers={"Host": ELSEWHERE}, timeout=60)
    assert wrong.status_code == 400
    spoofed = {"X-Forwarded-Host": ELSEWHERE, "X-Original-URL": "/audit/", "X-Rewrite-URL": "/audit/",
               "X-Forwarded-For": "127.0.0.1", "X-Forwarded-User": "admin", "Remote-User": "admin"}  # fmt: skip
    for path in ("/", "/login/", "/audit/"):
        answer = requests.get(f"{site.url}{path}", headers=spoofed, timeout=60, allow_redirects=False)
        assert ELSEWHERE not in answer.text + answer.headers.get("Location", "")
        assert path == "/login/" or answer.status_code == 302

    # After log-in a browser stays here.
    for query in (
        f"//{ELSEWHERE}",
        f"https://{ELSEWHERE}/",
        f"/\\{ELSEWHERE}",
        f"https:{ELSEWHERE}",
        "javascript:x()",
    ):
        session = requests.Session()
        began = session.get(f"{site.url}/admin/login/", params={"next": query}, timeout=60)
        assert ELSEWHERE not in began.url.split("?")[0]
        answer = try_log_in(site.url, session, f"?next={query}", next=query)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/"), query

    # Without the form's token, and with a wrong one, nobody logs in.
    answer = requests.post(
        f"{site.url}/login/", data={"username": "viewer", "password": PASSWORD}, timeout=60
    )
    assert answer.status_code == 403


def test_sessions_are_nobody_elses(site: Target) -> None:
    name = settings.SESSION_COOKIE_NAME
    session = requests.Session()
    session.cookies.set(name, "a" * 32)
    chosen = requests.Session()
    chosen.headers["Cookie"] = f"{name}={'a' * 32}"
    answer = try_log_in(site.url, session)
    assert answer.status_code == 302
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    key = answer.cookies[name]
    assert key != "a" * 32
    session.cookies.clear(domain="", path="/", name=name)
    assert chosen.get(f"{site.url}/patients/", timeout=60, allow_redirects=False).status_code == 302

    session.headers["X-CSRFToken"] = next(str(one.value) for one in session.cookies if "csrf" in one.name)
    assert session.post(f"{site.url}/logout/", timeout=60, allow_redirects=False).status_code == 302
    stolen = requests.get(f"{site.url}/patients/", cookies={name: key}, timeout=60, allow_redirects=False)
    assert stolen.status_code == 302

    # Guessing ends, whatever address the guesser says he has.
    guesser = requests.Session()
    form = form_of(guesser, site.url, username="radiologist", password="wrong wrong wrong")
    seen = [
        guesser.post(
            f"{site.url}/login/", data=form, headers={"X-Forwarded-For": f"10.0.0.{number}"}, timeout=60
        ).status_code
        for number in range(settings.AXES_FAILURE_LIMIT + 1)
    ]
    assert seen[-1] == 429
    right = form | {"password": PASSWORD}
    assert guesser.post(f"{site.url}/login/", data=right, timeout=60).status_code == 429


def test_other_people_s_browsers_send_nothing_for_them(site: Target, segmented_study: SegmentedStudy) -> None:
    """CSRF: the session's cookie is there, the form's token is not."""
    uid, before = (
        segmented_study.study.study_uid,
        AuditEntry.objects.exclude(action=AuditAction.VIEWED).count(),
    )
    for role, path in (
        ("admin", "/administration/users/new/"), ("admin", "/administration/tokens/"), ("admin", "/rules/discard/"),
        ("radiologist", f"/studies/{uid}/retry/"), ("radiologist", f"/api/studies/{uid}/retry/"),
        ("radiologist", "/api/upload/"), ("radiologist", "/dicomweb/studies"), ("viewer", "/password/"),
        ("viewer", "/logout/"), ("admin", "/admin/review/algorithm/"),
    ):  # fmt: skip
        session = requests.Session()
        session.cookies.update(site.sessions[role].cookies.get_dict())
        answer = session.post(
            f"{site.url}{path}", data={"x": "y"}, headers={"Origin": f"https://{ELSEWHERE}"}, timeout=60,
            allow_redirects=False,
        )  # fmt: skip
        assert answer.status_code == 403, path
        override = session.get(f"{site.url}{path}", headers={"X-HTTP-Method-Override": "DELETE"}, timeout=60)
        assert override.status_code < 500
    assert AuditEntry.objects.exclude(action=AuditAction.VIEWED).count() == before
    assert site.lost_sessions() == []


def test_nothing_behind_is_reached_and_nothing_secret_is_told(
    site: Target, segmented_study: SegmentedStudy, orthanc_server: RunningOrthanc
) -> None:
    for role in ("viewer", "admin", STRANGER):
        for path in WAYS_OUT:
            answer = raw_request(site, role, "GET", path)
            # A search has odd fields then; what is no file of the viewer's is its page.
            is_ours = path.startswith(("/dicomweb/studies?", "/ohif//"))
            assert is_ours or answer.status_code in {301, 302, 400, 401, 403, 404, 405}, f"{path} as {role}"
            assert not any(word in answer.content for word in INNER_WORDS), f"{path} as {role}"
    assert raw_request(site, "admin", "DELETE", "/dicomweb/studies/1.2").status_code == 405

    secrets = [
        settings.SECRET_KEY,
        settings.NUDGE_TOKEN,
        orthanc_server.password,
        settings.DATABASES["default"]["PASSWORD"],
    ]
    for path in (*LISTS, "/administration/", "/administration/tokens/", "/administration/destinations/", "/admin/",
                 "/admin/auth/user/", "/api/docs/", "/api/health/", "/metrics", "/no/such/page"):  # fmt: skip
        answer = site.ask("admin", "GET", path)
        assert answer.status_code in {200, 404}, path
        assert not [one for one in secrets if one and one in answer.text], path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        if "html" in answer.headers.get("Content-Type", ""):
            policy = answer.headers["Content-Security-Policy"]
            assert "script-src 'self';" in policy, path
            assert "frame-ancestors 'self'" in policy, path
            assert answer.headers["X-Frame-Options"] == "SAMEORIGIN", path


def test_a_token_opens_no_more_than_it_was_made_for(
    site: Target, accounts: dict[str, User], segmented_study: SegmentedStudy
) -> None:
    uid = segmented_study.study.study_uid

    def ask(token: str, method: str, path: str) -> int:
        headers = {"Authorization": f"Token {token}"}
        return requests.request(
            method, f"{site.url}{path}", headers=headers, timeout=60, allow_redirects=False
        ).status_code

    reader, text = make_token(accounts["admin"], "reads", by="admin", allowed=["read"], days=7)
    assert ask(text, "GET", f"/api/studies/{uid}/") == 200
    closed = [("POST", "/api/upload/"), ("POST", f"/api/studies/{uid}/retry/"), ("POST", "/dicomweb/studies"),
              ("GET", f"/api/patients/{uid}/links/")]  # fmt: skip
    assert [ask(text, *one) for one in closed] == [403] * 4
    assert ask(text, "GET", "/audit/") == 302  # pages take no tokens
    assert ask(reader.digest, "GET", "/api/studies/") == 401  # a copy of the database opens nothing
    assert requests.get(f"{site.url}/api/studies/?token={text}", timeout=60).status_code in {401, 403}
    _, grand = make_token(accounts["viewer"], "claims all", by="admin", days=7)
    assert [ask(grand, *one) for one in closed] == [403] * 4
    ApiToken.objects.filter(pk=reader.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert ask(text, "GET", "/api/studies/") == 401
    ApiToken.objects.filter(pk=reader.pk).update(expires_at=None)
    revoke_token(reader, by="admin")
    assert ask(text, "GET", "/api/studies/") == 401


def test_another_site_s_reader_sees_no_image_by_any_question(
    site: Target,
    accounts: dict[str, User],
    segmented_study: SegmentedStudy,
    orthanc: OrthancClient,
    tmp_path: Path,
) -> None:
    files = make_study(make_images(), tmp_path, VisitDescription("PAT-MINE"), uid_seed="outsider")
    mine = orthanc.store(files[0])
    own = factories.make_study(
        orthanc.study_header(mine.study_orthanc_id).study_uid, orthanc_id=mine.study_orthanc_id,
        patient_id="PAT-MINE", institution="Mine",
    )  # fmt: skip
    set_sites(accounts["viewer"], [("institution", "Mine")], by="admin")
    theirs = segmented_study.study.study_uid
    series = segmented_study.study.series.first()
    assert series is not None
    for path in (
        f"/dicomweb/studies/{theirs}", f"/dicomweb/studies/{theirs}/metadata", f"/dicomweb/studies/{theirs}/series",
        f"/dicomweb/studies/{theirs}/series/{series.series_uid}/metadata", f"/dicom-web/studies/{theirs}/metadata",
        f"/dicomweb/studies/{theirs}/", f"/studies/{theirs}/", f"/viewer/{theirs}/roles.json", f"/panel/{theirs}/",
        f"/api/studies/{theirs}/", f"/api/studies/{theirs}/fhir/",
    ):  # fmt: skip
        assert site.ask("viewer", "GET", path).status_code == 404, path
    assert site.ask("viewer", "GET", f"/dicomweb/studies/{own.study_uid}/series").status_code == 200
    for question in (
        "studies", "studies?PatientID=PAT-5", f"studies?StudyInstanceUID={theirs}",
        "studies?fuzzymatching=true&limit=50", f"studies/{own.study_uid}/series?StudyInstanceUID={theirs}",
        f"studies/{own.study_uid}/series?0020000D={theirs}",
        f"studies/{own.study_uid}/instances?StudyInstanceUID=*&PatientID=PAT-5",
        f"studies/{own.study_uid}/series/{series.series_uid}/metadata",
        f"studies/{own.study_uid}/series/{series.series_uid}/instances",
    ):  # fmt: skip
        answer = site.ask("viewer", "GET", f"/dicomweb/{question}")
        unknown = [word for word in (theirs, "Tamara", "PAT-5", series.series_uid) if word not in question]
        assert not any(word in answer.text for word in unknown), question
    orthanc.delete_study(mine.study_orthanc_id)


def test_uploads_fill_nothing_and_write_nowhere_else(
    site: Target, orthanc: OrthancClient, tmp_path: Path
) -> None:
    packed = io.BytesIO()
    outside = tmp_path / "outside.dcm"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"../../../../../../{outside}", b"DICM")
        archive.writestr(str(outside), b"DICM")
        archive.writestr("bomb.dcm", bytes(40 * 1024**2))
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as within:
            within.writestr("deeper.dcm", bytes(1024**2))
        archive.writestr("inner.zip", inner.getvalue())
    assert len(packed.getvalue()) < 100_000
    before = len(orthanc.studies())
    answer = site.ask(
        "radiologist", "POST", "/api/upload/", files=[("files", ("../../evil.zip", packed.getvalue()))]
    )
    told = answer.json()
    assert (answer.status_code, told["accepted"], told["rejected"]) == (200, 0, 4)
    assert any("grow" in one["reason"] for one in told["files"])
    assert not outside.exists()
    assert len(orthanc.studies()) == before
