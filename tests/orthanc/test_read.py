from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless, generate_uid

from orthanc.enhanced import enhanced_of
from orthanc.errors import (
    BadSeriesError,
    MissingSlicesError,
    MixedImagesError,
    NoContentError,
    SeveralVolumesError,
)
from orthanc.read import read_series, read_with_warnings
from orthanc.study_maker import make_study
from orthanc.variants import rescaled_each
from tests.orthanc.conftest import AXIAL, SAGITTAL, ramp_image, rotation

DIRECTIONS = {
    "axial": AXIAL,
    "sagittal": SAGITTAL,
    "coronal": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "oblique": rotation(20, -15, 30),
    "NIfTI order": np.diag([-1.0, -1.0, 1.0]),
    "mirrored": np.diag([-1.0, 1.0, 1.0]),
}


@pytest.fixture
def files(tmp_path: Path, visit) -> list[Path]:
    return make_study({"t1": ramp_image(rotation(5, 8, -3))}, tmp_path / "study", visit, "seed")


def edit(path: Path, **values) -> None:
    dataset = dcmread(path)
    for name, value in values.items():
        setattr(dataset, name, value)
    dataset.save_as(path)


def same_places(one: sitk.Image, other: sitk.Image) -> float:
    """The largest difference of values at equal places."""
    moved = sitk.Resample(one, other, sitk.Transform(), sitk.sitkNearestNeighbor, -9999, sitk.sitkFloat64)
    return float(np.abs(sitk.GetArrayFromImage(moved) - sitk.GetArrayFromImage(other)).max())


@pytest.mark.parametrize("name", DIRECTIONS)
def test_every_voxel_comes_back_at_its_place(name, tmp_path, visit):
    image = ramp_image(DIRECTIONS[name])
    files = make_study({"t1": image}, tmp_path, visit, "seed")
    back = read_series(files[::-1])
    assert same_places(image, back) == 0
    assert np.linalg.det(np.reshape(back.GetDirection(), (3, 3))) == pytest.approx(1.0)


@pytest.mark.parametrize("name", DIRECTIONS)
def test_the_grid_is_the_one_that_gdcm_reads(name, tmp_path, visit):
    files = make_study({"t1": ramp_image(DIRECTIONS[name])}, tmp_path, visit, "seed")
    gdcm = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(files[0].parent)))
    back = read_series(files)
    assert same_places(gdcm, back) == 0
    assert back.GetOrigin() == pytest.approx(gdcm.GetOrigin(), abs=1e-9)
    assert back.GetSpacing() == pytest.approx(gdcm.GetSpacing(), abs=1e-6)
    assert back.GetDirection() == pytest.approx(gdcm.GetDirection(), abs=1e-6)


def test_fractions_and_negative_values_survive(tmp_path, visit):
    image = sitk.Cast(ramp_image(AXIAL), sitk.sitkFloat32) * 0.37 - 100.0
    back = read_series(make_study({"flair": image}, tmp_path, visit, "seed"))
    assert same_places(image, back) < 0.03
    assert float(sitk.GetArrayFromImage(back).min()) < -99


def test_unsigned_pixels_above_the_signed_range_stay_positive(files):
    for path in files:
        dataset = dcmread(path)
        dataset.PixelRepresentation = 0
        dataset.PixelData = (np.arange(120, dtype=np.uint16) + 40000).tobytes()
        dataset.save_as(path)
    assert sitk.GetArrayFromImage(read_series(files)).min() == 40000


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless], ids=lambda uid: uid.name)
def test_losslessly_compressed_series_read_as_the_plain_one(syntax, tmp_path, visit):
    files = make_study({"t1": ramp_image(AXIAL, (64, 48, 3))}, tmp_path, visit, "seed")
    plain = read_series(files)
    for path in files:
        dataset = dcmread(path)
        dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(path)
    assert same_places(plain, read_series(files)) == 0


def test_a_scanner_compressed_by_gdcm_reads_as_the_plain_one(files, tmp_path):
    plain = read_series(files)
    for path in files:
        dataset = dcmread(path)
        slice_image = sitk.ReadImage(str(path))
        writer = sitk.ImageFileWriter()
        writer.SetFileName(str(path))
        writer.KeepOriginalImageUIDOn()
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG")
        writer.Execute(slice_image)
        compressed = dcmread(path)
        assert compressed.file_meta.TransferSyntaxUID.is_encapsulated
        for name in (
            "ImagePositionPatient",
            "ImageOrientationPatient",
            "SeriesInstanceUID",
            "InstanceNumber",
        ):
            setattr(compressed, name, dataset[name].value)
        compressed.SOPInstanceUID = dataset.SOPInstanceUID
        compressed.save_as(path)
    assert same_places(plain, read_series(files)) == 0


