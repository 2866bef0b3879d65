"""All slices of a series in one order along the normal of their plane, if they make one regular grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from orthanc.errors import BadSeriesError, MissingSlicesError, MixedImagesError
from orthanc.intake import DAMAGED
from orthanc.slices import Slice, normal_of, slices_of
from orthanc.volumes import one_per_place

SAME_PLACE_MM = 1e-3
SAME_DIRECTION = 1e-3
UNEVEN_PART = 0.05
"""Steps between slices may differ by this part: rounding in headers does, a missing slice does not."""

SHIFT_MM = 0.5
GAPS_TOLD = 3
SEND_AGAIN = "Send the series again from the scanner or the archive."


@dataclass(frozen=True, slots=True)
class Stack:
    """The slices in order, and in words what was left out of the series."""

    slices: tuple[Slice, ...]
    warnings: tuple[str, ...] = ()


def stack_of(datasets: Iterable[Dataset]) -> Stack:
    """One slice at each place, places in order.

    Raises:
        MissingSlicesError: there are gaps; the text names the images beside them.
        MixedImagesError: the images differ in plane, size, spacing or frame of reference.
        SeveralVolumesError: different images at one place.
        BadSeriesError: fewer than two slices, or none that lie in space.
    """
    try:
        return _stack_of(datasets)
    except DAMAGED as error:
        raise BadSeriesError(
            f"The header of an image holds what makes no sense ({error}). {SEND_AGAIN}"
        ) from error


def _stack_of(datasets: Iterable[Dataset]) -> Stack:
    by_uid = {str(dataset.SOPInstanceUID): dataset for dataset in datasets}
    found = [one for dataset in by_uid.values() for one in slices_of(dataset)]
    if len(found) < 2:
        raise BadSeriesError(f"The series holds {len(found)} slices; an image of the head needs more.")
    _check_alike(found)
    normal = normal_of(found[0].orientation)
    found.sort(key=lambda one: (float(normal @ np.array(one.position_mm)), one.name))
    slices, warnings = one_per_place(_by_place(found, normal))
    if len(slices) < 2:
        raise BadSeriesError("All images of the series lie at one place; an image of the head needs more.")
    _check_steps(slices, normal)
    return Stack(tuple(slices), warnings)


def _by_place(found: Sequence[Slice], normal: np.ndarray) -> list[list[Slice]]:
    places: list[list[Slice]] = []
    before_mm = -np.inf
    for one in found:
        there_mm = float(normal @ np.array(one.position_mm))
        if there_mm - before_mm < SAME_PLACE_MM:
            places[-1].append(one)
        else:
            places.append([one])
        before_mm = there_mm
    return places


def _check_alike(slices: Sequence[Slice]) -> None:
    first = slices[0]
    lengths = np.linalg.norm(np.reshape(first.orientation, (2, 3)), axis=1)
    turn = float(np.dot(first.orientation[:3], first.orientation[3:]))
    if not np.allclose(lengths, 1.0, atol=0.01) or abs(turn) > 0.01:
        raise BadSeriesError(f"The orientation of {first.name} is not a direction in space.")
    for one in slices[1:]:
        if one.size != first.size:
            raise MixedImagesError(
                f"The images differ in size: {first.name} has {first.size[0]} x {first.size[1]} pixels, "
                f"{one.name} has {one.size[0]} x {one.size[1]}. Send each size as a series of its own."
            )
        if not np.allclose(one.orientation, first.orientation, atol=SAME_DIRECTION):
            raise MixedImagesError(_planes(first, one))
        if not np.allclose(one.spacing_mm, first.spacing_mm, rtol=1e-3):
            raise MixedImagesError(f"The images differ in pixel size: {first.name} and {one.name}.")
        if one.frame_of_reference != first.frame_of_reference:
            raise MixedImagesError(
                f"{first.name.capitalize()} and {one.name} have different frames of reference: "
                "the patient was moved between them."
            )


def _planes(first: Slice, other: Slice) -> str:
    text = f"The images differ in orientation: {first.name} is {first.plane}, {other.name} is {other.plane}"
    if first.plane == other.plane:
        return f"{text} but turned. Only images of one orientation make one series."
    return f"{text}, as in a localiser. Only images of one plane make one series."


def _check_steps(slices: Sequence[Slice], normal: np.ndarray) -> None:
    positions_mm = np.array([one.position_mm for one in slices])
    steps_mm = np.diff(positions_mm @ normal)
    usual_mm = _usual_step_mm(steps_mm)
    times = steps_mm / usual_mm
    is_gap = (times > 1.5) & (np.abs(times - np.rint(times)) < 3 * UNEVEN_PART)
    for index in np.flatnonzero(~is_gap & (np.abs(times - 1) > UNEVEN_PART)):
        raise MixedImagesError(
            f"The slices are not evenly spaced: {steps_mm[index]:.2f} mm between {slices[index].name} and "
            f"{slices[index + 1].name}, elsewhere {usual_mm:.2f} mm. {SEND_AGAIN}"
        )
    if is_gap.any():
        raise MissingSlicesError(_gaps(slices, np.rint(times).astype(int) - 1, np.flatnonzero(is_gap)))
    _check_every_other(slices, usual_mm)
    shift_mm = positions_mm - positions_mm[0] - np.outer((positions_mm - positions_mm[0]) @ normal, normal)
    if float(np.abs(shift_mm).max()) > SHIFT_MM:
        raise MixedImagesError("The slices are shifted against each other; they do not make one block.")


def _usual_step_mm(steps_mm: np.ndarray) -> float:
    """The median, but the smallest where all are multiples of it: then many slices are missing."""
    times = steps_mm / steps_mm.min()
    is_multiple = bool((np.abs(times - np.rint(times)) < 3 * UNEVEN_PART).all())
    return float(np.median(steps_mm[np.rint(times) == 1] if is_multiple else steps_mm))


def _gaps(slices: Sequence[Slice], counts: np.ndarray, where: np.ndarray) -> str:
    told = []
    for index in where[:GAPS_TOLD]:
        missing = "a slice is" if counts[index] == 1 else f"{counts[index]} slices are"
        told.append(f"{missing} missing between {slices[index].name} and {slices[index + 1].name}")
    more = f", and more at {len(where) - GAPS_TOLD} other places" if len(where) > GAPS_TOLD else ""
    text = ", ".join(told) + more
    return f"{text[0].upper()}{text[1:]}. {SEND_AGAIN}"


def _check_every_other(slices: Sequence[Slice], usual_mm: float) -> None:
    """Images lost at regular intervals leave an even grid; their numbers and the header tell.

    Neither is a proof alone: some scanners number the images of a series by twos, and some write the gap
    between slices where the step belongs.
    """
    numbers = [one.dataset.get("InstanceNumber") for one in slices]
    told_mm = float(slices[0].dataset.get("SpacingBetweenSlices") or 0)
    if None in numbers or told_mm <= 0 or slices[0].is_frame:
        return
    counted = np.abs(np.diff([int(number) for number in numbers]))
    every = int(counted[0])
    if every > 1 and (counted == every).all() and abs(usual_mm / told_mm - every) < UNEVEN_PART * every:
        raise MissingSlicesError(
            f"Only every {'second' if every == 2 else f'{every}th'} slice is there: the header says "
            f"{told_mm:.2f} mm between slices, the images lie {usual_mm:.2f} mm apart. {SEND_AGAIN}"
        )
