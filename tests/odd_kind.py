"""What a kind of odd study is, and how it is made of a normal one."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydicom import config
from pydicom.dataset import Dataset

from orthanc.uids import derive_uid
from orthanc.variants import Slices

T1, T2, FLAIR, T1CE = 3, 4, 5, 9
"""Series numbers that `make_study` gives."""

ALL = (T1, T2, FLAIR, T1CE)
Study = list[Dataset]


@dataclass(frozen=True, slots=True)
class OddKind:
    """One way in which a study can be odd.

    `make` never changes what it is given. `ends_in` is "result" where the study must be segmented and
    "reason" where it must end without a result; `words` then are part of what the reader is told (any
    case). For a result, `words` are part of a warning, or empty. `told_by` is who finds out: the choice of
    series by their headers, the reader of the images, or a later stage (gates, guard).
    """

    name: str
    make: Callable[[Study], Study]
    ends_in: Literal["result", "reason"]
    words: str = ""
    told_by: Literal["headers", "reader", "later"] = "reader"


def of_series(study: Study, number: int) -> Slices:
    """The slices of one series in order."""
    found = [one for one in study if one.get("SeriesNumber") == number]
    return sorted(found, key=lambda one: int(one.InstanceNumber))


def changed(change: Callable[[Slices], Slices], *numbers: int) -> Callable[[Study], Study]:
    """The study with some series (by default all four) replaced by what `change` makes of them."""

    def make(study: Study) -> Study:
        chosen = numbers or ALL
        made = [one for one in study if one.get("SeriesNumber") not in chosen]
        for number in chosen:
            made += change(deepcopy(of_series(study, number)))
        return made

    return make


def tagged(*numbers: int, only: int | None = None, **values: object) -> Callable[[Study], Study]:
    """The study with other values in the headers of some series; None takes the element out.

    With `only`, one image of each series is changed: the one of this number.
    """

    def change(slices: Slices) -> Slices:
        for one in slices:
            if only is None or int(one.InstanceNumber) == only:
                put(one, **values)
        return slices

    return changed(change, *numbers)


def put(dataset: Dataset, **values: object) -> None:
    """Set elements, also to values that DICOM forbids; None takes one out."""
    with config.disable_value_validation():
        for name, value in values.items():
            if value is not None:
                setattr(dataset, name, value)
            elif name in dataset:
                delattr(dataset, name)


def write_study(study: Study, folder: Path) -> list[Path]:
    """One file for each object, whatever is wrong with it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:04d}.dcm" for number in range(len(study))]
    with config.disable_value_validation():
        for one, path in zip(study, files, strict=True):
            one.save_as(path, enforce_file_format=True)
    return files


def added(number: int, new_number: int, change: Callable[[Slices], Slices]) -> Callable[[Study], Study]:
    """The study with one more series: what `change` makes of a copy of series `number`."""
    return lambda study: [*study, *change(another_series(of_series(study, number), new_number))]


def another_series(slices: Slices, new_number: int) -> Slices:
    """Copies of the slices as a series of their own."""
    copies = deepcopy(slices)
    for one in copies:
        one.SeriesInstanceUID = derive_uid(one.SeriesInstanceUID, str(new_number))
        one.SOPInstanceUID = derive_uid(one.SOPInstanceUID, str(new_number))
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.SeriesNumber = new_number
    return copies


def as_class(slices: Slices, sop_class_uid: str, **values: object) -> Slices:
    """The slices as objects of another class."""
    for one in slices:
        one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = sop_class_uid
        put(one, **values)
    return slices
