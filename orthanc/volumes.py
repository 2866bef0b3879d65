"""Series with several images at one place: which to keep, or in what they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from orthanc.errors import SeveralVolumesError
from orthanc.slices import Slice

DIFFERENCES = (
    (("EchoTime", "EffectiveEchoTime"), "echo time", " ms"),
    (("InversionTime", "InversionTimes"), "inversion time", " ms"),
    (("TemporalPositionIdentifier", "TemporalPositionIndex"), "time point", ""),
    (("DiffusionBValue",), "b-value", ""),
    (("FlipAngle",), "flip angle", "°"),
    (("RepetitionTime",), "repetition time", " ms"),
    (("TriggerTime", "NominalCardiacTriggerDelayTime"), "trigger time", " ms"),
    (("ImageType", "FrameType", "ComplexImageComponent"), "image type", ""),
    (("ContrastBolusAgent",), "contrast agent", ""),
    (("AcquisitionNumber",), "acquisition number", ""),
    (("AcquisitionTime", "FrameAcquisitionDateTime"), "time of acquisition", ""),
    (("SeriesDescription",), "description", ""),
)
"""What can tell the volumes of one series apart, in the order in which a reader wants to hear it."""

MAGNITUDE = {"M", "M_FFE", "M_SE", "M_IR", "MAGNITUDE"}
OTHER_COMPONENTS = {"P", "PHASE", "PHASE MAP", "R", "REAL", "I", "IMAGINARY", "R_IR", "R_SE", "R_FFE"}
"""Values of Image Type for the components of a complex image (PS3.3 C.8.13.3.1.1 and vendors' habits)."""

SEND_APART = "Send each of them as a series of its own."


def one_per_place(places: Sequence[Sequence[Slice]]) -> tuple[list[Slice], tuple[str, ...]]:
    """One slice for each place, and warnings that tell what was left out.

    The same image twice is one; of the components of a complex image the magnitude is kept.

    Args:
        places: the slices at each place, places in order.

    Raises:
        SeveralVolumesError: the images at one place differ, and none of them is the obvious one.
    """
    kept: list[list[Slice]] = [_magnitudes(place) for place in places]
    warnings = []
    if sum(map(len, kept)) < sum(map(len, places)):
        warnings.append("Phase or real and imaginary images in the series were left out.")
    single = [_without_copies(place) for place in kept]
    n_copies = sum(map(len, kept)) - sum(map(len, single))
    if n_copies:
        names = [
            one.name
            for place, less in zip(kept, single, strict=True)
            if len(less) < len(place)
            for one in less
        ]
        shown = ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
        warnings.append(f"{n_copies} images came twice and were used once ({shown}).")
    if any(len(place) > 1 for place in single):
        raise SeveralVolumesError(_why_several(single))
    return [place[0] for place in single], tuple(warnings)


def _magnitudes(place: Sequence[Slice]) -> list[Slice]:
    """The magnitude image, where the others at this place are other components of the same signal.

    Frames of a multi-frame object are not thinned out: results refer to all of them.
    """
    if len(place) == 1 or any(one.is_frame for one in place):
        return list(place)
    kinds = [{str(value).upper() for value in one.dataset.get("ImageType") or ()} for one in place]
    magnitudes = [one for one, kind in zip(place, kinds, strict=True) if not kind & OTHER_COMPONENTS]
    is_complex = all(kind & (MAGNITUDE | OTHER_COMPONENTS) for kind in kinds)
    return magnitudes if magnitudes and is_complex else list(place)


def _without_copies(place: Sequence[Slice]) -> list[Slice]:
    if len(place) == 1 or any(one.is_frame for one in place):
        return list(place)
    different: dict[tuple[Any, ...], Slice] = {}
    for one in sorted(
        place, key=lambda one: (int(one.dataset.get("InstanceNumber") or 0), one.dataset.SOPInstanceUID)
    ):
        different.setdefault((one.dataset.get("PixelData"), one.rescale), one)
    return list(different.values())


def _why_several(places: Sequence[Sequence[Slice]]) -> str:
    counts = Counter(map(len, places))
    doubled = [place for place in places if len(place) > 1]
    difference = _difference(doubled)
    if len(counts) > 1:
        first, second = doubled[0][:2]
        rest = f", as do others at {len(doubled) - 1} more places" if len(doubled) > 1 else ""
        return (
            f"{first.name.capitalize()} and {second.name} lie at the same place, but are not the same image"
            f"{difference}{rest}. Send the series again without the images that do not belong to it."
        )
    return (
        f"The series holds {len(places[0])} images at each of {len(places)} places{difference}: "
        f"several echoes, phases or repeats in one series. {SEND_APART}"
    )


def _difference(places: Sequence[Sequence[Slice]]) -> str:
    """Such as ", which differ in echo time (20 and 100 ms)"; empty where no header tells them apart."""
    for names, words, unit in DIFFERENCES:
        seen = [[_fact(one, names) for one in place] for place in places]
        values = sorted({value for place in seen for value in place}, key=_rank)
        if len(values) == len(places[0]) and all(len(set(place)) == len(place) for place in seen):
            told = " and ".join(_plain(value) for value in values)
            return f", which differ in {words} ({told}{unit})"
    return ""


def _rank(value: str) -> tuple[float, str]:
    try:
        return (float(value) if value else -np.inf), value
    except ValueError:
        return np.inf, value


def _plain(value: str) -> str:
    number = _rank(value)[0]
    return f"{number:g}" if np.isfinite(number) else value or "none"


def _fact(one: Slice, names: Sequence[str]) -> str:
    groups = [element.value[0] for element in one.own_group if element.VR == "SQ" and element.value]
    return next((found for where in (*groups, one.dataset) if (found := _find(where, names))), "")


def _find(dataset: Dataset, names: Sequence[str]) -> str:
    for name in names:
        if dataset.get(name) not in (None, ""):
            value = dataset[name].value
            return "/".join(map(str, value)) if dataset[name].VM > 1 else str(value)
    return ""
