"""Accounts and tokens on their pages: made, used once, locked, revoked; every step is in the audit log."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from review.api_tokens import make_token
from review.models import ApiToken, AuditAction, AuditEntry, OneTimePassword
from tests.frontend.conftest import PASSWORD
from tests.review.factories import STUDY_UID, make_study

pytestmark = pytest.mark.django_db

LogIn = Callable[[str], Client]


def secret_of(page: bytes) -> str:
    (found,) = re.findall(r'id="secret" class="secret">([^<]+)<', page.decode())
    return str(found)


def audited(action: AuditAction) -> list[str]:
    return [
        one.details.get("change") or one.details["token"]
        for one in AuditEntry.objects.filter(action=action).order_by("pk")
    ]


def make_account(client: Client, name: str = "ada", *roles: str) -> str:
    answer = client.post("/administration/users/new/", {"username": name, "role": roles or ["viewer"]})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return secret_of(answer.content)


def test_a_new_account_chooses_its_own_password_before_anything_opens(as_role: LogIn) -> None:
    password = make_account(as_role("admin"))
    client = Client()
    assert client.post("/login/", {"username": "ada", "password": password}).status_code == 302
    assert client.get("/").headers["Location"] == "/password/"
    assert client.get("/api/studies/").status_code == 403
    assert client.get("/dicomweb/studies").status_code == 403
    chosen = {
        "old_password": password,
        "new_password1": "owl-window-lamp",
        "new_password2": "owl-window-lamp",
    }
    assert client.post("/password/", chosen).headers["Location"] == "/"
    assert client.get("/").status_code == 200
    assert not OneTimePassword.objects.exists()
    assert not User.objects.get(username="ada").check_password(password)
    assert audited(AuditAction.ACCOUNT_CHANGED) == ["made", "password chosen"]


@pytest.mark.parametrize("weak", ["short", "password123", "ada-lovelace1"])
def test_a_weak_password_is_refused_with_the_rule(as_role: LogIn, weak: str) -> None:
    make_account(as_role("admin"), "ada-lovelace")
    client = Client()
    user = User.objects.get(username="ada-lovelace")
    user.set_password("given by the admin")
    user.save()
    client.force_login(user)
    sent = {"old_password": "given by the admin", "new_password1": weak, "new_password2": weak}
    page = client.post("/password/", sent)
    assert page.status_code == 200
    assert 'role="alert"' in page.content.decode()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"username": "viewer"}, "already exists"),
        ({"username": "a b"}, "valid username"),
        ({"username": "ada", "email": "nowhere"}, "valid email"),
        ({"username": "ada", "role": ["king"]}, "There is no role king."),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_the_reason(
    as_role: LogIn, sent: dict[str, object], words: str
) -> None:
    page = as_role("admin").post("/administration/users/new/", sent)
    assert page.status_code == 400
    assert words in page.content.decode()
    assert not User.objects.filter(username="ada").exists()


def test_roles_are_changed_and_hold_at_once(as_role: LogIn, accounts: dict[str, User]) -> None:
    viewer = as_role("viewer")
    assert viewer.get("/upload/").status_code == 403
    page = as_role("admin").post(f"/administration/users/{accounts['viewer'].pk}/", {"role": ["radiologist"]})
    assert page.status_code == 302
    assert viewer.get("/upload/").status_code == 200


def test_a_locked_account_is_out_at_once_with_its_sessions_and_tokens(
    as_role: LogIn, accounts: dict[str, User]
) -> None:
    viewer, admin = as_role("viewer"), as_role("admin")
    _, text = make_token(accounts["viewer"], "script", by="admin")
    headers = {"Authorization": f"Token {text}"}
    assert Client().get("/api/studies/", headers=headers).status_code == 200
    address = f"/administration/users/{accounts['viewer'].pk}"
    admin.post(f"{address}/lock/")
    assert viewer.get("/").status_code == 302
    assert Client().get("/api/studies/", headers=headers).status_code == 401
    admin.post(f"{address}/unlock/")
    assert Client().post("/login/", {"username": "viewer", "password": PASSWORD}).status_code == 302
    assert audited(AuditAction.ACCOUNT_CHANGED) == ["locked", "unlocked"]


def test_nobody_shuts_themselves_or_the_last_admin_out(as_role: LogIn, accounts: dict[str, User]) -> None:
    admin, address = as_role("admin"), f"/administration/users/{accounts['admin'].pk}/"
    for path, sent in (("lock/", {}), ("", {"role": ["viewer"]})):
        page = admin.post(f"{address}{path}", sent, follow=True)
        assert "You cannot lock yourself" in page.content.decode()
    accounts["admin"].refresh_from_db()
    assert accounts["admin"].is_active
    assert admin.get("/administration/").status_code == 200


def test_an_account_whose_password_was_guessed_at_is_shown_and_unlocked(
    as_role: LogIn, accounts: dict[str, User]
) -> None:
    guesser = Client()
    for _ in range(8):
        guesser.post("/login/", {"username": "viewer", "password": "wrong"})
    admin = as_role("admin")
    assert "its password was guessed at" in admin.get("/administration/").content.decode()
    admin.post(f"/administration/users/{accounts['viewer'].pk}/unlock/")
    assert guesser.post("/login/", {"username": "viewer", "password": PASSWORD}).status_code == 302


def test_a_token_is_shown_once_kept_as_a_digest_and_opens_only_its_scopes(as_role: LogIn) -> None:
    make_study()
    sent = {"name": "PACS script", "account": "service", "scope": ["read"], "days": "30"}
    answer = as_role("admin").post("/administration/tokens/", sent)
    text, token = secret_of(answer.content), ApiToken.objects.get()
    assert answer.headers["Cache-Control"] == "no-store"
    assert text not in str(ApiToken.objects.values())
    assert timedelta(days=29) < token.expires_at - timezone.now() < timedelta(days=31)
    headers = {"Authorization": f"Token {text}"}
    client = Client()
    assert client.get(f"/api/studies/{STUDY_UID}/", headers=headers).status_code == 200
    for path in (f"/api/studies/{STUDY_UID}/retry/", "/api/upload/", "/dicomweb/studies"):
        refused = client.post(path, headers=headers)
        assert (refused.status_code, "was not made for" in refused.content.decode()) == (403, True)
    assert audited(AuditAction.TOKEN_MADE) == [f"PACS script ({text[:6]}…)"]
    assert text not in as_role("admin").get("/administration/tokens/").content.decode()


def test_a_token_opens_no_more_than_the_roles_of_its_account(accounts: dict[str, User]) -> None:
    _, text = make_token(accounts["viewer"], "greedy", by="admin")
    answer = Client().post("/api/upload/", headers={"Authorization": f"Token {text}"})
    assert answer.status_code == 403
    assert "Your role may look" in answer.content.decode()


def test_a_token_that_was_revoked_expired_or_never_made_says_so(
    as_role: LogIn, accounts: dict[str, User]
) -> None:
    token, text = make_token(accounts["service"], "old", by="admin", days=1)
    headers = {"Authorization": f"Token {text}"}
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    expired = Client().get("/api/studies/", headers=headers)
    assert (expired.status_code, "expired on" in expired.content.decode()) == (401, True)
    ApiToken.objects.update(expires_at=None)
    as_role("admin").post(f"/administration/tokens/{token.pk}/revoke/")
    assert "was revoked" in Client().get("/api/studies/", headers=headers).content.decode()
    unknown = Client().get("/api/studies/", headers={"Authorization": "Token x\x00y"})
    assert "not known" in unknown.content.decode()
    assert audited(AuditAction.TOKEN_REVOKED) == [str(token)]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": "x", "account": "service"}, "Choose what it may be used for"),
        ({"name": " ", "account": "service", "scope": ["read"]}, "Say what the token is for"),
        ({"name": "x", "account": "nobody else", "scope": ["read"]}, "Choose the account"),
        ({"name": "x", "account": "service", "scope": ["everything"]}, "Choose what it may be used for"),
    ],
)
def test_a_token_for_nothing_or_nobody_is_refused(
    as_role: LogIn, sent: dict[str, object], words: str
) -> None:
    page = as_role("admin").post("/administration/tokens/", sent)
    assert page.status_code == 400
    assert words in page.content.decode()
    assert not ApiToken.objects.exists()


def test_the_site_is_named_on_every_page_and_a_dry_run_keeps_nothing(as_role: LogIn) -> None:
    admin = as_role("admin")
    sent = {"name": "Hospital of Elm", "disclaimer": "Ask <b>before</b> use.", "study_days": "30"}
    page = admin.post("/administration/site/", {**sent, "try": "1"})
    assert "What this would remove now" in page.content.decode()
    assert "Hospital of Elm</small>" not in admin.get("/").content.decode()
    assert admin.post("/administration/site/", sent).status_code == 302
    worklist = as_role("viewer").get("/").content.decode()
    assert "Hospital of Elm</small>" in worklist
    assert "Ask &lt;b&gt;before&lt;/b&gt; use.</footer>" in worklist


@pytest.mark.parametrize("days", ["1", "-3", "soon", "99999999999"])
def test_a_retention_that_makes_no_sense_is_refused_at_its_field(as_role: LogIn, days: str) -> None:
    page = as_role("admin").post("/administration/site/", {"study_days": days})
    assert page.status_code == 400
    assert 'role="alert"' in page.content.decode()
