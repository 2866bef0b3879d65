"""Who may send: scanners and other nodes by AE title. What comes from others is kept, and not processed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Max
from django.utils import timezone

from orthanc.errors import OrthancUnavailableError
from orthanc.send import Destination, echo
from review.audit import record
from review.models import AuditAction, Scanner, SiteSettings, Study

SEEN_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Sender:
    """An AE title that sent studies lately, and whether it is listed."""

    aet: str
    n_studies: int
    last_at: object
    is_listed: bool


def senders_seen() -> list[Sender]:
    """The AE titles that sent studies in the last month, the busiest first."""
    listed = set(Scanner.objects.values_list("aet", flat=True))
    since = timezone.now() - SEEN_FOR
    rows = Study.objects.filter(first_seen_at__gte=since).exclude(calling_aet="").values_list("calling_aet")
    counted = rows.annotate(count=Count("pk"), last=Max("first_seen_at")).order_by("-count", "calling_aet")
    return [Sender(aet, count, last, aet in listed) for aet, count, last in counted]


def why_not_from(calling_aet: str) -> str:
    """Why a study of this sender is not processed; empty where it is.

    Uploads, STOW-RS and REST have no AE title: whoever uses them has logged in.
    """
    if not calling_aet or not SiteSettings.load().only_listed_senders:
        return ""
    if Scanner.objects.filter(aet=calling_aet, is_allowed=True).exists():
        return ""
    return f"It came from the AE title {calling_aet}, which is not allowed to send."


def save_scanner(scanner: Scanner, *, by: str) -> None:
    """Keep a scanner; its values must be clean."""
    scanner.save()
    record(AuditAction.SITE_CHANGED, by, what="scanner", name=str(scanner), may_send=scanner.is_allowed)


def remove_scanner(scanner: Scanner, *, by: str) -> None:
    """Forget a scanner."""
    record(AuditAction.SITE_CHANGED, by, what="scanner removed", name=str(scanner))
    scanner.delete()


def try_scanner(scanner: Scanner, *, by: str) -> str:
    """C-ECHO; what came of it, in words."""
    if not scanner.host or not scanner.port:
        said = "Enter host and port for a C-ECHO."
    else:
        try:
            seconds = echo(Destination(scanner.aet, scanner.host, scanner.port), settings.DICOM_AET)
            said = f"It answered after {1000 * seconds:.0f} ms."
        except OrthancUnavailableError as error:
            said = str(error)
    Scanner.objects.filter(pk=scanner.pk).update(tested_at=timezone.now(), test_said=said[:300])
    record(AuditAction.SITE_CHANGED, by, what="scanner tested", name=str(scanner), said=said[:300])
    return said
