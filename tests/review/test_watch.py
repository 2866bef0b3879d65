"""A part that is not well is told of once within a minute, and once more when it is well again."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.core import mail
from django.db import OperationalError
from django.utils import timezone
from pytest_django.fixtures import Settings as DjangoSettings

from review import watch
from review.models import Outage
from review.readiness import PARTS
from review.watch import LOOK_EVERY_S, STARTING_S, TELL_AFTER, WORDS, Watcher, note, start_watching, tell_all

pytestmark = pytest.mark.django_db
WELL = dict.fromkeys(PARTS, True)
ILL = WELL | {"orthanc": False}


@pytest.fixture(autouse=True)
def told(settings: DjangoSettings) -> None:
    settings.ALERT_MAIL_TO, settings.ALERT_WEBHOOK_URL = ["it@hospital.example"], ""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def pass_time(by: timedelta) -> None:
    """Let every outage be older by this."""
    for one in Outage.objects.all():
        Outage.objects.filter(pk=one.pk).update(
            began_at=one.began_at - by, send_at=one.send_at - by, told_at=one.told_at and one.told_at - by
        )


def subjects() -> list[str]:
    return [one.subject for one in mail.outbox]


def test_every_part_has_its_words() -> None:
    assert set(WORDS) == {*PARTS, "web", "heartbeat"}


def test_an_outage_and_its_end_are_one_message_each_however_often_looked_at() -> None:
    for _ in range(3):
        note(ILL)
        tell_all()
    assert subjects() == []  # not yet: it may be over in a moment
    pass_time(TELL_AFTER)
    for _ in range(3):
        note(ILL)
        tell_all()
    assert subjects() == ["Glioma review: orthanc is not well"]
    assert "neither arrive nor be read" in mail.outbox[0].body
    for _ in range(3):
        note(WELL)
        tell_all()
    assert subjects()[1:] == ["Glioma review: orthanc is well again"]


def test_it_is_told_within_a_minute_also_after_a_start() -> None:
    assert STARTING_S + TELL_AFTER.total_seconds() + 2 * LOOK_EVERY_S <= 60


def test_what_is_not_there_yet_at_a_start_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "readiness", lambda: ILL)
    note(WELL | {"broker": False})  # since before the start, and over by now
    watcher = Watcher(is_central=False)
    watcher._started_s = time.monotonic()
    watcher.look()
    (before,) = Outage.objects.all()
    assert before.part == "broker"
    assert before.ended_at
    watcher._started_s -= STARTING_S
    watcher.look()
    assert Outage.objects.get(ended_at=None).part == "orthanc"


def test_a_short_stumble_is_on_record_and_not_told() -> None:
    note(ILL)
    note(WELL)
    pass_time(TELL_AFTER)
    assert tell_all() == 0
    assert Outage.objects.get().ended_at


def test_a_part_that_comes_and_goes_is_told_of_once_in_half_an_hour() -> None:
    for _ in range(3):
        note(ILL)
        pass_time(TELL_AFTER)
        tell_all()
        note(WELL)
        tell_all()
    assert subjects() == ["Glioma review: orthanc is not well", "Glioma review: orthanc is well again"]
    note(ILL)
    pass_time(timedelta(minutes=30))
    tell_all()
    assert len(mail.outbox) == 3


def test_two_watchers_tell_once() -> None:
    note(ILL)
    pass_time(TELL_AFTER)
    first, second = Outage.objects.get(), Outage.objects.get()
    assert [first.begin_telling(), second.begin_telling()] == [True, False]


def test_a_mail_server_that_is_away_is_tried_again(settings: DjangoSettings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    note(ILL)
    pass_time(TELL_AFTER)
    assert tell_all() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert tell_all() == 0  # a minute later
    pass_time(timedelta(minutes=1))
    assert tell_all() == 1


def test_a_database_that_is_away_is_told_of_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Watcher(is_central=True)
    monkeypatch.setattr(watch.connection, "close", lambda: None)
    monkeypatch.setattr(watch, "TELL_AFTER", timedelta(0))

    def away() -> dict[str, bool]:
        raise OperationalError("gone")

    monkeypatch.setattr(watch, "readiness", away)
    for _ in range(3):
        watcher.look()
    monkeypatch.setattr(watch, "readiness", lambda: WELL)
    monkeypatch.setattr(watch, "web_answers", lambda: True)
    for _ in range(3):
        watcher.look()
    assert subjects() == ["Glioma review: database is not well", "Glioma review: database is well again"]


def test_a_site_without_addresses_keeps_the_record(settings: DjangoSettings) -> None:
    settings.ALERT_MAIL_TO = []
    note(ILL)
    pass_time(TELL_AFTER)
    assert tell_all() == 1
    assert Outage.objects.get().told_at <= timezone.now()


@pytest.mark.django_db(transaction=True)
def test_a_watch_ends_with_its_worker() -> None:
    watcher = start_watching()
    watcher.stop()
    assert "watch" not in {thread.name for thread in threading.enumerate()}
