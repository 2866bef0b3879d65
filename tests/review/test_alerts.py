"""Studies that end without a result raise an alert by rule, once, and it goes out by what the site set."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django.fixtures import Settings as DjangoSettings

from review.alerts import deliver_alert, raise_alerts
from review.intake import expire_waits
from review.models import Alert, Study
from review.models.alerts import TRIES
from review.tasks import alert as alert_actor
from tests.review import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def late(settings: DjangoSettings) -> Study:
    """A study that waited for FLAIR long enough."""
    settings.ALERT_MAIL_TO, settings.ALERT_WEBHOOK_URL = [], ""
    return factories.make_study(
        state=Study.State.WAITING,
        reason="Missing FLAIR: No FLAIR in this study (3 series seen).",
        wait_deadline=timezone.now() - timedelta(seconds=1),
        matched_rule=factories.default_rule(),
    )


@pytest.fixture
def alert(late: Study) -> Alert:
    expire_waits()
    raise_alerts()
    return Alert.objects.get()


class _Hook(BaseHTTPRequestHandler):
    bodies: list[bytes]
    status = 200

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def webhook(settings: DjangoSettings, late: Study) -> Iterator[type[_Hook]]:
    """A real web server that keeps what it is told."""
    handler = type("Hook", (_Hook,), {"bodies": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{server.server_port}/hook"
        yield handler
        server.shutdown()
        thread.join()


def test_a_study_that_will_never_be_complete_ends_with_its_reason_and_one_alert(late: Study) -> None:
    assert raise_alerts() == 0
    expire_waits()
    assert [raise_alerts(), raise_alerts()] == [1, 0]
    alert = Alert.objects.get()
    late.refresh_from_db()
    assert (late.state, alert.kind, alert.text) == (Study.State.INCOMPLETE, "incomplete", late.reason)
    assert "Missing FLAIR" in alert.text


def test_a_failed_study_raises_one_too_and_another_reason_another(late: Study) -> None:
    for reason in ("T2: slices are missing.", "T2: slices are missing.", "No brain was found."):
        late.move(Study.State.FAILED, reason)
        raise_alerts()
    assert [(one.kind, one.text) for one in Alert.objects.order_by("pk")] == [
        ("failed", "T2: slices are missing."),
        ("failed", "No brain was found."),
    ]


def test_a_rule_can_keep_quiet(late: Study) -> None:
    rule = factories.default_rule()
    rule.raises_alert = False
    rule.save()
    expire_waits()
    assert raise_alerts() == 0


def test_what_ended_long_ago_is_history(late: Study) -> None:
    expire_waits()
    Study.objects.update(changed_at=timezone.now() - timedelta(days=8))
    assert raise_alerts() == 0


def test_without_addresses_an_alert_is_shown_here_only(alert: Alert) -> None:
    alert_actor(alert.pk)
    alert.refresh_from_db()
    assert (alert.state, mail.outbox) == (Alert.State.SHOWN, [])


def test_mail_names_reason_and_address_of_the_study_but_not_the_patient(
    alert: Alert, settings: DjangoSettings
) -> None:
    settings.ALERT_MAIL_TO, settings.SITE_URL = ["mr@hospital.example"], "https://glioma.example"
    deliver_alert(alert)
    alert.refresh_from_db()
    (sent,) = mail.outbox
    assert (alert.state, sent.to) == (Alert.State.SENT, ["mr@hospital.example"])
    assert "Missing FLAIR" in sent.body
    assert f"https://glioma.example/studies/{factories.STUDY_UID}/" in sent.body
    assert "Doe" not in sent.body + sent.subject
    assert "PAT-7" not in sent.body + sent.subject


def test_the_webhook_gets_kind_text_and_study(webhook: type[_Hook], alert: Alert) -> None:
    deliver_alert(alert)
    alert.refresh_from_db()
    assert alert.state == Alert.State.SENT
    assert b'"kind":"incomplete"' in webhook.bodies[0]
    assert factories.STUDY_UID.encode() in webhook.bodies[0]


def test_a_webhook_that_refuses_is_tried_again_and_the_mail_is_not_sent_twice(
    webhook: type[_Hook], alert: Alert, settings: DjangoSettings
) -> None:
    settings.ALERT_MAIL_TO = ["mr@hospital.example"]
    webhook.status = 500
    alert_actor(alert.pk)
    alert_actor(alert.pk)  # not due yet
    alert.refresh_from_db()
    assert (alert.state, alert.tries, alert.sent_by) == (Alert.State.WAITING, 1, ["mail"])
    assert "500" in alert.error
    assert alert.send_at > timezone.now()
    webhook.status = 200
    Alert.objects.update(send_at=timezone.now())
    alert_actor(alert.pk)
    alert.refresh_from_db()
    assert (alert.state, alert.error, len(mail.outbox), len(webhook.bodies)) == (Alert.State.SENT, "", 1, 2)


def test_after_the_last_try_it_says_that_it_could_not_be_sent(alert: Alert, settings: DjangoSettings) -> None:
    settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:1/"
    Alert.objects.update(tries=TRIES)
    deliver_alert(alert)
    alert.refresh_from_db()
    assert alert.state == Alert.State.UNDELIVERED
