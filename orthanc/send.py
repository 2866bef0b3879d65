"""Sends DICOM files by C-STORE, as a scanner would."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification

from orthanc.errors import OrthancUnavailableError, RejectedFileError
from orthanc.intake import check_dicom

ASSOCIATION_TRIES = 3
PAUSE_S = 1.0
TIMEOUT_S = 30.0
ECHO_TIMEOUT_S = 5.0
DESTINATION_PATTERN = re.compile(r"(?P<aet>[^@]{1,16})@(?P<host>[^@:]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")
SUCCESS = 0x0000
WARNINGS = (0xB000, 0xB006, 0xB007)
"""Stored, though the receiver changed or dropped an element (PS3.4 B.2.3)."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A DICOM node that takes images."""

    aet: str
    host: str
    port: int


def parse_destination(text: str) -> Destination:
    """The node that AET@HOST:PORT names.

    Raises:
        ValueError: it is not of that form.
    """
    match = DESTINATION_PATTERN.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise ValueError(f"{text!r} is not AET@HOST:PORT")
    return Destination(match["aet"], match["host"].strip("[]"), int(match["port"]))


@dataclass(frozen=True, slots=True)
class SendReport:
    """How many files arrived, and for each other file why it did not."""

    sent: int
    failed: tuple[tuple[Path, str], ...]


@dataclass(frozen=True, slots=True)
class _Parcel:
    path: Path
    sop_class_uid: str
    transfer_syntax_uid: str


def send_files(
    files: list[Path],
    to: Destination,
    calling_aet: str = "SCANNER",
    tell: Callable[[int, int], None] | None = None,
) -> SendReport:
    """Send the files; those that cannot be read are reported and the others still sent.

    An association that breaks is opened again for what is left. `tell` gets (done, all) after each file.

    Raises:
        OrthancUnavailableError: no association could be opened, or it broke at the same file again
            and again.
    """
    parcels, failed = _look_at(files)
    sent = tries = 0
    waiting = list(parcels)
    while waiting:
        before = len(waiting)
        tries += 1
        try:
            with _association(to, calling_aet, parcels) as association:
                while waiting:
                    refusal = _store(association, waiting[0])
                    parcel = waiting.pop(0)
                    sent += refusal is None
                    failed += [(parcel.path, refusal)] if refusal else []
                    if tell:
                        tell(len(parcels) - len(waiting), len(parcels))
        except OrthancUnavailableError:
            tries = tries if len(waiting) == before else 1
            if tries >= ASSOCIATION_TRIES:
                raise
            time.sleep(PAUSE_S)
    return SendReport(sent, tuple(failed))


def echo(node: Destination, calling_aet: str = "GLIOMA", timeout_s: float = ECHO_TIMEOUT_S) -> float:
    """C-ECHO to a DICOM node (PS3.4 annex A); the seconds until it answered.

    Raises:
        OrthancUnavailableError: it does not answer, or not to this calling AE title; the text says which.
    """
    who = f"{node.aet} at {node.host}:{node.port}"
    try:
        # Asked first, because pynetdicom does not tell a refused connection from a refused association.
        socket.create_connection((node.host, node.port), timeout_s).close()
    except OSError as error:
        raise OrthancUnavailableError(f"{who} does not answer.") from error
    entity = AE(ae_title=calling_aet)
    entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = (
        timeout_s
    )
    start = time.monotonic()
    association = entity.associate(
        node.host, node.port, contexts=[build_context(Verification)], ae_title=node.aet
    )
    if not association.is_established:
        raise OrthancUnavailableError(f"{who} answers, but refuses the AE title {calling_aet} or its own.")
    try:
        status = association.send_c_echo()
    finally:
        association.release()
    if status.get("Status") != SUCCESS:
        raise OrthancUnavailableError(f"{who} takes the connection, but does not answer a C-ECHO.")
    return time.monotonic() - start


def _look_at(files: list[Path]) -> tuple[list[_Parcel], list[tuple[Path, str]]]:
    parcels: list[_Parcel] = []
    failed: list[tuple[Path, str]] = []
    for path in files:
        try:
            dataset = check_dicom(path.read_bytes())
        except (RejectedFileError, OSError) as error:
            failed.append((path, str(error)))
        else:
            syntax = str(dataset.file_meta.TransferSyntaxUID)
            parcels.append(_Parcel(path, str(dataset.SOPClassUID), syntax))
    return parcels, failed


@contextmanager
def _association(to: Destination, calling_aet: str, parcels: list[_Parcel]) -> Iterator[Association]:
    entity = AE(ae_title=calling_aet)
    entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = (
        TIMEOUT_S
    )
    # One context per pair: the receiver must not choose a syntax in which the file is not.
    pairs = sorted({(one.sop_class_uid, one.transfer_syntax_uid) for one in parcels})
    association = entity.associate(
        to.host,
        to.port,
        contexts=[build_context(sop_class, syntax) for sop_class, syntax in pairs],
        ae_title=to.aet,
        evt_handlers=[(evt.EVT_CONN_OPEN, _send_at_once)],
    )
    if not association.is_established:
        raise OrthancUnavailableError(f"{to.aet} at {to.host}:{to.port} does not accept a connection.")
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def _send_at_once(event: Event) -> None:
    """Without this each image waits about 40 ms for a delayed acknowledgement."""
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _store(association: Association, parcel: _Parcel) -> str | None:
    """Send one file; None when it was taken, else the reason."""
    try:
        status = association.send_c_store(dcmread(parcel.path))
    except ValueError:
        # pynetdicom's answer to a context that the receiver did not accept.
        return "The receiver does not accept this kind of object or its encoding."
    except RuntimeError as error:
        raise OrthancUnavailableError("The connection was closed by the receiver.") from error
    if "Status" not in status:
        raise OrthancUnavailableError("The receiver closed the connection or did not answer in time.")
    if status.Status == SUCCESS or status.Status in WARNINGS:
        return None
    comment = f" {status.ErrorComment}" if status.get("ErrorComment") else ""
    return f"The receiver refused it (status 0x{status.Status:04X}).{comment}"
