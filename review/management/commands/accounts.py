"""`manage.py accounts`: one account per role, and the service's token."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from review.api_tokens import OF_INSTALLATION, is_open, make_token, revoke_token
from review.models import ApiToken, OneTimePassword
from review.roles import UserRole
from segmentation.whole_file import unfinished

PEOPLE = (UserRole.ADMIN, UserRole.RADIOLOGIST, UserRole.VIEWER)
CHOSEN = "(chosen by its owner; remove this file to get a new one)"


class Command(BaseCommand):
    """Make the accounts that are missing; print all that are known."""

    help = "Create the groups, one account per role with a generated password, and the service's API token."

    def add_arguments(self, parser: CommandParser) -> None:
        """One optional file."""
        parser.add_argument(
            "--file", type=Path, help="Keep the accounts here (JSON, owner only); a second run reuses them"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the accounts as JSON."""
        path: Path | None = options["file"]
        known = _read(path) if path else {}
        with transaction.atomic():
            for role in UserRole:
                Group.objects.get_or_create(name=role)
            accounts: dict[str, dict[str, str]] = {
                role: _person(role, known.get(role, {})) for role in PEOPLE
            }
            accounts[UserRole.SERVICE] = _service(known.get(UserRole.SERVICE, {}))
        text = json.dumps(accounts, indent=2)
        if path:
            _write(path, text)
        self.stdout.write(text)


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    try:
        known: dict[str, dict[str, str]] = json.loads(path.read_text())
    except ValueError as error:
        raise CommandError(f"{path} is not valid JSON; remove it to get new passwords.") from error
    return known


def _person(role: UserRole, known: dict[str, str]) -> dict[str, str]:
    """The account of a role. One that is there keeps its state, and the password that its owner chose since."""
    user, created = User.objects.get_or_create(username=known.get("username") or role.value)
    password = known.get("password") or secrets.token_urlsafe(12)
    if not created and "password" in known and not user.check_password(password):
        return {"username": user.username, "password": CHOSEN}
    if not user.check_password(password):
        user.set_password(password)
        user.is_active = True
        OneTimePassword.objects.filter(user=user).delete()
    if created:
        user.is_staff = user.is_superuser = role is UserRole.ADMIN
        user.groups.set([Group.objects.get(name=role)])
    user.save()
    return {"username": user.username, "password": password}


def _service(known: dict[str, str]) -> dict[str, str]:
    """The token of the service. One that still works is kept; else a new one takes its place."""
    user, created = User.objects.get_or_create(username=UserRole.SERVICE.value)
    if created:
        user.set_unusable_password()
        user.save()
    user.groups.set([Group.objects.get(name=UserRole.SERVICE)])
    text = known.get("token", "")
    if not is_open(text, user):
        for earlier in ApiToken.objects.filter(user=user, name=OF_INSTALLATION, revoked_at=None):
            revoke_token(earlier, by="manage.py accounts")
        _, text = make_token(user, OF_INSTALLATION, by="manage.py accounts")
    return {"token": text}


def _write(path: Path, text: str) -> None:
    with unfinished(path) as part:
        part.touch(mode=0o600)
        os.chmod(part, 0o600)
        part.write_text(text + "\n")
