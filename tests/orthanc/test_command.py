from __future__ import annotations

import pytest
import SimpleITK as sitk
from pydicom import dcmread

from orthanc.__main__ import main
from orthanc.read import read_series


@pytest.fixture
def case(tmp_path, four_images):
    folder = tmp_path / "CASE-1"
    folder.mkdir()
    for name, image in four_images.items():
        sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))
    return folder


def test_make_study_wraps_a_case_and_keeps_every_grid(case, tmp_path, four_images, capsys):
    out = tmp_path / "out"
    assert (
        main(["make-study", str(case), str(out), "--patient-name", "Doe^Jane", "--study-date", "20240301"])
        == 0
    )
    assert "27 images in 4 series" in capsys.readouterr().out
    folders = sorted(out.iterdir())
    assert [folder.name for folder in folders] == ["03_t1", "04_t2", "05_flair", "09_t1ce"]
    for folder in folders:
        image = four_images[folder.name.split("_")[1]]
        back = read_series(sorted(folder.iterdir()))
        moved = sitk.Resample(
            sitk.Cast(image, sitk.sitkFloat64), back, sitk.Transform(), sitk.sitkNearestNeighbor
        )
        assert (sitk.GetArrayViewFromImage(moved) == sitk.GetArrayViewFromImage(back)).all()
    dataset = dcmread(next(folders[0].iterdir()))
    assert (dataset.PatientID, str(dataset.PatientName), dataset.StudyDate) == (
        "CASE-1",
        "Doe^Jane",
        "20240301",
    )


def test_make_study_can_leave_series_out(case, tmp_path):
    assert main(["make-study", str(case), str(tmp_path / "out"), "--only", "t1,t2"]) == 0
    assert [one.name for one in sorted((tmp_path / "out").iterdir())] == ["03_t1", "04_t2"]


def test_bad_input_gets_one_clear_line_and_exit_code_two(case, tmp_path, capsys):
    (case / "t2.nii.gz").write_bytes(b"not an image")
    out = str(tmp_path / "out")
    for arguments in (
        ["make-study", str(tmp_path / "nowhere"), out],
        ["make-study", str(tmp_path), out],
        ["make-study", str(case), out, "--only", "pd"],
        ["make-study", str(case), out, "--only", "t2"],
        ["make-study", str(case), out, "--only", ","],
        ["send", str(tmp_path / "nowhere"), "--to", "A@host:104"],
        ["serve", out],
    ):
        assert main(arguments) == 2, arguments
        assert len(capsys.readouterr().err.splitlines()) == 1, arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ["make-study", "a", "b", "--study-date", "2024-01-15"],
        ["make-study", "a", "b", "--study-time", "9 o'clock"],
        ["send", "a", "--to", "host:104"],
        ["send", "a", "--to", "AET@host:99999"],
        ["send", "a"],
        ["fly"],
        [],
    ],
)
def test_a_wrong_command_line_gets_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
