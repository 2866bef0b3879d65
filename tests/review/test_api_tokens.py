"""Tokens of earlier versions go on working; the accounts of the installation are made once and then left alone."""

from __future__ import annotations

import importlib
import io
import json
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from rest_framework.test import APIClient

from review.accounts import give_one_time_password
from review.models import ApiToken

pytestmark = pytest.mark.django_db

OLD = "0123456789abcdef0123456789abcdef01234567"


def accounts_in(path: Path) -> dict[str, dict[str, str]]:
    call_command("accounts", "--file", str(path), stdout=io.StringIO())
    known: dict[str, dict[str, str]] = json.loads(path.read_text())
    return known


def status_with(token: str) -> int:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return int(client.get("/api/studies/").status_code)


def test_a_readable_token_of_an_earlier_version_becomes_a_digest_and_still_works(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    known = accounts_in(path)
    ApiToken.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE authtoken_token (key text, user_id int, created timestamptz)")
        service = User.objects.get(username="service")
        cursor.execute("INSERT INTO authtoken_token VALUES (%s, %s, now())", [OLD, service.pk])
    take_over = importlib.import_module("review.migrations.0022_tokens_and_one_time_passwords").take_over
    with connection.schema_editor() as editor:
        take_over(apps, editor)
    assert "authtoken_token" not in connection.introspection.table_names()
    assert OLD not in str(ApiToken.objects.values())
    path.write_text(json.dumps(known | {"service": {"token": OLD}}))
    assert accounts_in(path)["service"] == {"token": OLD}
    assert status_with(OLD) == 200


def test_the_service_gets_another_token_where_its_own_was_lost_and_the_lost_one_closes(
    tmp_path: Path,
) -> None:
    first = accounts_in(tmp_path / "accounts.json")["service"]["token"]
    second = accounts_in(tmp_path / "elsewhere.json")["service"]["token"]
    assert (status_with(first), status_with(second)) == (401, 200)


def test_a_password_that_its_owner_chose_and_a_lock_outlive_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    first = accounts_in(path)
    viewer = User.objects.get(username="viewer")
    viewer.set_password("owl-window-lamp")
    viewer.is_active = False
    viewer.save()
    again = accounts_in(path)
    viewer.refresh_from_db()
    assert viewer.check_password("owl-window-lamp")
    assert not viewer.is_active
    assert again["viewer"]["password"].startswith("(chosen by its owner")
    assert again["radiologist"] == first["radiologist"]


def test_without_the_file_everybody_gets_a_new_password_and_can_use_it(tmp_path: Path) -> None:
    accounts_in(tmp_path / "accounts.json")
    viewer = User.objects.get(username="viewer")
    give_one_time_password(viewer, by="admin")
    again = accounts_in(tmp_path / "elsewhere.json")
    viewer.refresh_from_db()
    assert viewer.check_password(again["viewer"]["password"])
    assert not hasattr(viewer, "one_time_password")
