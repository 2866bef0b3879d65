"""Figures for Prometheus, counted from the rows at every scrape: the same whichever web process is asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from review.heartbeat import heart_is_well
from review.models import Alert, Delivery, Job
from review.readiness import PARTS, readiness
from review.selectors import counts_by_state

DURATIONS_OF = timedelta(days=1)
QUANTILES = (0.5, 0.95)
ENDED = (Job.State.DONE, Job.State.FAILED, Job.State.SUPERSEDED)


def render_metrics() -> bytes:
    """Everything, in Prometheus' text format; where the database is away, only what needs none."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures())
    return generate_latest(registry)


class _Figures(Collector):
    def collect(self) -> Iterator[Metric]:
        """All families."""
        parts = readiness()
        up = GaugeMetricFamily("glioma_part_up", "1 where this part of the system is well", labels=["part"])
        for name in PARTS:
            up.add_metric([name], float(parts[name]))
        yield up
        yield from _disk()
        if parts["database"]:
            yield from _rows()


def _rows() -> Iterator[Metric]:
    studies = GaugeMetricFamily("glioma_studies", "Studies by where they stand", labels=["state"])
    for state, count in counts_by_state().items():
        studies.add_metric([state], count)
    yield studies
    yield from _queues()
    yield _outcomes()
    yield _heartbeat()
    yield _durations()
    yield _counts("glioma_deliveries", "Deliveries to DICOM nodes", Delivery)
    yield _counts("glioma_alerts", "Alerts by how they went out", Alert)


def _queues() -> Iterator[Metric]:
    jobs = GaugeMetricFamily("glioma_jobs", "Jobs in flight", labels=["stage", "state"])
    waits = GaugeMetricFamily(
        "glioma_queue_oldest_seconds", "How long the oldest queued job has waited", labels=["stage"]
    )
    now = timezone.now()
    for stage in Job.Stage.values:
        of_stage = Job.objects.filter(stage=stage)
        queued = of_stage.filter(state=Job.State.QUEUED).aggregate(n=Count("pk"), oldest=Min("queued_at"))
        running = of_stage.filter(state=Job.State.RUNNING).count()
        jobs.add_metric([stage, "queued"], queued["n"])
        jobs.add_metric([stage, "running"], running)
        waits.add_metric([stage], (now - queued["oldest"]).total_seconds() if queued["n"] else 0.0)
    yield jobs
    yield waits
    silent = GaugeMetricFamily("glioma_jobs_silent", "Running jobs whose worker gave no sign of life")
    silent.add_metric([], Job.objects.silent().count())
    yield silent


def _outcomes() -> Metric:
    # No counter: a failed job that is tried again has not ended any more.
    ended = GaugeMetricFamily("glioma_jobs_ended", "Jobs that ended, by how", labels=["outcome"])
    counted = dict(
        Job.objects.filter(state__in=ENDED, study__is_heartbeat=False)
        .values_list("state")
        .annotate(n=Count("pk"))
        .order_by()
    )
    for state in ENDED:
        ended.add_metric([state.value], counted.get(state.value, 0))
    return ended


def _heartbeat() -> Metric:
    family = GaugeMetricFamily("glioma_heartbeat_well", "1 where the last phantom study came through right")
    family.add_metric([], float(heart_is_well()))
    return family


def _durations() -> Metric:
    """Quantiles over the jobs of the last day, in seconds; a stage that nobody ran has none."""
    seconds = GaugeMetricFamily(
        "glioma_stage_seconds", "Seconds per stage over the last day", labels=["stage", "quantile"]
    )
    taken = list(
        Job.objects.filter(
            state=Job.State.DONE, finished_at__gt=timezone.now() - DURATIONS_OF, study__is_heartbeat=False
        ).values_list("seconds", flat=True)
    )
    for stage in Job.Stage.values:
        values = [one[stage] for one in taken if stage in one]
        for quantile in QUANTILES if values else ():
            seconds.add_metric([stage, str(quantile)], float(np.quantile(values, quantile)))
    return seconds


def _counts(name: str, words: str, model: type[Delivery] | type[Alert]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=["state"])
    counted = dict(model.objects.values_list("state").annotate(n=Count("pk")).order_by())
    for state in model.State.values:
        family.add_metric([state], counted.get(state, 0))
    return family


def _disk() -> Iterator[Metric]:
    folder = Path(settings.ARTEFACTS_DIR)
    if not folder.is_dir():
        return
    usage = shutil.disk_usage(folder)
    for name, value in (("free", usage.free), ("total", usage.total)):
        family = GaugeMetricFamily(f"glioma_disk_{name}_bytes", f"Bytes {name} where artefacts are kept")
        family.add_metric([], value)
        yield family
