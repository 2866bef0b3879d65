"""Looking for drift in the stored headers once an hour, and raising an alert with the suspects."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from django.core.cache import cache
from django.db.models import Exists, OuterRef
from django.db.models.fields.json import KT
from django.utils import timezone

from review.drift import LOOK_BACK_DAYS, REFERENCE_DAYS, SeenSeries, SeenStudy, find_drifts
from review.models import Alert, Flag, Series, Study

LOOK_EVERY_S = 3600
TOLD_FOR = timedelta(days=REFERENCE_DAYS)
"""What was told is part of the weeks before by then."""


def watch_drift() -> int:
    """Raise an alert for each new drift, at most one look an hour and process; how many alerts."""
    return raise_drift_alerts() if cache.add("drift-looked-for", True, LOOK_EVERY_S) else 0


def raise_drift_alerts() -> int:
    """Raise an alert for each drift that was not told yet; how many."""
    since = timezone.now() - TOLD_FOR
    told = set(
        Alert.objects.filter(kind=Alert.Kind.DRIFT, created_at__gt=since).values_list("subject", flat=True)
    )
    alerts = [
        Alert(
            study=Study.objects.get(study_uid=one.study_uid),
            kind=Alert.Kind.DRIFT,
            subject=subject,
            text=one.text,
        )
        for one in find_drifts(seen_studies(), timezone.localdate())
        if (subject := f"{one.scanner}: {one.subject}"[:255]) not in told
    ]
    Alert.objects.bulk_create(alerts)
    return len(alerts)


def seen_studies() -> list[SeenStudy]:
    """The MR studies of the last weeks, with their series by scanner; those of several scanners count for each."""
    since = timezone.now() - timedelta(days=REFERENCE_DAYS + LOOK_BACK_DAYS)
    series: dict[tuple[int, str], list[SeenSeries]] = defaultdict(list)
    rows = Series.objects.filter(
        study__first_seen_at__gte=since, study__is_heartbeat=False, is_ours=False, modality="MR"
    ).order_by()
    told = rows.annotate(
        maker=KT("header__manufacturer"),
        scanner=KT("header__manufacturer_model"),
        repetition=KT("header__repetition_time_ms"),
        echo=KT("header__echo_time_ms"),
    )
    for study_id, description, maker, scanner, repetition, echo in told.values_list(
        "study_id", "description", "maker", "scanner", "repetition", "echo"
    ):
        name = f"{maker or ''} {scanner or ''}".strip()
        series[study_id, name].append(SeenSeries(description, _number(repetition), _number(echo)))
    flagged = Flag.objects.filter(result__study=OuterRef("pk"), undone_at=None)
    studies = Study.objects.filter(first_seen_at__gte=since).annotate(is_poor=Exists(flagged)).in_bulk()
    return [
        _seen(studies[study_id], scanner, tuple(many))
        for (study_id, scanner), many in series.items()
        if study_id in studies
    ]


def _seen(study: Study, scanner: str, series: tuple[SeenSeries, ...]) -> SeenStudy:
    return SeenStudy(
        study_uid=study.study_uid,
        scanner=scanner,
        day=timezone.localdate(study.first_seen_at),
        series=series,
        is_incomplete=study.state in (Study.State.WAITING, Study.State.INCOMPLETE),
        is_failed=study.state == Study.State.FAILED,
        is_flagged=study.is_poor,  # type: ignore[attr-defined]
        protocol=study.description.strip().casefold(),
    )


def _number(text: str | None) -> float | None:
    return float(text) if text else None
