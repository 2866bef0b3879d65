"""Hostile files through every door that takes files, and the pages that then show what came in."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import requests

from tests.fuzz.mutations import HostileFile, hostile_file
from tests.fuzz.target import Tally, Target

FILES_AT_ONCE = 40
BY_SCANNER = 5
"""Of so many blocks one goes to Orthanc by C-STORE: it takes what our own doors refuse."""

PLAIN_NAME = re.compile(r"\d+\.dcm")

SENDER = "radiologist"
SHOWN = (
    "/studies/{uid}/", "/studies/{uid}/series/", "/panel/{uid}/", "/viewer/{uid}/roles.json", "/api/studies/{uid}/",
    "/api/studies/{uid}/fhir/", "/api/patients/{uid}/timeline/", "/dicomweb/studies/{uid}/metadata",
    "/dicomweb/studies/{uid}/series",
)  # fmt: skip
LISTS = (
    "/", "/worklist/rows/", "/patients/", "/cohort/", "/problems/", "/system/", "/dashboard/", "/audit/", "/drift/",
    "/inbox/", "/rules/", "/rules/values.json?tag=SeriesDescription", "/administration/scanners/", "/api/studies/",
    "/api/problems/", "/worklist/flagged.csv", "/audit/export.csv", "/cohort/cohort.csv", "/cohort/research.csv",
    "/dicomweb/studies?limit=100&includefield=all",
)  # fmt: skip

Scan = Callable[[list[bytes]], int]


def send_files(
    target: Target, numbers: range, seeds: Sequence[bytes], tally: Tally, scan: Scan, *, at_once: int
) -> None:
    """Send the files of these numbers in blocks, by API, STOW-RS, explanation of rules, and C-STORE."""
    for start in range(numbers.start, numbers.stop, at_once):
        files = [hostile_file(number, seeds) for number in range(start, min(start + at_once, numbers.stop))]
        block = (start - numbers.start) // at_once
        told = f"files {start} to {start + len(files) - 1}"
        if block % BY_SCANNER == BY_SCANNER - 1:
            tally.scanned += scan([one.data for one in files])
            continue
        if block % BY_SCANNER == BY_SCANNER - 2:
            for together in (files, *([one] for one in files)):  # one that is refused takes others along
                tally.note("STOW-RS", _stow(target, together), told)
            continue
        _upload(target, files, tally, told)
        if block % BY_SCANNER == 0:
            for one in files:
                tally.note("explain", _explain(target, [one]), f"{told} {one.name[:50]}")


def show(target: Target, study_uids: Sequence[str], tally: Tally) -> None:
    """Ask for every page of these studies."""
    for uid in study_uids:
        for path in SHOWN:
            address = path.format(uid=uid)
            tally.note("pages of studies", target.ask("radiologist", "GET", address), address)


def show_lists(target: Target, tally: Tally) -> None:
    """Ask for every page that lists what came in."""
    for path in LISTS:
        tally.note("lists", target.ask("admin", "GET", path), path)


def _upload(target: Target, files: Sequence[HostileFile], tally: Tally, told: str) -> None:
    """Good names together, hostile ones each by itself: one name that is refused takes all beside it along."""
    plain = [one for one in files if PLAIN_NAME.fullmatch(one.name)]
    for together in (plain, *([one] for one in files if one not in plain)):
        parts = [("files", (one.name, one.data)) for one in together]
        answer = target.ask(SENDER, "POST", "/api/upload/", files=parts)
        tally.note("upload", answer, f"{told} {[one.name[:50] for one in together]}")
        if answer.ok:
            tally.taken += answer.json()["accepted"]
            show(target, answer.json()["study_uids"][-1:], tally)


def _explain(target: Target, files: Sequence[HostileFile]) -> requests.Response:
    parts = [("files", (one.name, one.data)) for one in files]
    return target.ask("admin", "POST", "/rules/explain/", files=parts)


def _stow(target: Target, files: Sequence[HostileFile]) -> requests.Response:
    parts = b"".join(
        b"--cut\r\nContent-Type: application/dicom\r\n\r\n" + one.data + b"\r\n" for one in files
    )
    headers = {
        "Content-Type": 'multipart/related; type="application/dicom"; boundary=cut',
        "Accept": "application/dicom+json",
    }
    return target.ask(SENDER, "POST", "/dicomweb/studies", data=parts + b"--cut--\r\n", headers=headers)
