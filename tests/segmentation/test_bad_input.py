"""Every kind of bad input of a case folder, through the command line: which file, what is wrong, what to do."""

import argparse
import gzip
import json

import numpy as np
import pytest
import safetensors.torch
import SimpleITK as sitk

from segmentation.case_folder import read_reference
from segmentation.command_line import main
from segmentation.errors import BadGeometryError, BadInputError, BadModelError
from segmentation.model_description import describe_model
from segmentation.network import Task
from segmentation.nifti_file import check_nifti
from segmentation.training.options import add_arguments, schedule
from tests.segmentation.cascade_cases import SIZE_ZYX, image, prepared_scan, random_weights, tiny_model_folder
from tests.segmentation.test_command_line import refusal, write_case


@pytest.fixture
def case(tmp_path):
    write_case(tmp_path / "case", prepared_scan())
    return tmp_path / "case"


def write(case, name, changed):
    sitk.WriteImage(changed, str(case / f"{name}.nii.gz"))


def read(case, name):
    return sitk.ReadImage(str(case / f"{name}.nii.gz"))


def with_nan(case):
    voxels_zyx = sitk.GetArrayFromImage(read(case, "flair"))
    voxels_zyx[30, 30, 30] = np.nan
    write(case, "flair", like(case, voxels_zyx))


def like(case, voxels_zyx):
    changed = sitk.GetImageFromArray(voxels_zyx)
    changed.CopyInformation(read(case, "t1ce"))
    return changed


def in_time(case):
    volume = read(case, "t2")
    write(case, "t2", sitk.JoinSeries([volume, volume]))


def moved(case):
    t1 = read(case, "t1")
    t1.SetOrigin([v + 12.0 for v in t1.GetOrigin()])
    write(case, "t1", t1)


def turned(case):
    t1 = read(case, "t1")
    t1.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    write(case, "t1", t1)


def in_complex_numbers(case):
    write(case, "t2", like(case, sitk.GetArrayFromImage(read(case, "t2")).astype(np.complex64)))


def without_size(case):
    file = case / "flair.nii.gz"
    header = bytearray(gzip.decompress(file.read_bytes()))
    header[80:84] = np.float32(np.nan).tobytes()
    file.write_bytes(gzip.compress(bytes(header)))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (in_time, ["t2.nii.gz", "not one 3D image"]),
        (lambda case: write(case, "t2", read(case, "t2")[:, :, :61]), ["The t2 image", "--input native"]),
        (moved, ["The t1 image is not on the grid of t1ce", "Bring all four to one grid"]),
        (lambda case: write(case, "t1ce", 0 * read(case, "t1ce")), ["The t1ce images are empty"]),
        (with_nan, ["flair.nii.gz holds values that are not numbers", "NaN", "write them as 0"]),
        (turned, ["The t1 image is not on the grid of t1ce", "along (-1, 0, 0, 0, -1, 0, 0, 0, 1)"]),
        (in_complex_numbers, ["t2.nii.gz", "one value a voxel"]),
        (without_size, ["flair.nii.gz", "voxel size of nan x 1 x 1 mm"]),
        (lambda case: write(case, "t1", read(case, "t1")[:, :, :6]), ["The t1 series has only 6 slices"]),
    ],
    ids=[
        "four dimensions",
        "other shape",
        "not registered",
        "all zero",
        "NaN",
        "turned",
        "complex",
        "no voxel size",
        "too few slices",
    ],
)
def test_bad_images_are_refused_in_one_line_that_says_which_and_what_to_do(
    case, spoil, words, tmp_path, capsys
):
    spoil(case)
    model = tiny_model_folder(tmp_path / "model")
    arguments = ["segment", case, tmp_path / "out", "--input", "prepared", "--model", model]
    assert main([str(argument) for argument in arguments]) == 2
    said = refusal(capsys)
    assert all(word in said for word in words), said
    assert not (tmp_path / "out").exists()


def other_weights(folder):
    safetensors.torch.save_file(random_weights(seed=8), folder / "weights.safetensors")


