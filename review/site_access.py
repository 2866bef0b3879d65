"""Which sites an account may see, and breaking the glass: a patient of another site, for a reason and for a while.

A reader of a site sees its patients with their whole course, visits elsewhere included: half a course has another
nadir, and so another suggested response, than the one that other readers see.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.signals import request_finished
from django.db import models, transaction
from django.db.models import Q
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from review.audit import record
from review.course_facts import PatientKey
from review.models import AuditAction, BrokenGlass, PermittedSite, Study
from review.roles import is_admin
from review.site_scope import SiteScope, current_scope, limit_with, unlimited

log = logging.getLogger(__name__)

LEAST_REASON = 10
"""Characters: a dot is no reason."""
Row = TypeVar("Row", bound=models.Model)
Site = tuple[str, str]
"""Kind (of `PermittedSite.Kind`) and value."""


class SiteAccessError(Exception):
    """It cannot be given; the text says why."""


class LimitToSites:
    """Middleware: whoever asks sees the studies of the account's sites. Tokens are limited where they are read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Limit, and leave the end to the signal: an answer that is streamed is written after this returns."""
        limit_to(request.user)
        return self.get_response(request)


@receiver(request_finished)
def _request_is_over(**_: object) -> None:
    unlimited()


def limit_to(user: AbstractBaseUser | AnonymousUser) -> None:
    """Let the rest of this request see what the account may see."""
    limit_with(lambda: scope_of(user))


def scope_of(user: AbstractBaseUser | AnonymousUser) -> SiteScope | None:
    """The sites of an account with what it may see for now; None where that is everything: no sites, or an admin."""
    if not isinstance(user, User) or is_admin(user):
        return None
    sites = sites_of(user)
    if not sites:
        return None
    open_ones = open_glasses(user)
    return SiteScope(
        frozenset(value for kind, value in sites if kind == PermittedSite.Kind.INSTITUTION),
        frozenset(value for kind, value in sites if kind == PermittedSite.Kind.CALLING_AET),
        frozenset((one.patient_id, one.patient_id_issuer) for one in open_ones if one.patient_id),
        frozenset(one.study_uid for one in open_ones if not one.patient_id),
    )


def permitted(rows: models.QuerySet[Row], to_study: str) -> models.QuerySet[Row]:
    """Of rows that belong to studies those that the request may see; `to_study` is the way, "result__study"."""
    if current_scope() is None:
        return rows
    return rows.filter(**{f"{to_study}__in": Study.objects.order_by().values("pk")})


def may_see_patient(patient: PatientKey) -> bool:
    """Whether the request may see a patient."""
    if not patient.patient_id:
        return Study.objects.filter(study_uid=patient.study_uid).exists()
    return Study.objects.filter(patient_id=patient.patient_id, patient_id_issuer=patient.issuer).exists()


def sites_of(user: User) -> list[Site]:
    """The permitted sites of an account; none: all."""
    return list(PermittedSite.objects.filter(user=user).values_list("kind", "value"))


def known_sites(user: User | None = None) -> list[Site]:
    """Every site that a study told, and those that the account has already: what can be chosen from."""
    seen = {
        (kind.value, value)
        for kind in PermittedSite.Kind
        for value in Study.everything.filter(is_heartbeat=False)
        .order_by()
        .values_list(kind.value, flat=True)
        .distinct()
        if value
    }
    return sorted(seen | set(sites_of(user) if user else []))


@transaction.atomic
def set_sites(user: User, sites: Iterable[Site], *, by: str) -> None:
    """Let an account see these sites only; none: all.

    Raises:
        SiteAccessError: one of them is no site that any study told.
    """
    wanted, before = set(sites), set(sites_of(user))
    if unknown := wanted - set(known_sites(user)):
        raise SiteAccessError(f"No study came from {', '.join(sorted(value for _, value in unknown))}.")
    if wanted == before:
        return
    PermittedSite.objects.filter(user=user).delete()
    PermittedSite.objects.bulk_create(
        PermittedSite(user=user, kind=kind, value=value) for kind, value in sorted(wanted)
    )
    words = ", ".join(f"{kind} {value}" for kind, value in sorted(wanted)) or "all"
    record(AuditAction.ACCOUNT_CHANGED, by, account=user.username, change="sites", sites=words)


def open_glasses(user: User) -> list[BrokenGlass]:
    """The patients of other sites that an account may see now."""
    return list(BrokenGlass.objects.filter(user=user, until__gt=timezone.now()))


@transaction.atomic
def break_glass(user: User, wanted: str, reason: str) -> Study:
    """Open a patient of another site for a while; one of the patient's studies.

    `wanted` is a study's UID, a patient ID or an accession number.

    Raises:
        SiteAccessError: no reason, or it names nobody, or more than one patient.
    """
    wanted, reason = wanted.strip(), reason.strip()
    if len(reason) < LEAST_REASON:
        raise SiteAccessError("Say in a few words why you need to see this patient.")
    study = _only_patient(wanted)
    until = timezone.now() + timedelta(minutes=settings.BREAK_GLASS_MINUTES)
    BrokenGlass.objects.create(
        user=user,
        patient_id=study.patient_id,
        patient_id_issuer=study.patient_id_issuer,
        study_uid=study.study_uid,
        reason=reason,
        until=until,
    )
    record(
        AuditAction.GLASS_BROKEN,
        user.username,
        study=study,
        reason=reason,
        until=until.isoformat(timespec="minutes"),
    )
    log.warning("a patient of another site was opened in an emergency")
    limit_to(user)
    return study


def _only_patient(wanted: str) -> Study:
    fits = Q(study_uid=wanted) | Q(patient_id=wanted) | Q(accession_number=wanted)
    found = list(Study.everything.filter(fits, is_heartbeat=False)) if wanted else []
    if not found:
        raise SiteAccessError("No study has this UID, patient ID or accession number.")
    people = {
        (one.patient_id, one.patient_id_issuer) if one.patient_id else (one.study_uid,) for one in found
    }
    if len(people) > 1:
        raise SiteAccessError(f"{len(people)} patients have this. Give the UID of a study.")
    return found[0]
