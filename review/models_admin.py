"""Writes of the model page: a model is installed, and tried in the shadow of results that are there."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction

from review.active_model import models_on_disk
from review.audit import record
from review.model_choice import activate, scan_models
from review.models import Algorithm, AuditAction, Result, ShadowRun
from review.tasks import send_shadow
from segmentation.model_install import install_model

log = logging.getLogger(__name__)


@transaction.atomic
def install(source: Path, *, by: str, sha256: str = "") -> Algorithm:
    """Install a model from a folder or a zip; it runs nowhere until an admin activates it or a rule names it.

    Raises:
        BadModelError: it is damaged, no model, or there already; nothing is installed.
    """
    before = models_on_disk()
    identity = install_model(source, Path(settings.MODEL_DIRS[-1]), sha256)[1].identity
    scan_models()
    if before and not settings.MODEL and not Algorithm.objects.filter(is_active=True).exists():
        # What runs goes on running, whatever rank the new one gives itself.
        activate(before[0].identity.name, before[0].identity.version, by)
    record(AuditAction.MODEL_INSTALLED, by, model=f"{identity.name} {identity.version}")
    log.info("model %s %s installed", identity.name, identity.version)
    return Algorithm.objects.get(name=identity.name, version=identity.version)


@transaction.atomic
def try_in_shadow(algorithm: Algorithm, results: Iterable[Result], *, by: str) -> int:
    """Queue a model for results, each once: a run that failed is begun again; how many were queued."""
    queued = []
    for result in results:
        run, made = ShadowRun.objects.get_or_create(
            algorithm=algorithm, result=result, defaults={"made_by": by}
        )
        if not made and run.state == ShadowRun.State.FAILED:
            run.delete()
            run, made = ShadowRun.objects.create(algorithm=algorithm, result=result, made_by=by), True
        if made:
            queued.append(run)
    for run in queued:
        transaction.on_commit(partial(send_shadow, run))
    if queued:
        record(
            AuditAction.ADMINISTERED, by, what="model tried in shadow", model=str(algorithm), n=len(queued)
        )
    return len(queued)
