from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless

from orthanc.codes import COLOURS, SEGMENTS, Palette
from orthanc.enhanced import enhanced_of
from orthanc.errors import BadResultError
from orthanc.headers import series_header, simplified_tags
from orthanc.legend import draw_legend
from orthanc.read import read_series
from orthanc.secondary_capture import ON_FLAIR, ON_T1CE, Compression, OverlayFormat, write_overlays
from orthanc.sources import read_source
from orthanc.study_maker import make_study
from tests.orthanc.conformance import complaints_of_dcentvfy, complaints_of_dciodvfy, saved
from tests.orthanc.conftest import SAGITTAL, ramp_image, rotation
from tests.orthanc.results import ALGORITHM, VOLUMES, lopsided_labels, places_of

DIRECTIONS = {
    "axial": rotation(2, 3, -4),
    "sagittal": rotation(4, -6, 9) @ SAGITTAL,
    "mirrored": np.diag([-1.0, 1.0, 1.0]),
}


def source_of(folder: Path, visit, direction: np.ndarray, spacing_mm=(1.1, 1.1, 1.1)) -> list[Path]:
    image = ramp_image(direction, spacing_mm=spacing_mm)
    return make_study({"t1ce": image}, folder / "study", visit, "seed")


def overlays_of(files: list[Path], **options) -> list[Dataset]:
    labels = lopsided_labels(read_series(files))
    made = write_overlays(labels, read_source(files), ALGORITHM, VOLUMES, ON_T1CE, **options)
    return [dcmread(BytesIO(as_bytes(one))) for one in made]


