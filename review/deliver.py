"""Sending the objects of a published result on to the destinations of the rule that wanted it."""

from __future__ import annotations

from collections.abc import Iterable

from orthanc.client import OrthancClient
from orthanc.destinations import read_destination, send_to
from orthanc.errors import DestinationRefusesError, HopelessError, NotInOrthancError, OrthancUnavailableError
from orthanc.types import ObjectKind
from review.destinations import make_known
from review.models import Delivery, ResultObject
from review.pacs import connect
from review.sealing import CannotUnsealError


def plan_deliveries(item: ResultObject, destinations: Iterable[str]) -> list[Delivery]:
    """A delivery for each destination of a rule that wants this kind of object; those that are there stay."""
    wanted = [read_destination(text) for text in destinations]
    return [
        Delivery.objects.get_or_create(item=item, destination=one.name)[0]
        for one in wanted
        if ObjectKind(item.kind) in one.kinds
    ]


def send_object(delivery: Delivery) -> None:
    """Send an object through Orthanc and note how it went. Sent twice, the same object arrives twice."""
    with connect() as pacs:
        try:
            make_known(pacs, delivery.destination)
            send_to(pacs, delivery.destination, [_in_orthanc(pacs, delivery.item)])
        except OrthancUnavailableError as error:
            delivery.stumble(str(error))
        except DestinationRefusesError as error:
            delivery.stumble(str(error), refused=True)
        except (HopelessError, CannotUnsealError) as error:
            delivery.stumble(str(error), hopeless=True)
        else:
            delivery.succeed()


def _in_orthanc(pacs: OrthancClient, item: ResultObject) -> str:
    is_series = item.n_instances > 1
    found = pacs.find_series(item.series_uid) if is_series else pacs.find_instance(item.sop_uid)
    if found is None:
        raise NotInOrthancError("The result is no longer in Orthanc.")
    return found