def test_an_enhanced_multi_frame_object_reads_as_the_classic_series(files, tmp_path):
    path = tmp_path / "enhanced.dcm"
    enhanced_of([dcmread(one) for one in files]).save_as(path, enforce_file_format=True)
    assert same_places(read_series(files), read_series([path])) == 0


def test_a_file_cut_within_its_pixels_is_named(files):
    files[2].write_bytes(files[2].read_bytes()[:-100])
    with pytest.raises(BadSeriesError, match=r"Image 3: The file is cut short: 140 of 240 bytes"):
        read_series(files)


def test_a_file_cut_within_its_header_is_named(files):
    files[2].write_bytes(files[2].read_bytes()[:700])
    with pytest.raises(BadSeriesError, match=r"(Image|File) .*cut short"):
        read_series(files)


def test_a_file_that_is_not_dicom_is_named(files):
    files[4].write_text("not an image")
    with pytest.raises(BadSeriesError, match=r"File IM0005.dcm: This is not a DICOM file"):
        read_series(files)


def test_a_missing_slice_is_named(files):
    with pytest.raises(BadSeriesError, match=r"A slice is missing between image 3 and image 5"):
        read_series([*files[:3], *files[4:]])


def test_uneven_slices_are_refused(files):
    moved = dcmread(files[-1])
    there = np.array(moved.ImagePositionPatient, float)
    before = np.array(dcmread(files[-2]).ImagePositionPatient, float)
    edit(files[-1], ImagePositionPatient=[round(x, 6) for x in there + 0.4 * (there - before)])
    with pytest.raises(BadSeriesError, match="not evenly spaced"):
        read_series(files)


def test_the_same_file_twice_counts_once(files):
    assert same_places(read_series(files), read_series([*files, files[0]])) == 0


def doubled(files: list[Path], folder: Path, numbers: range, **values: object) -> list[Path]:
    """Copies of some images under other UIDs, with other values in the header."""
    copies = []
    for number in numbers:
        copies.append(folder / f"double{number}.dcm")
        copies[-1].write_bytes(files[number].read_bytes())
        edit(copies[-1], SOPInstanceUID=generate_uid(entropy_srcs=["double", str(number)]), **values)
    return copies


def brighter(path: Path) -> None:
    pixels = (dcmread(path).pixel_array + 7).astype("<i2")
    edit(path, PixelData=pixels.tobytes())


def test_the_same_image_under_two_names_counts_once_and_is_told(files, tmp_path):
    copies = doubled(files, tmp_path, range(1, 3), InstanceNumber=99)
    reading = read_with_warnings([*copies, *files])
    assert same_places(read_series(files), reading.image) == 0
    assert reading.warnings == ("2 images came twice and were used once (image 2, image 3).",)


def test_a_series_sent_twice_under_two_names_counts_once(files, tmp_path):
    reading = read_with_warnings([*doubled(files, tmp_path, range(6)), *files])
    assert same_places(read_series(files), reading.image) == 0
    assert "6 images came twice" in reading.warnings[0]


def test_different_images_at_one_place_are_refused(files, tmp_path):
    (double,) = doubled(files, tmp_path, range(1, 2), InstanceNumber=99)
    brighter(double)
    with pytest.raises(SeveralVolumesError, match=r"Image (2|99) and image (2|99) lie at the same place"):
        read_series([*files, double])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"EchoTime": 100}, r"differ in echo time \(12 and 100 ms\)"),
        ({"TemporalPositionIdentifier": 2}, r"differ in time point \(none and 2\)"),
        ({"AcquisitionNumber": 2}, r"differ in acquisition number \(1 and 2\)"),
        ({}, r"2 images at each of 6 places: several echoes"),
    ],
)
def test_two_volumes_in_one_series_are_refused_with_their_difference(values, words, files, tmp_path):
    doubles = doubled(files, tmp_path, range(6), **values)
    for path in doubles:
        brighter(path)
    with pytest.raises(SeveralVolumesError, match=f'^Series 3 "AX T1 SE": .*{words}.*series of its own'):
        read_series([*files, *doubles])


