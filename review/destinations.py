"""Destinations that admins enter: kept here, told to Orthanc, told again where it forgot, and tried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from django.db import transaction
from django.utils import timezone

from orthanc.client import OrthancClient
from orthanc.connection_test import send_test
from orthanc.destinations import define_dicomweb_server, known_destinations, read_destination
from orthanc.errors import HopelessError, NotInOrthancError, OrthancUnavailableError
from review.audit import record
from review.models import AuditAction, DestinationNode
from review.pacs import connect
from review.rule_versions import rules_in_force
from review.sealing import CannotUnsealError, unseal


@dataclass(frozen=True, slots=True)
class Known:
    """A destination that Orthanc knows or an admin entered (`node`), and the rules that name it."""

    rule_name: str
    node: DestinationNode | None
    in_orthanc: bool
    rules: tuple[str, ...]


def all_destinations() -> list[Known]:
    """Every destination.

    Raises:
        OrthancUnavailableError: Orthanc does not answer.
    """
    with connect() as pacs:
        in_orthanc = known_destinations(pacs)
    nodes = {one.rule_name: one for one in DestinationNode.objects.all()}
    named = _named_by_rules()
    names = dict.fromkeys([*nodes, *in_orthanc, *named])
    return [Known(name, nodes.get(name), name in in_orthanc, tuple(named.get(name, ()))) for name in names]


def _named_by_rules() -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for rule in rules_in_force():
        for text in rule["destinations"]:
            named.setdefault(read_destination(text).name, []).append(rule["name"])
    return named


@transaction.atomic
def save_destination(node: DestinationNode, *, by: str) -> None:
    """Keep a destination and tell Orthanc of it; its values must be clean.

    Raises:
        OrthancUnavailableError, HopelessError: Orthanc did not take it; nothing is kept.
    """
    before = DestinationNode.objects.filter(pk=node.pk).first()
    node.changed_at = timezone.now()
    node.save()
    record(AuditAction.SITE_CHANGED, by, what="destination", name=node.rule_name, where=_where(node))
    with connect() as pacs:
        if before is not None and before.rule_name != node.rule_name:
            _forget(pacs, before)
        _tell(pacs, node)


@transaction.atomic
def remove_destination(node: DestinationNode, *, by: str) -> None:
    """Forget a destination, here and in Orthanc.

    Raises:
        HopelessError: rules still name it; the text says which.
        OrthancUnavailableError: Orthanc does not answer; nothing is changed.
    """
    if rules := _named_by_rules().get(node.rule_name):
        raise HopelessError(f"It stays: {_quoted(rules)} send{'s' if len(rules) == 1 else ''} to it.")
    record(AuditAction.SITE_CHANGED, by, what="destination removed", name=node.rule_name)
    DestinationNode.objects.filter(pk=node.pk).delete()
    with connect() as pacs:
        _forget(pacs, node)


def try_destination(rule_name: str, *, by: str) -> str:
    """Send a made-up picture there; what came of it, in words."""
    node = next((one for one in DestinationNode.objects.all() if one.rule_name == rule_name), None)
    try:
        with connect() as pacs:
            make_known(pacs, rule_name)
            said = f"It took a test picture after {send_test(pacs, rule_name):.1f} s."
    except (OrthancUnavailableError, HopelessError, CannotUnsealError) as error:
        said = f"It took nothing: {error}"
    if node is not None:
        DestinationNode.objects.filter(pk=node.pk).update(tested_at=timezone.now(), test_said=said[:300])
    record(AuditAction.SITE_CHANGED, by, what="destination tried", name=rule_name, said=said)
    return said


def make_known(pacs: OrthancClient, rule_name: str) -> None:
    """Tell Orthanc of a destination that it has forgotten: DICOMweb servers go when it is started anew.

    Raises:
        CannotUnsealError: its password cannot be read any more.
        OrthancUnavailableError: Orthanc does not answer.
    """
    node = next((one for one in DestinationNode.objects.all() if one.rule_name == rule_name), None)
    if node is not None and rule_name not in known_destinations(pacs):
        _tell(pacs, node)


def _tell(pacs: OrthancClient, node: DestinationNode) -> None:
    if node.kind == DestinationNode.Kind.WEB:
        define_dicomweb_server(pacs, node.name, node.url, node.username, unseal(node.sealed_password))
    else:
        pacs.define_modality(node.name, node.aet, node.host, node.port or 104)


def _forget(pacs: OrthancClient, node: DestinationNode) -> None:
    root = "/dicom-web/servers/" if node.kind == DestinationNode.Kind.WEB else "/modalities/"
    try:
        pacs.delete_path(f"{root}{quote(node.name)}")
    except NotInOrthancError:
        return


def _where(node: DestinationNode) -> str:
    return node.url if node.kind == DestinationNode.Kind.WEB else f"{node.aet} at {node.host}:{node.port}"


def _quoted(names: Iterable[str]) -> str:
    return " and ".join(f"“{name}”" for name in names)
