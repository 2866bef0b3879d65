"""Telling people within a minute that a part of the system is not well, and again when it is.

Follower and workers watch, each in a thread of its own, so that each is seen to be silent by the others. A row per
outage keeps it at one message, whoever finds it. Where the database itself is away, the follower tells without.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from smtplib import SMTPException

import httpx
from django.conf import settings
from django.core.mail import send_mail
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from review.alerts import WEBHOOK_TIMEOUT_S
from review.heartbeat import heart_is_well
from review.models import Job, Outage
from review.readiness import readiness

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
STOP_WITHIN_S = 5.0
WEB_TIMEOUT_S = 5.0
STARTING_S = 15.0
"""So long after its own start a watch begins no outage: where all start together, some are not there yet."""
TELL_AFTER = timedelta(seconds=20)
"""A process that is started again at once is not worth a mail."""

DATABASE_AWAY = (DatabaseError, InterfaceError)
"""Whatever it answers, the watch goes on."""
CANNOT_TELL = (SMTPException, OSError, httpx.HTTPError)

WORDS = {
    "database": "The database does not answer: nothing is processed and no page works.",
    "broker": "The broker does not answer: queued studies wait.",
    "orthanc": "Orthanc does not answer: studies can neither arrive nor be read.",
    "follower": "The follower is silent: new studies are not seen.",
    "workers_cpu": "No worker prepares or publishes studies.",
    "workers_gpu": "No worker segments studies.",
    "web": "The web server does not answer: no page opens, and nothing can be uploaded.",
    "heartbeat": "The phantom study that is sent through the whole system did not come through as it should.",
    "storage": "The storage for artefacts is missing, cannot be written, or is nearly full.",
}
"""What it means for people, by part."""


def start_watching(*, is_central: bool = False) -> Watcher:
    """Watch in a thread that ends with the process, or when it is told to stop.

    The central one, of which there is one at a site, also asks the web server, and tells of the database.
    """
    watcher = Watcher(is_central=is_central)
    watcher.start()
    return watcher


class Watcher:
    """Looks every few seconds."""

    def __init__(self, *, is_central: bool) -> None:
        self._is_central = is_central
        self._started_s: float | None = None
        self._away_since_s: float | None = None
        self._away_told = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._started_s = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End before the next look, and wait for one that is under way."""
        self._stopped.set()
        self._thread.join(STOP_WITHIN_S)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.look()
            self._stopped.wait(LOOK_EVERY_S)
        connection.close()

    def look(self) -> None:
        """One look at every part."""
        try:
            parts = readiness()
            if parts["database"]:
                note(parts | self._central_parts(), may_begin=not self._is_starting())
                tell_all()
        except DATABASE_AWAY:
            connection.close()
            parts = {"database": False}
        if self._is_central:
            self._look_at_database(parts["database"])

    def _is_starting(self) -> bool:
        return self._started_s is not None and time.monotonic() - self._started_s < STARTING_S

    def _central_parts(self) -> dict[str, bool]:
        return {"web": web_answers(), "heartbeat": heart_is_well()} if self._is_central else {}

    def _look_at_database(self, is_well: bool) -> None:
        """The one part whose outage cannot be written down: kept in mind until it is over."""
        if is_well:
            if self._away_told and _told("database", is_over=True):
                self._away_told = False
            self._away_since_s = None
            return
        now_s = time.monotonic()
        self._away_since_s = self._away_since_s or now_s
        if not self._away_told and now_s - self._away_since_s >= TELL_AFTER.total_seconds():
            self._away_told = _told("database", is_over=False)


def web_answers() -> bool:
    """Whether the web server is alive."""
    try:
        return httpx.get(f"{settings.WEB_URL}/health", timeout=WEB_TIMEOUT_S).is_success
    except httpx.TransportError:
        return False


def note(parts: dict[str, bool], *, may_begin: bool = True) -> None:
    """Begin and end outages as the parts are now."""
    for part, is_well in parts.items():
        if is_well:
            if Outage.objects.filter(part=part, ended_at=None).update(ended_at=timezone.now()):
                Job.objects.wake()  # what waited for it need not wait for its next try
        elif may_begin:
            Outage.objects.get_or_create(part=part, ended_at=None)


def tell_all() -> int:
    """Tell of every outage that people should know of by now, and of every end of one they know; how many."""
    return sum(_tell(outage) for outage in _untold())


def _untold() -> QuerySet[Outage]:
    now = timezone.now()
    lately = Outage.objects.filter(
        part=OuterRef("part"), told_at__gt=now - timedelta(minutes=settings.ALERT_QUIET_MINUTES)
    )
    begun = Q(told_at=None, ended_at=None, began_at__lte=now - TELL_AFTER) & ~Exists(lately)
    over = Q(told_at__isnull=False, ended_at__isnull=False, end_told_at=None)
    return Outage.objects.filter(begun | over).order_by(F("began_at"))


def _tell(outage: Outage) -> bool:
    if not outage.begin_telling() or not _told(outage.part, is_over=outage.told_at is not None):
        return False
    outage.note_told()
    return True


def _told(part: str, *, is_over: bool) -> bool:
    """Send by every way of the site; False where one failed, and all is sent again later."""
    subject = f"Glioma review: {part} is {'well again' if is_over else 'not well'}"
    text = f"{part} is well again." if is_over else WORDS[part]
    log.warning("%s", subject)
    try:
        for send in _ways():
            send(subject, f"{text}\n\n{settings.SITE_URL}/system/")
    except CANNOT_TELL as error:
        log.warning("nobody could be told of it (%s)", type(error).__name__)
        return False
    return True


def _ways() -> list[Callable[[str, str], None]]:
    ways: list[Callable[[str, str], None]] = []
    if settings.ALERT_MAIL_TO:
        ways.append(_mail)
    if settings.ALERT_WEBHOOK_URL:
        ways.append(_call_webhook)
    return ways


def _mail(subject: str, text: str) -> None:
    send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, settings.ALERT_MAIL_TO)


def _call_webhook(subject: str, text: str) -> None:
    # `text` is what Slack and its kin show.
    said = {"kind": "system", "text": f"{subject}\n{text}"}
    httpx.post(settings.ALERT_WEBHOOK_URL, json=said, timeout=WEBHOOK_TIMEOUT_S).raise_for_status()
