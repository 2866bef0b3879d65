"""How the machinery is: database rows, broker, Orthanc."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import BrokerConnectionError
from redis.exceptions import RedisError

from orthanc.errors import OrthancError
from review.models import WorkerBeat
from review.pacs import connect
from review.selectors import counts_by_state, health

ORTHANC_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class SystemHealth:
    """What an operator wants to know at one glance. An empty trouble means well."""

    broker_trouble: str
    orthanc_trouble: str
    orthanc_version: str
    follower_seen_at: datetime | None
    follower_alive: bool
    follower_trouble: str
    workers: tuple[WorkerBeat, ...]
    running_jobs: int
    queued_jobs: int
    oldest_queued_s: float | None
    silent_jobs: int
    studies: dict[str, int]

    @property
    def ok(self) -> bool:
        """Whether a study that arrives now will be processed."""
        served = {queue for worker in self.workers if worker.is_alive for queue in worker.queues}
        troubles = self.broker_trouble or self.orthanc_trouble or self.follower_trouble
        return not troubles and self.follower_alive and {"cpu", "gpu"} <= served


def system_health() -> SystemHealth:
    """Ask every part; takes a few seconds at most where one does not answer."""
    rows = health()
    version, orthanc_trouble = _ask_orthanc()
    return SystemHealth(
        broker_trouble=_ask_broker(),
        orthanc_trouble=orthanc_trouble,
        orthanc_version=version,
        follower_seen_at=rows.follower_seen_at,
        follower_alive=rows.follower_alive,
        follower_trouble=rows.follower_trouble,
        workers=tuple(WorkerBeat.objects.all()),
        running_jobs=rows.running_jobs,
        queued_jobs=rows.queued_jobs,
        oldest_queued_s=rows.oldest_queued_s,
        silent_jobs=rows.silent_jobs,
        studies=counts_by_state(),
    )


def _ask_orthanc() -> tuple[str, str]:
    with connect(ORTHANC_TIMEOUT_S) as pacs:
        try:
            version = str(pacs.system().get("Version", ""))
            pacs.check_files()
            return version, ""
        except OrthancError as error:
            return "", str(error)


def _ask_broker() -> str:
    broker = dramatiq.get_broker()
    try:
        if isinstance(broker, RedisBroker):
            broker.client.ping()
        else:
            for queue in broker.get_declared_queues():
                broker.get_queue_message_counts(queue)
    except (RedisError, BrokerConnectionError) as error:
        return f"The broker does not answer: {error}"
    return ""
