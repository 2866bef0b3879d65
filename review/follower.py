"""Reading Orthanc's journal from where it was left, handling what is new, then remembering how far it was read."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import psycopg2
from django.conf import settings
from django.db import DataError, InterfaceError, OperationalError, connection

from orthanc.client import OrthancClient
from orthanc.errors import HopelessError, NotInOrthancError, OrthancError
from orthanc.types import Change, ChangePage
from review import nudge
from review.intake import take_study
from review.lost_results import store_lost_results
from review.models import FollowerState, IntakeProblem, Study
from review.sweeper import remove_old_images, sweep

log = logging.getLogger(__name__)

PAGE = 100
SWEEP_EVERY_S = 3.0
COMPARE_EVERY_S = 300.0
RETRY_AT_MOST_S = 30.0

STUDY_KINDS = {"NewStudy", "StableStudy"}
SERIES_KINDS = {"NewSeries", "StableSeries"}

DATABASE_AWAY = (OperationalError, InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError)


def follow(is_stopping: Callable[[], bool]) -> None:
    """Follow until told to stop. Orthanc, the broker or the database may go away and come back meanwhile."""
    delay_s = float(settings.FOLLOW_INTERVAL_S)
    while not is_stopping():
        try:
            Follower().run(is_stopping)
        except DATABASE_AWAY as error:
            log.warning("the database is away (%s); trying again", type(error).__name__)
            connection.close()
            time.sleep(delay_s)
            delay_s = min(delay_s * 2, RETRY_AT_MOST_S)


class Follower:
    """The loop: look at the journal, sweep, wait for a nudge."""

    def __init__(self) -> None:
        self._trouble = ""
        self._swept_s = self._compared_s = float("-inf")
        self._results_below: int | None = None
        self._delay_s = float(settings.FOLLOW_INTERVAL_S)

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Look, sweep and wait until told to stop; an absent database rises to the caller."""
        nudge.listen()
        while not is_stopping():
            self._look()
            if time.monotonic() - self._swept_s >= SWEEP_EVERY_S:
                sweep()
                self._swept_s = time.monotonic()
            nudge.wait(min(self._delay_s, SWEEP_EVERY_S) if self._trouble else settings.FOLLOW_INTERVAL_S)

    def _look(self) -> None:
        state = FollowerState.load()
        try:
            with open_pacs() as pacs:
                if not _is_known_orthanc(pacs, state):
                    # It was put back from a backup, or is new: what it has lost is not in its journal.
                    self._compared_s, self._results_below = float("-inf"), None
                read_journal(pacs, state)
                if time.monotonic() - self._compared_s >= COMPARE_EVERY_S:
                    compare_studies(pacs)
                    self._results_below = store_lost_results(pacs, self._results_below)
                    remove_old_images()
                    self._compared_s = time.monotonic()
        except OrthancError as error:
            self._say(str(error))
            self._delay_s = min(self._delay_s * 2, RETRY_AT_MOST_S)
        else:
            self._say("")
            self._delay_s = float(settings.FOLLOW_INTERVAL_S)
        state.beat(self._trouble)

    def _say(self, trouble: str) -> None:
        # Once when it begins and once when it is over, not at every try.
        if bool(trouble) != bool(self._trouble):
            log.warning("Orthanc cannot be read: %s", trouble) if trouble else log.info("Orthanc is back")
        self._trouble = trouble


def open_pacs() -> OrthancClient:
    """The client of the settings (a seam for tests)."""
    from review.pacs import connect

    return connect()


def read_journal(pacs: OrthancClient, state: FollowerState) -> int:
    """Handle every change since the remembered one; how many. The place is kept after handling, never before."""
    if not _is_known_orthanc(pacs, state):
        log.warning("Orthanc's journal is another one than before; reading it from its beginning")
        state.remember(0, "")
    count = 0
    while True:
        page = pacs.changes(state.last_seq, PAGE)
        handle(pacs, page)
        if page.changes:
            count += len(page.changes)
            state.remember(page.changes[-1].seq, _line(page.changes[-1]))
        if page.done or not page.changes:
            return count


def _line(change: Change) -> str:
    return f"{change.seq} {change.kind} {change.orthanc_id}"


def _is_known_orthanc(pacs: OrthancClient, state: FollowerState) -> bool:
    """Whether the journal still has the line that was handled last.

    This version of Orthanc has no identity of its database. The line also goes when its study is deleted; reading
    all again is harmless then, because a study announced again starts nothing.
    """
    if not state.last_seq:
        return True
    page = pacs.changes(state.last_seq - 1, 1)
    return bool(page.changes) and _line(page.changes[0]) == state.last_change


def handle(pacs: OrthancClient, page: ChangePage) -> None:
    """Take every study that a page of the journal speaks of, each once."""
    studies: dict[str, None] = {}
    for change in page.changes:
        if change.kind in STUDY_KINDS:
            studies[change.orthanc_id] = None
        elif change.kind in SERIES_KINDS and (study := _study_of(pacs, change.orthanc_id)):
            studies[study] = None
    for orthanc_id in studies:
        _take(pacs, orthanc_id)


def _study_of(pacs: OrthancClient, orthanc_series_id: str) -> str | None:
    try:
        return pacs.parent_study(orthanc_series_id)
    except NotInOrthancError:
        return None


def _take(pacs: OrthancClient, orthanc_id: str) -> None:
    """Take one study. One that cannot be read goes to the problem list and does not hold up the others."""
    try:
        take_study(pacs, orthanc_id)
    except (HopelessError, DataError, ValueError, KeyError) as error:
        log.exception("study %s could not be taken", orthanc_id)
        IntakeProblem.objects.get_or_create(
            name=f"Study {orthanc_id} in Orthanc",
            source=IntakeProblem.Source.PACS,
            reason=f"Its header could not be read: {error}",
        )


def compare_studies(pacs: OrthancClient) -> None:
    """Deletions are not in the journal: mark the studies that are gone, and take those that are not known."""
    held = set(pacs.studies())
    known = Study.everything.filter(deleted_at=None).exclude(orthanc_id="")
    for study in known.exclude(orthanc_id__in=held):
        study.mark_deleted()
    for orthanc_id in held - set(known.values_list("orthanc_id", flat=True)):
        _take(pacs, orthanc_id)
