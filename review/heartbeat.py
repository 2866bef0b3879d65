"""A phantom study goes through the whole path every so often, and its volumes are checked against the truth.

It is sent by C-STORE as a scanner would, taken from Orthanc's journal, prepared, segmented, published, judged, and
removed again. It is in no list and no figure of patients' studies (`Study.objects` leaves it out). A server that was
started again without its storage once stopped a hospital's pipeline for days, and nothing was red.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from orthanc.errors import NotInOrthancError, OrthancError
from orthanc.send import parse_destination, send_files
from review.artefacts import job_folder, whole_folder
from review.models import Heartbeat, Study
from review.pacs import connect
from review.tasks import send_ticket

log = logging.getLogger(__name__)

ASK_AGAIN_AFTER = timedelta(minutes=10)
KEEP_FOR = timedelta(days=90)
PHANTOM = "heartbeat-phantom"
"""The head of the demo's first visit, on which every model was looked at. On another one the demo model measured 157 mL
of true 117: a heart that is never well tells nothing."""
TOLERANCE = {"WT": 0.15, "TC": 0.30, "ET": 0.50}
"""Part of the truth by which a volume may differ; a wrong side, a wrong grid or a lost sequence is more."""

STARTED_AT = timezone.now()
BAD_ENDS = (Study.State.FAILED, Study.State.INCOMPLETE, Study.State.NOT_WANTED)


def tick() -> None:
    """Begin a heartbeat where one is due, and follow the one that is under way."""
    if not settings.HEARTBEAT_MINUTES:
        return
    beat = Heartbeat.objects.filter(ended_at=None).first() or _begin_if_due()
    if beat is not None:
        follow(beat)


def _begin_if_due() -> Heartbeat | None:
    since = timezone.now() - timedelta(minutes=settings.HEARTBEAT_MINUTES)
    if Heartbeat.objects.filter(began_at__gt=since).exists():
        return None
    if since < STARTED_AT and not Heartbeat.objects.exists():
        return None  # an installation that was just made has other things to do
    Heartbeat.objects.filter(began_at__lt=timezone.now() - KEEP_FOR, is_well=True).delete()
    long_ago = timezone.now() - 2 * ASK_AGAIN_AFTER
    return Heartbeat.objects.create(asked_at=long_ago)


def follow(beat: Heartbeat) -> None:
    """See that it is sent, judge it when it has ended or is late, and remove it again."""
    now = timezone.now()
    if beat.sent_at is None and now - beat.asked_at > ASK_AGAIN_AFTER and send_ticket(beat):
        Heartbeat.objects.filter(pk=beat.pk).update(asked_at=now)
    study = Study.everything.filter(study_uid=beat.study_uid).first() if beat.study_uid else None
    if study is not None and study.state == Study.State.DONE:
        _judge_volumes(beat, study)
    elif study is not None and study.state in BAD_ENDS:
        beat.judge(is_well=False, words=f"The heartbeat study ended without a result: {study.reason}")
    elif beat.is_well is None and now - beat.began_at > timedelta(minutes=settings.HEARTBEAT_LATE_MINUTES):
        beat.judge(is_well=False, words=f"The heartbeat study is late: {_where(beat, study)}")
        return
    else:
        return
    if _removed(beat, study):
        Heartbeat.objects.filter(pk=beat.pk).update(ended_at=timezone.now())


def _where(beat: Heartbeat, study: Study | None) -> str:
    if beat.sent_at is None:
        return "it could not be sent."
    return (
        f"{study.state}, {study.reason or 'no more is known'}."
        if study
        else "it did not come back from Orthanc."
    )


def _judge_volumes(beat: Heartbeat, study: Study) -> None:
    result = study.current_result
    measured = {name: row.ml for name, row in result.volumes.items()} if result else {}
    wrong = wrong_volumes(measured, beat.true_ml)
    seconds = (timezone.now() - beat.began_at).total_seconds()
    found = ", ".join(f"{name} {measured[name]} ml" for name in TOLERANCE if name in measured)
    words = f"Wrong volumes: {'; '.join(wrong)}." if wrong else f"Went through in {seconds:.0f} s: {found}."
    beat.judge(is_well=not wrong, words=words)


def wrong_volumes(measured: Mapping[str, Decimal], true_ml: Mapping[str, float]) -> list[str]:
    """What is further from the truth than a working system is, in words."""
    return [
        f"{name} is {measured.get(name, 'missing')} ml, the truth is {true_ml[name]:.1f} ml"
        for name, part in TOLERANCE.items()
        if name not in measured or abs(float(measured[name]) - true_ml[name]) > part * true_ml[name]
    ]


def _removed(beat: Heartbeat, study: Study) -> bool:
    """Remove the study everywhere; False where Orthanc is away, and it is tried again."""
    try:
        with connect() as pacs:
            found = pacs.find_study(beat.study_uid)
            if found is not None:
                pacs.delete_study(found)
    except NotInOrthancError:
        pass  # removed meanwhile
    except OrthancError as error:
        log.warning("the heartbeat study could not be removed from Orthanc (%s)", type(error).__name__)
        return False
    for job in study.jobs.all():
        job_folder(job.pk).clear()
    study.delete()
    return True


def send_phantom(beat: Heartbeat) -> None:
    """Send the phantom study as a scanner would; made once and kept.

    Raises:
        OrthancUnavailableError: no DICOM association could be opened.
    """
    folder = _phantom()
    visit: dict[str, Any] = json.loads((folder / "truth.json").read_text())["visits"][0]
    # Known before it is sent: the follower may see it at once.
    values = {"study_uid": visit["study_uid"], "true_ml": visit["volumes_ml"]}
    Heartbeat.objects.filter(pk=beat.pk).update(**values)
    files = sorted((folder / visit["folder"]).rglob("*.dcm"))
    send_files(files, parse_destination(settings.HEARTBEAT_TO), calling_aet="HEARTBEAT")
    Heartbeat.objects.filter(pk=beat.pk).update(sent_at=timezone.now())


def _phantom() -> Path:
    folder = Path(settings.ARTEFACTS_DIR) / PHANTOM
    if not folder.is_dir():
        with whole_folder(folder) as scratch:
            names = {"patient_id": "HEARTBEAT", "patient_name": "Heartbeat^Phantom"}
            call_command("phantom", str(scratch), visits=1, verbosity=0, **names)
    return folder


def heart_is_well() -> bool:
    """Whether the last heartbeat that was judged was right; well where there was none."""
    last = Heartbeat.objects.exclude(is_well=None).first()
    return last is None or bool(last.is_well) or not settings.HEARTBEAT_MINUTES


def heart_words() -> str:
    """What the system page says."""
    if not settings.HEARTBEAT_MINUTES:
        return "Switched off (HEARTBEAT_MINUTES)."
    last = Heartbeat.objects.exclude(is_well=None).first()
    if last is None:
        return "No heartbeat study has ended yet."
    return f"{timezone.localtime(last.judged_at):%Y-%m-%d %H:%M}: {last.words}"
