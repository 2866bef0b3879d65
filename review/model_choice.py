"""Writes about models: the rows follow the folders; an admin activates one, or rolls back to the one before."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import transaction

from review.active_model import InstalledModel, models_on_disk
from review.audit import record
from review.models import Activation, Algorithm, AuditAction

log = logging.getLogger(__name__)


class CannotActivateError(Exception):
    """The model that was asked for cannot become the active one; the text says why."""


@transaction.atomic
def scan_models() -> list[Algorithm]:
    """Make the rows say what is installed now; a model whose folder is gone keeps its row, for its results.

    Raises:
        BadModelError: a description is damaged.
    """
    found = models_on_disk()
    _refuse_doubles(found)
    rows = [_row_of(model) for model in found]
    gone = Algorithm.objects.filter(is_installed=True).exclude(pk__in=[row.pk for row in rows])
    gone.update(is_installed=False)
    return rows


@transaction.atomic
def activate(name: str, version: str, by: str) -> Algorithm:
    """Make a model the one that new jobs get, from now on and without any restart.

    Raises:
        BadModelError: a description is damaged.
        CannotActivateError: this version is not installed.
    """
    scan_models()
    chosen = Algorithm.objects.filter(name=name, version=version, is_installed=True).first()
    if chosen is None:
        known = ", ".join(str(row) for row in Algorithm.objects.filter(is_installed=True)) or "none"
        raise CannotActivateError(f"The model {name} {version} is not installed (installed: {known}).")
    _switch(chosen, Activation.Kind.ACTIVATE, by)
    return chosen


@transaction.atomic
def roll_back(by: str) -> Algorithm | None:
    """Undo the last activation that stands; None where no model was active before it.

    Asked for again, it goes one activation further back.

    Raises:
        BadModelError: a description is damaged.
        CannotActivateError: nothing was activated, or the model before is no longer installed.
    """
    scan_models()
    standing = _standing_activation()
    if standing is None:
        raise CannotActivateError("No model was activated, so there is nothing to go back to.")
    before = standing.previous
    if before is not None and not before.is_installed:
        raise CannotActivateError(
            f"The model before, {before}, is no longer installed; activate another one."
        )
    _switch(before, Activation.Kind.ROLL_BACK, by)
    return before


def _standing_activation() -> Activation | None:
    """The latest activation that no rollback has undone: each rollback undoes the nearest one before it."""
    undone = 0
    for event in Activation.objects.select_related("previous"):
        if event.kind == Activation.Kind.ROLL_BACK:
            undone += 1
        elif undone:
            undone -= 1
        else:
            return event
    return None


def _switch(chosen: Algorithm | None, kind: Activation.Kind, by: str) -> None:
    # All rows, in one order: of two admins at once, the second waits and finds what the first decided.
    list(Algorithm.objects.select_for_update().order_by("pk"))
    previous = Algorithm.objects.filter(is_active=True).first()
    if chosen is not None and chosen == previous:
        return
    Algorithm.objects.filter(is_active=True).update(is_active=False)
    if chosen is not None:
        Algorithm.objects.filter(pk=chosen.pk).update(is_active=True)
        chosen.refresh_from_db()
    event = Activation.objects.create(kind=kind, algorithm=chosen, previous=previous, by=by)
    record(AuditAction.MODEL_ACTIVATED, by, model=str(chosen or "the best installed"), kind=str(kind))
    log.info("%s, by %s (before: %s)", event, by, previous or "the best installed model")


def _row_of(model: InstalledModel) -> Algorithm:
    told = {
        "folder": str(model.folder),
        "rank": model.rank,
        "is_demo": model.identity.is_demo,
        "statement": model.identity.statement,
        "is_installed": True,
    }
    row, _ = Algorithm.objects.update_or_create(
        name=model.identity.name, version=model.identity.version, defaults=told
    )
    return row


def _refuse_doubles(found: Sequence[InstalledModel]) -> None:
    """Two folders that call themselves the same model would make it unclear which one made a result."""
    folders: dict[tuple[str, str], InstalledModel] = {}
    for model in found:
        key = (model.identity.name, model.identity.version)
        if key in folders:
            raise CannotActivateError(
                f"{model.identity.name} {model.identity.version} is installed twice, in {folders[key].folder} and "
                f"{model.folder}: give one of them another version, or remove it."
            )
        folders[key] = model
