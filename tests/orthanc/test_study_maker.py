from __future__ import annotations

from dataclasses import replace

import pytest
import SimpleITK as sitk
from pydicom import dcmread

from orthanc.errors import BadSeriesError
from orthanc.headers import instance_place, series_header, simplified_tags
from orthanc.intake import check_dicom
from orthanc.roles import guess_role
from orthanc.series import choose_series
from orthanc.study_maker import make_study
from orthanc.types import Role
from tests.orthanc.conftest import AXIAL, SAGITTAL, ramp_image

ROLES = {"t1": Role.T1, "t1ce": Role.T1CE, "t2": Role.T2, "flair": Role.FLAIR}


def headers_of(files):
    by_series = {}
    for path in files:
        by_series.setdefault(path.parent, []).append(simplified_tags(dcmread(path)))
    return [series_header(tags[0], [instance_place(one) for one in tags]) for tags in by_series.values()]


@pytest.mark.parametrize("spacing_mm", [1.0, 5.0], ids=["thin", "thick"])
def test_our_own_reading_of_the_headers_finds_the_four_roles(spacing_mm, tmp_path, visit):
    size = (8, 8, round(150 / spacing_mm))
    images = {name: ramp_image(AXIAL, size, (1.0, 1.0, spacing_mm)) for name in ROLES}
    headers = headers_of(make_study(images, tmp_path, visit, "seed"))
    choice = choose_series(headers)
    assert choice.is_complete
    assert all(guess.confidence > 0.8 for guess in choice.guesses.values())


@pytest.mark.parametrize("name", ROLES)
def test_each_image_gets_the_header_of_its_sequence(name, tmp_path, visit):
    header = headers_of(make_study({name: ramp_image(SAGITTAL)}, tmp_path, visit, "seed"))[0]
    assert guess_role(header).role is ROLES[name]
    assert header.description.startswith("SAG")


def test_series_are_acquired_one_after_the_other_with_contrast_last(four_images, tmp_path, visit):
    headers = headers_of(make_study(four_images, tmp_path, visit, "seed"))
    times = [one.acquisition_time for one in headers]
    assert times == sorted(set(times))
    assert headers[-1].contrast_agent


def test_a_study_is_one_patient_one_study_one_frame_of_reference(four_images, tmp_path, visit):
    datasets = [dcmread(path) for path in make_study(four_images, tmp_path, visit, "seed")]
    for name in (
        "StudyInstanceUID",
        "FrameOfReferenceUID",
        "PatientID",
        "AccessionNumber",
        "IssuerOfPatientID",
    ):
        assert len({one[name].value for one in datasets}) == 1
    assert len({one.SeriesInstanceUID for one in datasets}) == 4
    assert len({one.SOPInstanceUID for one in datasets}) == len(datasets)
    assert datasets[0].PatientName == "Doe^Jane"


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_uids(four_images, tmp_path, visit):
    first, again, other, later = (
        make_study(four_images, tmp_path / name, which, seed)
        for name, which, seed in (
            ("a", visit, "seed"),
            ("b", visit, "seed"),
            ("c", visit, "other"),
            ("d", replace(visit, study_date="20240301"), "seed"),
        )
    )
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    uids = [{dcmread(path).SOPInstanceUID for path in files} for files in (first, other, later)]
    assert uids[0].isdisjoint(uids[1])
    assert uids[0].isdisjoint(uids[2])


def test_every_file_is_whole_dicom_with_values_of_legal_length(four_images, tmp_path, visit):
    for path in make_study(four_images, tmp_path, visit, "seed"):
        dataset = check_dicom(path.read_bytes())
        for element in dataset:
            if element.VR == "DS":
                values = element.value if element.VM > 1 else [element.value]
                assert all(len(str(value)) <= 16 for value in values)


def test_names_in_any_script_are_kept(tmp_path, visit):
    files = make_study(
        {"t1": ramp_image(AXIAL)}, tmp_path, replace(visit, patient_name="Łęcka^Žofie"), "seed"
    )
    assert str(dcmread(files[0]).PatientName) == "Łęcka^Žofie"


def test_what_is_no_image_of_a_head_is_refused(tmp_path, visit):
    flat = sitk.Image([4, 4], sitk.sitkInt16)
    nan = sitk.Image([4, 4, 4], sitk.sitkFloat32) + float("nan")
    for images in ({"t1": flat}, {"t1": nan}, {"pd": ramp_image(AXIAL)}):
        with pytest.raises(BadSeriesError):
            make_study(images, tmp_path, visit, "seed")
