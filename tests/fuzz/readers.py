"""Hostile files past the door: what a worker would do with them, in a process of its own that may die."""

from __future__ import annotations

import resource
import time
import traceback
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from orthanc.errors import HopelessError
from orthanc.headers import instance_place, series_header, simplified_tags
from orthanc.intake import check_dicom
from orthanc.read import read_with_warnings
from orthanc.roles import guess_role
from orthanc.seg_reading import labels_from_seg, parse_seg
from orthanc.sources import read_source
from tests.fuzz.mutations import hostile_file

MEMORY_BYTES = 3 * 1024**3
"""What a reader may take for a file of some kilobytes."""

SLOW_S = 10.0
"""Of the processor: a busy machine makes nothing slow."""


@dataclass
class ReaderFindings:
    """How many files were read, and what went wrong with which: number and words."""

    read: int = 0
    refused: int = 0
    findings: list[tuple[int, str]] = field(default_factory=list)


def read_hostile_files(first: int, until: int, seeds: Sequence[bytes], *, step: int = 500) -> ReaderFindings:
    """Give every file to every reader; a process that dies is a finding of the block of files that it had."""
    total = ReaderFindings()
    for start in range(first, until, step):
        numbers = range(start, min(until, start + step))
        try:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_limit) as pool:
                one = pool.submit(read_block, numbers, list(seeds)).result()
        except BrokenProcessPool:
            total.findings.append((start, "the process of the reader died"))
            continue
        total.read += one.read
        total.refused += one.refused
        total.findings += one.findings
    return total


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def read_block(numbers: range, seeds: Sequence[bytes]) -> ReaderFindings:
    """The same within this process: only errors that tell a reader why are right."""
    done = ReaderFindings()
    with TemporaryDirectory() as folder:
        for number in numbers:
            begun = time.process_time()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    done.refused += not _read(hostile_file(number, seeds).data, seeds, Path(folder))
            except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
                done.findings.append((number, traceback.format_exc(limit=-40)))
            if (taken_s := time.process_time() - begun) > SLOW_S:
                done.findings.append((number, f"took {taken_s:.0f} s of the processor"))
            done.read += 1
    return done


def _read(data: bytes, seeds: Sequence[bytes], folder: Path) -> bool:
    """Whether the door would let it in; the readers get it either way, as Orthanc takes more than our door does."""
    paths = []
    for name, content in (("a", data), ("b", seeds[0])):
        paths.append(folder / f"{name}.dcm")
        paths[-1].write_bytes(content)
    for asked in (
        lambda: read_with_warnings([paths[0]]),
        lambda: read_with_warnings(paths),
        lambda: _as_seg(data, paths),
    ):
        try:
            asked()
        except HopelessError:
            continue
    try:
        dataset = check_dicom(data)
    except HopelessError:
        return False
    tags = simplified_tags(dataset)
    guess_role(series_header(tags, [instance_place(tags)]))
    return True


def _as_seg(data: bytes, paths: list[Path]) -> None:
    labels_from_seg(parse_seg(data), read_source(paths[1:]))
