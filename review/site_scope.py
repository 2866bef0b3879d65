"""Whose studies the request that is running may see: set once where it is known who asks, read by `Study.objects`.

Nothing is set where nobody asks: workers, the follower and commands see every study.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class SiteScope:
    """The sites of an account, and the patients that it may see beside them for a while."""

    institutions: frozenset[str]
    calling_aets: frozenset[str]
    patients: frozenset[tuple[str, str]] = frozenset()
    """Patient ID and its issuer."""
    study_uids: frozenset[str] = frozenset()
    """Studies that name no patient."""


_of_request: ContextVar[Callable[[], SiteScope | None] | None] = ContextVar("site_scope", default=None)


def limit_with(find: Callable[[], SiteScope | None]) -> None:
    """From now on this request sees what `find` says (None: everything); it is asked once, when needed."""
    _of_request.set(cache(find))


def unlimited() -> None:
    """The request is over."""
    _of_request.set(None)


def current_scope() -> SiteScope | None:
    """What the request may see; None where that is everything."""
    find = _of_request.get()
    return find() if find else None
