"""Single sign-on against a real OpenID Connect provider that runs as its own process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings as DjangoSettings

from orthanc.server.process import free_port
from review.accounts import lock_account, make_account
from review.models import AuditEntry, SignOnAccount
from review.roles import roles_of
from review.single_sign_on import SignOnRefusedError, SingleSignOn, account_of, roles_in
from webapp.stack.ports import is_answering

PEOPLE = (
    {
        "sub": "s-1",
        "preferred_username": "rita",
        "email": "rita@hospital.example",
        "groups": ["neuro", "staff"],
    },
    {"sub": "s-2", "preferred_username": "nils", "groups": ["staff"]},
    {"sub": "s-3", "preferred_username": "admin", "groups": ["bosses"]},
)
READY_S = 120


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a provider that knows the people."""
    port = free_port()
    people = [word for one in PEOPLE for word in ("--user-claims", json.dumps(one))]
    log = Path(tmp_path_factory.mktemp("provider"), "log")
    with log.open("wb") as output:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "oidc_provider_mock",
                "--port",
                str(port),
                "--require-nonce",
                "true",
                *people,
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + READY_S
    while not is_answering(port):
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"The provider did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(30)


@pytest.fixture
def site(settings: DjangoSettings, db: None) -> DjangoSettings:
    """A site that believes a provider."""
    settings.OIDC_ISSUER = "https://login.hospital.example"
    settings.OIDC_RP_CLIENT_ID, settings.OIDC_RP_CLIENT_SECRET = "glioma", "a secret of both"
    settings.OIDC_ROLES = ["radiologist=neuro", "viewer=staff", "admin=bosses", "nonsense=staff"]
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        "review.single_sign_on.SingleSignOn",
    ]
    return settings


@pytest.fixture
def real_site(site: DjangoSettings, issuer: str) -> DjangoSettings:
    site.OIDC_ISSUER = issuer
    return site


def to_provider(browser: Client, subject: str, after: str = "") -> str:
    """Follow the way to the provider and log in there; the address on our side that it sends the browser back to."""
    asked = browser.get("/sign-on/", {"next": after} if after else {})
    assert asked.status_code == 302, asked.content
    assert parse_qs(urlsplit(asked.url).query)["code_challenge_method"] == ["S256"]
    sent = httpx.post(asked.url, data={"sub": subject}, timeout=60)
    assert sent.status_code in (302, 303), sent.text
    return sent.headers["Location"].removeprefix("http://testserver")


def sign_on(browser: Client, subject: str, after: str = "") -> HttpResponse:
    return browser.get(to_provider(browser, subject, after))


def account(subject: str) -> User:
    return SignOnAccount.objects.get(subject=subject).user


def said(browser: Client) -> str:
    return browser.get("/login/").content.decode()


def test_who_comes_the_first_time_gets_an_account_with_the_roles_of_the_groups(
    real_site: DjangoSettings,
) -> None:
    browser = Client()
    assert "hospital" in said(browser)
    answer = sign_on(browser, "s-1", "/patients/")
    assert (answer.status_code, answer.url) == (302, "/patients/")
    assert browser.get("/patients/").status_code == 200
    user = account("s-1")
    assert (user.username, user.email) == ("rita", "rita@hospital.example")
    assert {role.value for role in roles_of(user)} == {"radiologist", "viewer"}
    assert not user.has_usable_password()
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", "by"))
    assert actions == [("account_changed", "single sign-on"), ("logged_in", "rita")]


def test_who_comes_again_is_the_same_account_under_another_name_with_the_groups_of_today(
    real_site: DjangoSettings,
) -> None:
    sign_on(Client(), "s-1")
    User.objects.filter(username="rita").update(username="rita-maria")
    real_site.OIDC_ROLES = ["viewer=staff"]
    browser = Client()
    assert sign_on(browser, "s-1").status_code == 302
    assert User.objects.count() == 1
    assert {role.value for role in roles_of(account("s-1"))} == {"viewer"}
    assert browser.get("/upload/").status_code == 403


def test_nobody_takes_an_account_over_by_calling_himself_like_it(real_site: DjangoSettings) -> None:
    make_account("admin", ["admin"], by="installation")
    browser = Client()
    answer = sign_on(browser, "s-3")
    assert answer.url == "/login/"
    assert "No account could be made for admin" in said(browser)
    assert browser.get("/").status_code == 302
    assert not SignOnAccount.objects.exists()


def test_a_way_back_opens_once_and_only_in_the_browser_that_went(real_site: DjangoSettings) -> None:
    browser, thief = Client(), Client()
    address = to_provider(browser, "s-1")
    assert thief.get(address).url == "/login/"
    assert browser.get(address).url == "/"
    again = Client()
    again.cookies = browser.cookies
    assert again.get(address).url == "/login/"
    assert browser.get(address.replace("state=", "state=x")).url == "/login/"


