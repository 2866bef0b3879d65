"""How many tickets wait in the broker, to see when it lost them."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from review.tasks import BROKER_AWAY


def waiting_tickets(queue: str) -> int | None:
    """Messages of a queue that no worker has fetched; None where the broker does not answer."""
    broker = dramatiq.get_broker()
    try:
        if isinstance(broker, RedisBroker):
            # `get_queue_message_counts` also counts what a worker that died had fetched.
            return int(broker.client.llen(f"{broker.namespace}:{queue}"))
        return int(broker.get_queue_message_counts(queue)[0])
    except BROKER_AWAY:
        return None
