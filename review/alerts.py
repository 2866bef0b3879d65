"""Telling somebody of studies that ended without a result: a row, and mail or webhook where the site set them.

Found by looking at where studies stand, so that an alert is neither lost nor doubled by a process that is killed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from smtplib import SMTPException

import httpx
from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Exists, OuterRef
from django.utils import timezone

from review.models import Alert, Study
from review.routing_documents import AfterWait

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=7)
"""Older ends are history: a site that is updated is not flooded."""

WEBHOOK_TIMEOUT_S = 10.0
KINDS = {Study.State.INCOMPLETE: Alert.Kind.INCOMPLETE, Study.State.FAILED: Alert.Kind.FAILED}


def raise_alerts() -> int:
    """Write an alert for every study that ended without a result by a rule that asks for it; how many."""
    told = Alert.objects.filter(study=OuterRef("pk"), text=OuterRef("reason"))
    ended = Study.objects.filter(
        state__in=list(KINDS),
        matched_rule__raises_alert=True,
        deleted_at=None,
        changed_at__gt=timezone.now() - LOOK_BACK,
    ).exclude(Exists(told))
    ended = ended.exclude(state=Study.State.INCOMPLETE, matched_rule__after_wait=AfterWait.GIVE_UP)
    alerts = [
        Alert(study=study, kind=KINDS[Study.State(study.state)], text=study.reason)
        for study in ended.order_by("changed_at")
    ]
    Alert.objects.bulk_create(alerts)
    return len(alerts)


def deliver_alert(alert: Alert) -> None:
    """Send an alert by every way that is set and has not taken it yet, and note how it went."""
    ways = _ways(alert)
    try:
        for way, send in ways.items():
            if way not in alert.sent_by:
                send(alert)
                alert.went_out(way)
    except (SMTPException, OSError, httpx.HTTPError) as error:
        log.warning("alert %s could not be sent (%s)", alert.pk, type(error).__name__)
        alert.stumble(f"{type(error).__name__}: {error}")
    else:
        alert.end(Alert.State.SENT if ways else Alert.State.SHOWN)


def _addressees(alert: Alert) -> list[str]:
    """The site's addresses, and those of the rule that wanted the study."""
    rule = alert.study.matched_rule
    return list(dict.fromkeys([*settings.ALERT_MAIL_TO, *(rule.notify if rule else [])]))


def _ways(alert: Alert) -> dict[str, Callable[[Alert], None]]:
    ways: dict[str, Callable[[Alert], None]] = {}
    if _addressees(alert):
        ways["mail"] = _mail
    if settings.ALERT_WEBHOOK_URL:
        ways["webhook"] = _call_webhook
    return ways


def _address(alert: Alert) -> str:
    return f"{settings.SITE_URL}/studies/{alert.study.study_uid}/"


def _mail(alert: Alert) -> None:
    # No name and no patient ID: mail is not encrypted, and the page asks for a log-in.
    lines = [alert.text, "", f"The study: {_address(alert)}"]
    send_mail(
        f"Glioma review: {alert.get_kind_display().lower()}",
        "\n".join(lines),
        settings.DEFAULT_FROM_EMAIL,
        _addressees(alert),
    )


def _call_webhook(alert: Alert) -> None:
    said = {
        "kind": alert.kind,
        "text": alert.text,
        "study_uid": alert.study.study_uid,
        "address": _address(alert),
        "created_at": alert.created_at.isoformat(),
    }
    httpx.post(settings.ALERT_WEBHOOK_URL, json=said, timeout=WEBHOOK_TIMEOUT_S).raise_for_status()