def test_an_address_elsewhere_is_not_gone_to_after_log_in(real_site: DjangoSettings) -> None:
    assert sign_on(Client(), "s-1", "https://evil.example/").url == "/"
    assert sign_on(Client(), "s-1", "//evil.example/").url == "/"


def test_a_session_that_somebody_planted_is_not_the_one_that_is_logged_in(real_site: DjangoSettings) -> None:
    browser = Client()
    address = to_provider(browser, "s-1")
    before = browser.session.session_key
    browser.get(address)
    assert browser.session.session_key != before


def test_a_provider_that_is_away_leaves_log_in_by_password(site: DjangoSettings) -> None:
    site.OIDC_ISSUER = "http://127.0.0.1:9"
    User.objects.create_user("ann", password="correct horse battery")
    browser = Client()
    assert browser.get("/sign-on/").url == "/login/"
    assert "does not answer" in said(browser)
    form = {"username": "ann", "password": "correct horse battery"}
    assert browser.post("/login/?code=x&state=y", form).status_code == 302
    assert browser.session["_auth_user_backend"].endswith("ModelBackend")


def test_guessing_passwords_still_locks_an_account(site: DjangoSettings) -> None:
    User.objects.create_user("ann", password="correct horse battery")
    browser = Client()
    for _ in range(site.AXES_FAILURE_LIMIT):
        answer = browser.post("/login/", {"username": "ann", "password": "wrong"})
    assert answer.status_code == 429


def test_without_local_log_in_there_is_no_form_and_no_password_opens(site: DjangoSettings) -> None:
    site.LOCAL_LOGIN = False
    site.AUTHENTICATION_BACKENDS = [
        name for name in site.AUTHENTICATION_BACKENDS if "ModelBackend" not in name
    ]
    User.objects.create_user("ann", password="correct horse battery")
    assert "id_password" not in said(Client())
    answer = Client().post("/login/", {"username": "ann", "password": "correct horse battery"})
    assert answer.status_code == 200


def test_single_sign_on_is_off_unless_it_is_set(db: None) -> None:
    assert Client().get("/sign-on/").status_code == 404
    assert Client().get("/sign-on/back/?code=x&state=y").status_code == 404
    assert "/sign-on/" not in said(Client())


def test_who_is_in_no_group_of_ours_gets_no_account(site: DjangoSettings) -> None:
    with pytest.raises(SignOnRefusedError, match="no role"):
        account_of({"sub": "s-9", "preferred_username": "nils", "groups": ["kitchen"]})
    assert not User.objects.exists()
    assert AuditEntry.objects.get().details["way"] == "single sign-on"


def test_who_left_every_group_loses_the_roles(site: DjangoSettings) -> None:
    user = account_of(PEOPLE[0])
    with pytest.raises(SignOnRefusedError, match="any more"):
        account_of({**PEOPLE[0], "groups": []})
    assert roles_of(User.objects.get(pk=user.pk)) == frozenset()


def test_a_locked_account_stays_locked(site: DjangoSettings) -> None:
    lock_account(account_of(PEOPLE[0]), by="ada")
    with pytest.raises(SignOnRefusedError, match="locked"):
        account_of(PEOPLE[0])


def test_groups_are_found_where_the_provider_puts_them(site: DjangoSettings) -> None:
    site.OIDC_ROLES_CLAIM = "realm_access.roles"
    assert roles_in({"realm_access": {"roles": ["neuro"]}}) == ("radiologist",)
    assert roles_in({"realm_access": "neuro"}) == roles_in({"realm_access": None}) == roles_in({}) == ()
    site.OIDC_ROLES_CLAIM = "groups"
    assert roles_in({"groups": "bosses"}) == ("admin",)


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another"},
        {"aud": []},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"sub": ""},
        {"nonce": "y"},
    ],
)
def test_a_token_that_was_made_for_somebody_else_is_not_believed(
    site: DjangoSettings, wrong: dict[str, object]
) -> None:
    site.OIDC_RP_SIGN_ALGO = "HS256"
    right = {"aud": "glioma", "iss": site.OIDC_ISSUER, "exp": time.time() + 60, "sub": "s-1", "nonce": "n"}
    key = "a secret of both, long enough for its algorithm"
    site.OIDC_RP_CLIENT_SECRET = key
    assert SingleSignOn().verify_token(jwt.encode(right, key), nonce="n")["sub"] == "s-1"
    with pytest.raises(SuspiciousOperation):
        SingleSignOn().verify_token(jwt.encode(right | wrong, key), nonce="n")
    with pytest.raises(SuspiciousOperation):
        SingleSignOn().verify_token(jwt.encode(right, None, algorithm="none"), nonce="n")
