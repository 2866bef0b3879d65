"""Writes about accounts: made, given roles, locked, given a one-time password. Every step is in the audit log."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from axes.models import AccessAttempt
from axes.utils import reset
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from review.audit import record
from review.models import AuditAction, OneTimePassword
from review.roles import UserRole


class AccountError(Exception):
    """An account cannot be changed so; the text says why."""


@transaction.atomic
def make_account(name: str, roles: Collection[str], *, by: str, email: str = "") -> tuple[User, str]:
    """A new account with a one-time password, which is told once and kept nowhere.

    Raises:
        AccountError: the name is taken or no name, the address no address, or there is no such role.
    """
    user = make_linked_account(name, roles, by=by, email=email)
    return user, _give_password(user, by)


def _new_user(name: str, email: str) -> User:
    user = User(username=name.strip(), email=email.strip())
    user.set_unusable_password()
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        raise AccountError(" ".join(error.messages)) from error
    user.save()
    return user


@transaction.atomic
def make_linked_account(name: str, roles: Collection[str], *, by: str, email: str = "") -> User:
    """A new account without a password: its owner comes by single sign-on.

    Raises:
        AccountError: the name is taken or no name, or the address no address.
    """
    user = _new_user(name, email)
    _give_roles(user, roles)
    record(AuditAction.ACCOUNT_CHANGED, by, account=user.username, change="made", roles=_words(roles))
    return user


@transaction.atomic
def set_roles(user: User, roles: Collection[str], *, by: str) -> None:
    """Give an account these roles and no others.

    Raises:
        AccountError: there is no such role, or the site would be left without an admin.
    """
    if UserRole.ADMIN not in roles:
        _keep_an_admin(user, by)
    _give_roles(user, roles)
    record(AuditAction.ACCOUNT_CHANGED, by, account=user.username, change="roles", roles=_words(roles))


@transaction.atomic
def lock_account(user: User, *, by: str) -> None:
    """Close an account at once: its sessions and tokens open nothing any more.

    Raises:
        AccountError: it is one's own, or the site would be left without an admin.
    """
    _keep_an_admin(user, by)
    User.objects.filter(pk=user.pk).update(is_active=False)
    record(AuditAction.ACCOUNT_CHANGED, by, account=user.username, change="locked")


@transaction.atomic
def unlock_account(user: User, *, by: str) -> None:
    """Open a locked account, also one that was locked because its password was guessed at."""
    User.objects.filter(pk=user.pk).update(is_active=True)
    reset(username=user.username)
    record(AuditAction.ACCOUNT_CHANGED, by, account=user.username, change="unlocked")


@transaction.atomic
def give_one_time_password(user: User, *, by: str) -> str:
    """A new password, which is told once; it opens nothing but the page on which its owner chooses another."""
    record(AuditAction.ACCOUNT_CHANGED, by, account=user.username, change="one-time password")
    return _give_password(user, by)


@transaction.atomic
def password_was_chosen(user: User) -> None:
    """Note that the owner of an account has chosen a password."""
    OneTimePassword.objects.filter(user=user).delete()
    record(AuditAction.ACCOUNT_CHANGED, user.username, account=user.username, change="password chosen")


def must_choose_password(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether an account has a one-time password, with which it may do nothing else."""
    return isinstance(user, User) and OneTimePassword.objects.filter(user=user).exists()


def guessed_accounts() -> frozenset[str]:
    """The names of accounts that are locked for now towards an address that guessed their password."""
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    attempts = AccessAttempt.objects.filter(
        failures_since_start__gte=settings.AXES_FAILURE_LIMIT, attempt_time__gt=since
    )
    return frozenset(name for name in attempts.values_list("username", flat=True) if name)


def _give_roles(user: User, roles: Collection[str]) -> None:
    if unknown := set(roles) - set(UserRole):
        raise AccountError(f"There is no role {', '.join(sorted(unknown))}.")
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in sorted(roles)])
    # As for the accounts of the installation: who administers the site sees Django's own administration too.
    user.is_staff = user.is_superuser = UserRole.ADMIN in roles
    user.save(update_fields=["is_staff", "is_superuser"])


def _give_password(user: User, by: str) -> str:
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.save(update_fields=["password"])
    OneTimePassword.objects.update_or_create(user=user, defaults={"given_by": by, "given_at": timezone.now()})
    return password


def _keep_an_admin(user: User, by: str) -> None:
    """Nobody shuts themselves out, and somebody is left who can let others in."""
    # All admins, in one order: of two who take each other's role, the second finds none left.
    admins = list(
        User.objects.select_for_update(of=("self",))
        .filter(is_active=True, groups__name=UserRole.ADMIN)
        .order_by("pk")
    )
    if user.username == by:
        raise AccountError("You cannot lock yourself, nor give up your own administration.")
    if [one.pk for one in admins] == [user.pk]:
        raise AccountError("Nobody would be left to administer the site.")


def _words(roles: Collection[str]) -> str:
    return ", ".join(sorted(roles)) or "none"
