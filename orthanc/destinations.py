"""Where results go: DICOM modalities (C-STORE) and DICOMweb servers (STOW-RS), as Orthanc knows them by name."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from orthanc.client import OrthancClient
from orthanc.errors import (
    DestinationRefusesError,
    HopelessError,
    OrthancRefusedError,
    OrthancUnavailableError,
)
from orthanc.types import ObjectKind

WEB = "dicomweb:"
"""Stands before the name of a DICOMweb server."""

USUAL_KINDS = (ObjectKind.SEG, ObjectKind.SR, ObjectKind.SC_T1CE, ObjectKind.SC_FLAIR, ObjectKind.KOS)
"""What a destination gets that does not say what it wants: no uncertainty map, no documents."""

POLL_S = 0.1
LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Destination:
    """A name as Orthanc knows it, with `dicomweb:` before it for a DICOMweb server, and what is sent there."""

    name: str
    kinds: tuple[ObjectKind, ...] = USUAL_KINDS

    @property
    def is_web(self) -> bool:
        """Whether objects go by STOW-RS."""
        return self.name.startswith(WEB)


def read_destination(text: str) -> Destination:
    """A rule's destination: a name, and after it the kinds of objects if not the usual: "PACS SEG SR".

    Raises:
        ValueError: there is no name, or an unknown kind; the text is for the admin who typed it.
    """
    words = text.split()
    unknown = [word for word in words[1:] if word not in list(ObjectKind)]
    if not words or unknown:
        known = ", ".join(ObjectKind)
        raise ValueError(f"“{text}” needs a name, then perhaps kinds of objects ({known}).")
    return Destination(words[0], tuple(ObjectKind(word) for word in words[1:]) or USUAL_KINDS)


def problems_in_destinations(texts: object) -> list[str]:
    """What is wrong with a rule's destinations, in words for the admin; empty when all is well."""
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return ["A list of modality names is needed."]
    problems = []
    for text in texts:
        try:
            read_destination(text)
        except ValueError as error:
            problems.append(str(error))
    return problems


def known_destinations(pacs: OrthancClient) -> list[str]:
    """The names that rules can use."""
    return [*pacs.modalities(), *(f"{WEB}{name}" for name in pacs.get_json("/dicom-web/servers"))]


def define_dicomweb_server(
    pacs: OrthancClient, name: str, url: str, username: str = "", password: str = ""
) -> None:
    """Make a DICOMweb server known to Orthanc until it is started anew (its configuration file keeps others)."""
    server = {"Url": url, "Username": username, "Password": password}
    pacs.put_json(f"/dicom-web/servers/{quote(name)}", server)


def send_to(pacs: OrthancClient, name: str, orthanc_ids: list[str], limit_s: float = LIMIT_S) -> None:
    """Send instances or series to a destination and wait until all are there.

    Raises:
        OrthancRefusedError: Orthanc knows no such destination.
        OrthancUnavailableError: the destination, or Orthanc, does not answer; worth another try.
        DestinationRefusesError: the destination answers, but does not take the objects.
    """
    if name not in known_destinations(pacs):
        kind = "DICOMweb server" if name.startswith(WEB) else "modality"
        raise OrthancRefusedError(f"Orthanc knows no {kind} called {name.removeprefix(WEB)}.")
    job = pacs.post_json(_address(name, "stow", "store"), {"Resources": orthanc_ids, "Synchronous": False})
    ended = _wait_for(pacs, str(job["ID"]), limit_s)
    failed = int(ended["Content"].get("FailedInstancesCount", 0))
    if ended["State"] == "Success" and not failed:
        return
    said = ended.get("ErrorDetails") or ended.get("ErrorDescription") or "no reason given"
    if is_answering(pacs, name):
        raise DestinationRefusesError(f"{name.removeprefix(WEB)} answers, but did not take it: {said}")
    raise OrthancUnavailableError(f"{name.removeprefix(WEB)} does not answer: {said}")


def is_answering(pacs: OrthancClient, name: str) -> bool:
    """Whether a destination answers a C-ECHO, or a DICOMweb server a question for one study."""
    try:
        if name.startswith(WEB):
            question = {"Uri": "/studies", "Arguments": {"limit": "1"}}
            pacs.post_json(_address(name, "get", ""), question, answers_json=False)
        else:
            pacs.echo_modality(name)
    except (OrthancUnavailableError, HopelessError):
        return False
    return True


def _address(name: str, web: str, dimse: str) -> str:
    if name.startswith(WEB):
        return f"/dicom-web/servers/{quote(name.removeprefix(WEB))}/{web}"
    return f"/modalities/{quote(name)}/{dimse}"


def _wait_for(pacs: OrthancClient, job_id: str, limit_s: float) -> dict[str, Any]:
    """The job of Orthanc once it has ended; one that takes too long is given up."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        job = pacs.get_json(f"/jobs/{job_id}")
        if job["State"] in ("Success", "Failure"):
            return dict(job)
        time.sleep(POLL_S)
    pacs.post_json(f"/jobs/{job_id}/cancel", {}, answers_json=False)
    raise OrthancUnavailableError(f"Sending took longer than {limit_s:.0f} s and was given up.")