def test_of_magnitude_and_phase_the_magnitude_is_read(files, tmp_path):
    phases = doubled(files, tmp_path, range(6), ImageType=["ORIGINAL", "PRIMARY", "P", "ND"])
    for path in phases:
        brighter(path)
    reading = read_with_warnings([*phases, *files])
    assert same_places(read_series(files), reading.image) == 0
    assert "Phase or real and imaginary images" in reading.warnings[0]


def test_every_gap_is_told(files):
    with pytest.raises(
        MissingSlicesError, match=r"between image 1 and image 3, a slice .* image 3 and image 5"
    ):
        read_series([files[0], files[2], *files[4:]])


def test_a_series_of_every_second_slice_is_refused(files):
    with pytest.raises(MissingSlicesError, match="Only every second slice is there"):
        read_series(files[::2])


def test_planes_of_a_localiser_are_named(files):
    edit(files[3], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    with pytest.raises(MixedImagesError, match="image 1 is axial, image 4 is sagittal, as in a localiser"):
        read_series(files)


def test_blank_images_are_refused(files):
    for path in files:
        edit(path, PixelData=bytes(240))
    with pytest.raises(NoContentError, match="blank: every pixel is 0"):
        read_series(files)


def test_a_blank_image_between_others_is_told(files):
    edit(files[2], PixelData=bytes(240))
    assert read_with_warnings(files).warnings == ("1 images between others are blank (image 3).",)


@pytest.mark.parametrize(("value", "is_read"), [(0.25, True), (np.nan, False), (np.inf, False)])
def test_pixels_as_fractions_are_read_unless_they_are_no_numbers(value, is_read, files):
    for path in files:
        dataset = dcmread(path)
        pixels = dataset.pixel_array.astype("<f4")
        pixels[2, 3] = value
        del dataset.PixelData
        dataset.FloatPixelData = pixels.tobytes()
        dataset.BitsAllocated = 32
        dataset.save_as(path)
    if is_read:
        assert sitk.GetArrayFromImage(read_series(files))[:, 2, 3] == pytest.approx(0.25)
    else:
        with pytest.raises(NoContentError, match="not numbers"):
            read_series(files)


def test_more_pixels_than_the_header_announces_are_refused(files):
    edit(files[1], Rows=8)
    with pytest.raises(MissingSlicesError, match="announces 8 x 12 pixels, but there are more"):
        read_series(files)


def test_damaged_compressed_pixels_are_named(tmp_path, visit):
    files = make_study({"t1": ramp_image(AXIAL, (64, 48, 3))}, tmp_path, visit, "seed")
    for path in files:
        dataset = dcmread(path)
        dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
        if path == files[1]:
            dataset.PixelData = dataset.PixelData[:40] + bytes(len(dataset.PixelData) - 40)
        dataset.save_as(path)
    with pytest.raises(BadSeriesError, match=r"image 2 .*damaged|image 2 .*cut short|Image 2: .*cut short"):
        read_series(files)


def test_slices_with_their_own_rescaling_keep_their_values(files):
    plain = read_series(files)
    rescaled = rescaled_each([dcmread(path) for path in files])
    for path, dataset in zip(files, rescaled, strict=True):
        dataset.save_as(path)
    assert same_places(plain, read_series(files)) <= 1.0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}, "differ in orientation"),
        ({"PixelSpacing": [2, 2]}, "differ in pixel size"),
        ({"Rows": 5, "Columns": 24}, "differ in size"),
        ({"ImagePositionPatient": None}, "does not say where it lies"),
    ],
)
def test_images_that_do_not_fit_together_are_refused(values, words, files):
    edit(files[2], **values)
    with pytest.raises(BadSeriesError, match=words):
        read_series(files)


def test_shifted_slices_are_refused(files):
    for path in files[3:]:
        dataset: Dataset = dcmread(path)
        row = np.array(dataset.ImageOrientationPatient[:3], float)
        shifted = np.array(dataset.ImagePositionPatient, float) + 4 * row
        edit(path, ImagePositionPatient=[round(x, 6) for x in shifted])
    with pytest.raises(BadSeriesError, match="shifted against each other"):
        read_series(files)


def test_a_single_image_is_not_a_head(files):
    with pytest.raises(BadSeriesError, match="holds 1 slices"):
        read_series(files[:1])


def test_no_files_are_no_series():
    with pytest.raises(BadSeriesError, match="no files"):
        read_series([])
