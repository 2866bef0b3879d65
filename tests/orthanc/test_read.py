from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless, generate_uid

from orthanc.errors import BadSeriesError
from orthanc.read import read_series
from orthanc.study_maker import make_study
from tests.orthanc.conftest import AXIAL, SAGITTAL, ramp_image, rotation
from tests.orthanc.multiframe import enhanced_of

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
        dataset.PixelData = np.full((10, 12), 40000, np.uint16).tobytes()
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


def test_two_images_at_one_place_are_refused(files, tmp_path):
    double = tmp_path / "double.dcm"
    double.write_bytes(files[1].read_bytes())
    edit(double, SOPInstanceUID=generate_uid(entropy_srcs=["double"]), InstanceNumber=99)
    with pytest.raises(BadSeriesError, match=r"Image (2|99) and image (2|99) lie at the same place"):
        read_series([*files, double])


def test_two_volumes_in_one_series_are_refused(files, tmp_path):
    doubles = []
    for number, path in enumerate(files):
        doubles.append(tmp_path / f"double{number}.dcm")
        doubles[-1].write_bytes(path.read_bytes())
        edit(doubles[-1], SOPInstanceUID=generate_uid(entropy_srcs=["double", str(number)]))
    with pytest.raises(BadSeriesError, match="2 images at each of 6 places"):
        read_series([*files, *doubles])


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