def as_bytes(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def outlined_places(captures: list[Dataset], rgb: tuple[int, int, int]) -> set[tuple[float, ...]]:
    """Where in the patient (mm) pixels have exactly this colour, by the captures' own headers."""
    legend_rows = captures[0].Rows - len(captures[0].pixel_array) + _legend_height(captures)
    places = set()
    for one in captures:
        row, column = np.reshape(np.array(one.ImageOrientationPatient, float), (2, 3))
        height_mm, width_mm = map(float, one.PixelSpacing)
        image = one.pixel_array[: one.Rows - legend_rows]
        for y, x in np.argwhere((image == rgb).all(axis=-1)):
            place = np.array(one.ImagePositionPatient, float) + row * width_mm * x + column * height_mm * y
            places.add(tuple(round(float(value), 1) + 0.0 for value in place))
    return places


def _legend_height(captures: list[Dataset]) -> int:
    return len(draw_legend(VOLUMES, ALGORITHM, (), Palette.PAPER, 12))


@pytest.mark.parametrize("name", DIRECTIONS)
def test_every_tissue_is_drawn_where_it_lies_in_the_patient(name, tmp_path, visit):
    files = source_of(tmp_path, visit, DIRECTIONS[name])
    labels = lopsided_labels(read_series(files))
    captures = overlays_of(files)
    for kind in SEGMENTS:
        true = {tuple(round(x, 1) + 0.0 for x in place) for place in places_of(labels, kind.label)}
        drawn = outlined_places(captures, COLOURS[Palette.PAPER][kind.region])
        assert drawn
        assert all(min(np.linalg.norm(np.subtract(place, other)) for other in true) < 0.2 for place in drawn)


def test_a_sagittal_source_is_reconstructed_axially_with_square_pixels(tmp_path, visit):
    captures = overlays_of(source_of(tmp_path, visit, DIRECTIONS["sagittal"], (0.9, 1.1, 3.0)))
    normal = np.cross(*np.reshape(np.array(captures[0].ImageOrientationPatient, float), (2, 3)))
    assert abs(normal[2]) > 0.9
    assert captures[0].PixelSpacing[0] == captures[0].PixelSpacing[1]
    heights_mm = [float(np.array(one.ImagePositionPatient, float) @ normal) for one in captures]
    assert heights_mm == sorted(heights_mm)


def test_each_slice_takes_place_and_facts_over_from_the_source_image_it_is_drawn_on(tmp_path, visit):
    files = source_of(tmp_path, visit, DIRECTIONS["axial"])
    sources = {str(one.SOPInstanceUID): one for one in map(dcmread, files)}
    for capture in overlays_of(files):
        source = sources[capture.SourceImageSequence[0].ReferencedSOPInstanceUID]
        for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            assert np.allclose(np.array(capture[name].value, float), np.array(source[name].value, float))
        for name in ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID", "AccessionNumber"):
            assert capture[name].value == source[name].value
        assert series_header(simplified_tags(capture), []).is_ours


def test_labels_of_t1ce_are_drawn_on_a_flair_of_another_grid(tmp_path, visit, four_images):
    files = make_study(four_images, tmp_path / "study", visit, "seed")
    t1ce = read_series([path for path in files if path.parent.name.endswith("t1ce")])
    flair_files = [path for path in files if path.parent.name.endswith("flair")]
    labels = sitk.Image(t1ce.GetSize(), sitk.sitkUInt8) + 4
    labels.CopyInformation(t1ce)
    captures = write_overlays(labels, read_source(flair_files), ALGORITHM, VOLUMES, ON_FLAIR)
    assert len(captures) == len(flair_files)
    red = COLOURS[Palette.PAPER][SEGMENTS[2].region]
    assert any((one.pixel_array == red).all(axis=-1).any() for one in captures)


def test_the_legend_hides_no_pixel_of_the_image(tmp_path, visit):
    files = source_of(tmp_path, visit, DIRECTIONS["axial"])
    nothing = sitk.Image(read_series(files).GetSize(), sitk.sitkUInt8)
    nothing.CopyInformation(read_series(files))
    capture = write_overlays(nothing, read_source(files), ALGORITHM, VOLUMES, ON_T1CE)[0]
    rows, columns = dcmread(files[0]).pixel_array.shape
    image = capture.pixel_array[:rows, :columns]
    assert capture.Rows > rows
    assert (image[..., 0] == image[..., 1]).all()
    assert capture.pixel_array[rows:].max() > 200


def test_a_site_may_choose_colours_that_all_readers_can_tell_apart(tmp_path, visit):
    files = source_of(tmp_path, visit, DIRECTIONS["axial"])
    vermilion = COLOURS[Palette.SAFE][SEGMENTS[2].region]
    pixels = [one.pixel_array for one in overlays_of(files, palette=Palette.SAFE)]
    assert any((one == vermilion).all(axis=-1).any() for one in pixels)


def test_a_multi_frame_source_is_drawn_on_frame_by_frame(tmp_path, visit):
    files = source_of(tmp_path, visit, DIRECTIONS["axial"])
    path = tmp_path / "enhanced.dcm"
    enhanced_of([dcmread(one) for one in files]).save_as(path, enforce_file_format=True)
    captures = overlays_of([path])
    assert len(captures) == len(files)
    frames = [one.SourceImageSequence[0].ReferencedFrameNumber for one in captures]
    assert sorted(frames) == list(range(1, len(files) + 1))


def test_a_rerun_gives_the_same_bytes_and_another_series_other_objects(tmp_path, visit):
    files = source_of(tmp_path, visit, DIRECTIONS["axial"])
    labels = lopsided_labels(read_series(files))
    first, again, other = (
        write_overlays(labels, read_source(files), ALGORITHM, VOLUMES, series)
        for series in (ON_T1CE, ON_T1CE, ON_FLAIR)
    )
    assert list(map(as_bytes, first)) == list(map(as_bytes, again))
    assert {one.SOPInstanceUID for one in first}.isdisjoint(one.SOPInstanceUID for one in other)
    assert len({one.SeriesInstanceUID for one in first}) == 1


def test_of_a_thin_series_every_so_many_slices_are_drawn_and_the_one_with_most_tumour_is(tmp_path, visit):
    files = source_of(tmp_path, visit, DIRECTIONS["axial"])  # six slices of 1.1 mm, most tumour in the third
    whole = overlays_of(files)
    thin = overlays_of(files, wanted=OverlayFormat(step_mm=3.0))
    assert [one.InstanceNumber for one in thin] == [1, 2, 3]
    assert [one.pixel_array.tobytes() for one in thin] == [one.pixel_array.tobytes() for one in whole[::2]]
    assert {one.SeriesInstanceUID for one in thin}.isdisjoint(one.SeriesInstanceUID for one in whole)
    thick = source_of(tmp_path / "thick", visit, DIRECTIONS["axial"], spacing_mm=(1.1, 1.1, 3.0))
    assert len(overlays_of(thick, wanted=OverlayFormat(step_mm=3.0))) == len(thick)


def test_packed_overlays_hold_the_same_pixels_and_the_validators_have_nothing_against_them(tmp_path, visit):
    files = source_of(tmp_path, visit, DIRECTIONS["axial"])
    plain, packed = overlays_of(files), overlays_of(files, wanted=OverlayFormat(0, Compression.JPEG_LS))
    assert packed[0].file_meta.TransferSyntaxUID == JPEGLSLossless
    for one, other in zip(plain, packed, strict=True):
        assert np.array_equal(one.pixel_array, other.pixel_array)
    assert sum(len(one.PixelData) for one in packed) < 0.5 * sum(len(one.PixelData) for one in plain)
    assert complaints_of_dciodvfy(saved(packed[2], tmp_path, "packed")) == []


def test_labels_that_lie_elsewhere_are_refused(tmp_path, visit):
    files = source_of(tmp_path, visit, DIRECTIONS["axial"])
    labels = lopsided_labels(read_series(files))
    labels.SetOrigin((900.0, 0.0, 0.0))
    with pytest.raises(BadResultError, match="outside"):
        write_overlays(labels, read_source(files), ALGORITHM, VOLUMES, ON_T1CE)


@pytest.mark.parametrize("name", ["axial", "sagittal"])
def test_the_validators_have_nothing_against_it(name, tmp_path, visit):
    files = source_of(tmp_path, visit, DIRECTIONS[name])
    paths = [saved(one, tmp_path, f"sc{n}") for n, one in enumerate(overlays_of(files)[:3])]
    assert [complaints_of_dciodvfy(path) for path in paths] == [[], [], []]
    assert complaints_of_dcentvfy([files[0], *paths]) == []