def other_version(folder):
    content = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(content | {"format": 99}))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (other_weights, ["weights.safetensors", "checksum", "Install the model again"]),
        (other_version, ["format 99", "Import it again"]),
    ],
)
def test_a_model_of_other_weights_or_another_version_is_refused_in_one_line(
    case, spoil, words, tmp_path, capsys
):
    model = tiny_model_folder(tmp_path / "model")
    spoil(model)
    arguments = ["segment", case, tmp_path / "out", "--input", "prepared", "--model", model]
    assert main([str(argument) for argument in arguments]) == 2
    said = refusal(capsys)
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("networks", {"base_channels": -4}, "base_channels is -4"),
        ("networks", {"base_channels": "4"}, "base_channels is '4'"),
        ("networks", {"in_channels": 5}, "in_channels is 5, this software has 4"),
        ("networks", {"classes": 3}, "classes is 3, this software has 2"),
        ("interval", {"multipliers": {"WT": "x"}, "n_cases": 5, "cases": "few"}, "multiplier of WT is 'x'"),
    ],
)
def test_a_model_that_would_only_fail_in_the_middle_of_a_case_is_refused_before_it(
    tmp_path, part, change, words
):
    folder = tiny_model_folder(tmp_path / "model")
    content = json.loads((folder / "model.json").read_text())
    content[part] = {**(content[part] or {}), **change}
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(BadModelError, match=words):
        describe_model(folder)


def a_file(tmp_path):
    (tmp_path / "there").write_text("notes")
    return tmp_path / "there"


def test_a_place_for_results_that_cannot_be_is_refused_before_anything_is_computed(case, tmp_path, capsys):
    folder, file = tmp_path, a_file(tmp_path)
    for arguments, words in (
        (["segment", case, file], "is a file; give a folder"),
        (["segment", case, file / "deeper"], "is no folder"),
        (["prepare", case, file], "is a file; give a folder"),
        (["evaluate", case.parent, "--json", folder], "is a folder; give the name of a file"),
        (["evaluate", case.parent, "--json", file / "a.json"], "is no folder"),
        (["import-cacnn", tmp_path / "nothing.safetensors", folder / "out"], "does not exist"),
    ):
        assert main([str(argument) for argument in arguments]) == 2
        assert words in refusal(capsys)


def test_a_file_that_cannot_be_written_after_all_is_one_line(tmp_path, capsys):
    models = [tiny_model_folder(tmp_path / name) for name in "ab"]
    assert main(["merge", *map(str, models), "--out", str(a_file(tmp_path) / "model")]) == 2
    assert refusal(capsys).startswith(f"segmentation merge: {tmp_path / 'there'}")


@pytest.mark.parametrize(
    "options",
    [("--batch", "0"), ("--averaging", "1"), ("--iterations", "0"), ("--patience", "0"), ("--lr", "-1")],
)
def test_values_that_no_training_can_have_are_refused(options):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(BadInputError, match=options[0]):
        schedule(parser.parse_args(["--cases", "a", "--out", "b", *options]), Task.WHOLE_TUMOUR, 1)


@pytest.mark.parametrize("value", [1.5, 257.0, -1.0])
def test_labels_that_are_no_labels_are_not_rounded_to_some(case, value):
    labels_zyx = np.zeros(SIZE_ZYX, np.float32)
    labels_zyx[30:35, 30:35, 30:35] = value
    write(case, "seg", like(case, labels_zyx))
    with pytest.raises(BadInputError, match="no whole numbers from 0 to 255"):
        read_reference(case, read(case, "t1ce"))


def test_labels_of_another_numbering_are_refused(case):
    labels_zyx = np.zeros(SIZE_ZYX, np.uint8)
    labels_zyx[30:35, 30:35, 30:35] = 3  # enhancing tumour as BraTS has numbered it since 2023
    write(case, "seg", like(case, labels_zyx))
    with pytest.raises(BadInputError, match=r"holds the labels \[3\]; known are 0, 1, 2 and 4"):
        read_reference(case, read(case, "t1ce"))


def test_labels_on_another_grid_are_refused(case):
    write(case, "seg", image(np.zeros(SIZE_ZYX, np.uint8), (0.0, 0.0, 0.0)))
    with pytest.raises(BadGeometryError, match="not on the grid of t1ce"):
        read_reference(case, read(case, "t1ce"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_values_that_are_no_numbers_are_found_wherever_they_are(tmp_path, value, number):
    for place in (0, 799_999, 1_599_999):  # two or more chunks
        voxels = np.zeros(1_600_000, number)
        voxels[place] = value
        sitk.WriteImage(sitk.GetImageFromArray(voxels.reshape(100, 100, 160)), str(tmp_path / "a.nii.gz"))
        with pytest.raises(BadInputError, match="not numbers"):
            check_nifti(tmp_path / "a.nii.gz")


def test_images_of_whole_numbers_and_of_finite_ones_are_taken(tmp_path):
    for number in (np.uint8, np.int16, np.float32):
        path = tmp_path / f"{np.dtype(number)}.nii.gz"
        sitk.WriteImage(sitk.GetImageFromArray(np.full((9, 9, 9), 7, number)), str(path))
        check_nifti(path)
