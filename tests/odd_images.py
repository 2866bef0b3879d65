"""Odd grids, encodings and pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from orthanc import variants
from orthanc.enhanced import enhanced_of
from orthanc.variants import Slices, put_pixels, stored_pixels
from tests.odd_kind import FLAIR, T1, T1CE, T2, OddKind, Study, changed, tagged

BOTTLE_RADIUS_MM = 50.0


def _without(*numbers: int) -> Callable[[Slices], Slices]:
    return lambda slices: variants.without(slices, numbers)


def _pixels_changed(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Slices], Slices]:
    def of_series(slices: Slices) -> Slices:
        for one in slices:
            put_pixels(one, change(stored_pixels(one)))
        return slices

    return of_series


def _blank_third(slices: Slices) -> Slices:
    middle = slices[len(slices) // 2]
    put_pixels(middle, np.zeros_like(stored_pixels(middle)))
    return slices


def _as_fractions(slices: Slices, value: float) -> Slices:
    for one in slices:
        pixels = stored_pixels(one).astype("<f4")
        pixels[pixels.shape[0] // 2, pixels.shape[1] // 2] = value
        del one.PixelData
        one.FloatPixelData = pixels.tobytes()
        one.BitsAllocated = 32
        for name in ("BitsStored", "HighBit", "PixelRepresentation"):
            delattr(one, name)
    return slices


def _cut_short(slices: Slices) -> Slices:
    slices[3].PixelData = slices[3].PixelData[: len(slices[3].PixelData) // 4 * 2]
    return slices


def _damaged_jpeg(slices: Slices) -> Slices:
    slices = variants.encoded(slices, JPEG2000Lossless)
    data = bytearray(slices[3].PixelData)
    data[24:200] = bytes(176)
    slices[3].PixelData = bytes(data)
    return slices


def _in_colour(slices: Slices) -> Slices:
    for one in slices:
        grey = np.clip(stored_pixels(one), 0, 255).astype(np.uint8)
        one.SamplesPerPixel, one.PhotometricInterpretation, one.PlanarConfiguration = 3, "RGB", 0
        one.BitsAllocated = one.BitsStored = 8
        one.HighBit, one.PixelRepresentation = 7, 0
        one.PixelData = np.repeat(grey[..., None], 3, axis=-1).tobytes()
    return slices


def _half_of_them_smaller(slices: Slices) -> Slices:
    for one in slices[len(slices) // 2 :]:
        put_pixels(one, stored_pixels(one)[:-2, :-2])
        one.Rows, one.Columns = one.Rows - 2, one.Columns - 2
    return slices


def _cropped_to(side: int) -> Callable[[Slices], Slices]:
    def crop(slices: Slices) -> Slices:
        for one in slices:
            pixels = stored_pixels(one)[:side, :side]
            one.Rows, one.Columns = pixels.shape
            put_pixels(one, pixels)
        return slices

    return crop


def _noise_instead(study: Study) -> Study:
    random = np.random.default_rng(5)
    return changed(_pixels_changed(lambda pixels: random.integers(0, 60, pixels.shape)))(study)


def _bottle(slices: Slices) -> Slices:
    """A bottle of water such as scanners are tested with, upright where the head was, the same in every plane."""
    places = [_places_mm(one) for one in slices]
    centre = np.mean([place.mean(axis=(0, 1)) for place in places], axis=0)
    for one, place in zip(slices, places, strict=True):
        across = np.hypot(place[..., 0] - centre[0], place[..., 1] - centre[1])
        inside = (across < BOTTLE_RADIUS_MM) & (np.abs(place[..., 2] - centre[2]) < BOTTLE_RADIUS_MM)
        put_pixels(one, np.where(inside, 800, 2))
    return slices


def _places_mm(image: Dataset) -> npt.NDArray[np.float64]:
    """Where each pixel lies in the patient: rows by columns by x, y, z."""
    row, column = np.reshape(np.array(image.ImageOrientationPatient, float), (2, 3))
    y, x = np.indices((image.Rows, image.Columns))
    step_y, step_x = (float(step) for step in image.PixelSpacing)
    first = np.array(image.ImagePositionPatient, float)
    places: npt.NDArray[np.float64] = first + x[..., None] * step_x * row + y[..., None] * step_y * column
    return places


def _half_of_them_turned(slices: Slices) -> Slices:
    """Two planes in one series, as after a careless merge."""
    for one in slices[len(slices) // 2 :]:
        row, column = np.reshape(np.array(one.ImageOrientationPatient, float), (2, 3))
        one.ImageOrientationPatient = [*row, *np.cross(row, column)]
    return slices


def _mirrored(slices: Slices) -> Slices:
    """Left and right exchanged, whatever the plane: the pixels turned along the axis that lies closest to it."""
    row, column = np.abs(np.reshape(np.array(slices[0].ImageOrientationPatient, float), (2, 3)))[:, 0]
    pixels = [stored_pixels(one) for one in slices]
    if row < 0.7 and column < 0.7:
        turned = pixels[::-1]
    else:
        turned = [np.fliplr(one) if row > column else np.flipud(one) for one in pixels]
    for one, pixels_yx in zip(slices, turned, strict=True):
        put_pixels(one, pixels_yx)
    return slices


def _renumbered(slices: Slices) -> Slices:
    for one in slices:
        one.InstanceNumber = 1
    return slices


def _some_twice(slices: Slices, brighter: int = 0) -> Slices:
    return variants.with_doubles(slices, {2, 3}, brighter=brighter)


_ENCODINGS = {
    "JPEG lossless": JPEGLosslessSV1,
    "JPEG-LS": JPEGLSLossless,
    "JPEG 2000": JPEG2000Lossless,
    "RLE": RLELossless,
    "implicit VR": ImplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}


def _encoded(name: str) -> OddKind:
    syntax = _ENCODINGS[name]
    return OddKind(f"encoded as {name}", changed(lambda slices: variants.encoded(slices, syntax)), "result")


ODD_IMAGES: tuple[OddKind, ...] = (
    OddKind("a slice lost", changed(_without(4), FLAIR), "reason", "missing between image 3 and image 5"),
    OddKind("slices lost in a row", changed(_without(3, 4, 5), T2), "reason", "3 slices are missing"),
    OddKind("slices lost in two places", changed(_without(3, 6), T1), "reason", "image 5 and image 7"),
    OddKind("every second slice lost", changed(lambda slices: slices[::2], FLAIR), "reason", "every second"),
    OddKind("some images twice", changed(_some_twice, T1CE), "result", "came twice"),
    OddKind(
        "other images at the same place",
        changed(lambda slices: _some_twice(slices, brighter=9), T1CE),
        "reason",
        "lie at the same place",
    ),
    OddKind(
        "two echoes in one series",
        changed(lambda slices: variants.with_second_volume(slices, EchoTime=110), T2),
        "reason",
        "echo time",
    ),
    OddKind(
        "two time points in one series",
        changed(lambda slices: variants.with_second_volume(slices, TemporalPositionIdentifier=2), T1CE),
        "reason",
        "time point",
    ),
    OddKind(
        "a repeat in the same series",
        changed(lambda slices: variants.with_second_volume(slices, AcquisitionNumber=2), FLAIR),
        "reason",
        "acquisition number",
    ),
    OddKind("two matrix sizes in one series", changed(_half_of_them_smaller, T2), "reason", "differ in size"),
    OddKind(
        "two planes in one series", changed(_half_of_them_turned, FLAIR), "reason", "differ in orientation"
    ),
    OddKind("feet first", changed(variants.feet_first), "result"),
    OddKind("oblique", changed(lambda slices: variants.turned(slices, (18, -9, 12))), "result"),
    OddKind(
        "a tilted gantry",
        changed(lambda slices: variants.tilted(slices, 8), T1),
        "reason",
        "shifted against each other",
    ),
    OddKind("anisotropic pixels", changed(variants.anisotropic, T2, FLAIR), "result"),
    OddKind("signed pixels around zero", changed(variants.signed), "result"),
    OddKind("unsigned pixels of 12 bits", changed(variants.unsigned), "result"),
    OddKind("each slice rescaled in its own way", changed(variants.rescaled_each), "result"),
    OddKind("enhanced multi-frame", changed(lambda slices: [enhanced_of(slices)]), "result"),
    OddKind("only the T1CE multi-frame", changed(lambda slices: [enhanced_of(slices)], T1CE), "result"),
    *map(_encoded, _ENCODINGS),
    OddKind("damaged JPEG 2000", changed(_damaged_jpeg, T2), "reason", "cannot be decoded"),
    OddKind("pixels cut short", changed(_cut_short, FLAIR), "reason", "cut short"),
    OddKind("too many rows in the header", tagged(T1, only=4, Rows=512), "reason", "cut short"),
    OddKind("too few rows in the header", tagged(T1, Rows=8), "reason", "there are more"),
    OddKind(
        "no position on one image", tagged(T2, only=3, ImagePositionPatient=None), "reason", "where it lies"
    ),
    OddKind("no position on any image", tagged(T2, ImagePositionPatient=None), "reason", "where it lies"),
    OddKind("no pixel size", tagged(T1CE, PixelSpacing=None), "reason", "where it lies"),
    OddKind("no image numbers", tagged(InstanceNumber=None), "result"),
    OddKind("every image is number 1", changed(_renumbered), "result"),
    OddKind("all-zero FLAIR", changed(_pixels_changed(np.zeros_like), FLAIR), "reason", "blank"),
    OddKind("constant T2", changed(_pixels_changed(lambda px: np.full_like(px, 77)), T2), "reason", "blank"),
    OddKind("a blank slice between others", changed(_blank_third, T2), "result", "blank"),
    OddKind("not a number", changed(lambda s: _as_fractions(s, np.nan), FLAIR), "reason", "not numbers"),
    OddKind("pixels as fractions", changed(lambda slices: _as_fractions(slices, 12.5), FLAIR), "result"),
    OddKind("colour images called MR", changed(_in_colour, FLAIR), "reason", "colour"),
    OddKind("mirrored T2", changed(_mirrored, T2), "reason", "mirrored left to right", "later"),
    OddKind("noise and no head", _noise_instead, "reason", "not a head", "later"),
    OddKind("a bottle of water", changed(_bottle), "reason", "not a head", "later"),
    OddKind("a corner of each image", changed(_cropped_to(12)), "reason", "are only 12 x 12", "later"),
)
