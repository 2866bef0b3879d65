"""An edited Segmentation back to labels: what is drawn is read, what does not belong is refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from orthanc.errors import BadResultError, RejectedFileError
from orthanc.read import read_series
from orthanc.seg import write_seg
from orthanc.seg_reading import labels_from_seg, parse_seg
from orthanc.sources import read_source
from orthanc.study_maker import VisitDescription, make_study
from orthanc.types import AlgorithmInfo

SIZE_XYZ = (20, 16, 6)


@pytest.fixture(scope="module")
def t1ce(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """An oblique series, all voxels different."""
    image = sitk.GetImageFromArray(np.arange(np.prod(SIZE_XYZ), dtype=np.int16).reshape(SIZE_XYZ[::-1]))
    image.SetSpacing((1.0, 1.5, 4.0))
    turn = sitk.Euler3DTransform()
    turn.SetRotation(0.1, -0.2, 0.05)
    image.SetDirection(turn.GetMatrix())
    visit = VisitDescription("PAT-1", "Doe^Jane")
    return make_study({"t1ce": image}, tmp_path_factory.mktemp("study"), visit, uid_seed="seg reading")


@pytest.fixture(scope="module")
def labels(t1ce: list[Path]) -> sitk.Image:
    """Every label, in no symmetry."""
    grid = read_series(t1ce)
    labels_zyx = np.zeros(SIZE_XYZ[::-1], np.uint8)
    labels_zyx[1:5, 2:12, 3:15] = 2
    labels_zyx[2:4, 4:8, 5:9] = 4
    labels_zyx[2, 5, 6] = 1
    image = sitk.GetImageFromArray(labels_zyx)
    image.CopyInformation(grid)
    return image


@pytest.fixture(scope="module")
def seg(labels: sitk.Image, t1ce: list[Path]) -> Dataset:
    return write_seg(labels, read_source(t1ce), AlgorithmInfo("m", "1"))


def as_bytes(dataset: Dataset) -> bytes:
    held = BytesIO()
    dataset.save_as(held)
    return held.getvalue()


def test_the_labels_that_were_written_are_read(seg: Dataset, labels: sitk.Image, t1ce: list[Path]) -> None:
    found = labels_from_seg(parse_seg(as_bytes(seg)), read_source(t1ce))
    assert np.array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(labels))
    assert found.GetOrigin() == pytest.approx(labels.GetOrigin())
    assert found.GetDirection() == pytest.approx(labels.GetDirection())


def test_segments_are_known_by_their_label_and_not_by_their_number(
    seg: Dataset, labels: sitk.Image, t1ce: list[Path]
) -> None:
    other = deepcopy(seg)
    first, _, last = other.SegmentSequence
    first.SegmentLabel, last.SegmentLabel = last.SegmentLabel, first.SegmentLabel
    found_zyx = sitk.GetArrayFromImage(labels_from_seg(other, read_source(t1ce)))
    labels_zyx = sitk.GetArrayFromImage(labels)
    assert np.array_equal(found_zyx == 1, labels_zyx == 4)
    assert np.array_equal(found_zyx == 4, labels_zyx == 1)


def in_another_study(seg: Dataset) -> None:
    seg.StudyInstanceUID = generate_uid()


def in_another_space(seg: Dataset) -> None:
    seg.FrameOfReferenceUID = generate_uid()


def moved(seg: Dataset) -> None:
    frame = seg.PerFrameFunctionalGroupsSequence[7]
    x, y, z = frame.PlanePositionSequence[0].ImagePositionPatient
    frame.PlanePositionSequence[0].ImagePositionPatient = [x, y, z + 1]


def larger(seg: Dataset) -> None:
    seg.Rows = seg.Rows + 1


def with_a_strange_segment(seg: Dataset) -> None:
    seg.SegmentSequence[1].SegmentLabel = "Segment 4"


def with_an_overlap(seg: Dataset) -> None:
    frames = seg.PerFrameFunctionalGroupsSequence
    for frame in frames:
        frame.PlanePositionSequence = frames[1].PlanePositionSequence


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (in_another_study, "another study"),
        (in_another_space, "another frame of reference"),
        (moved, "another grid"),
        (larger, "another grid"),
        (with_a_strange_segment, "“Segment 4” is none of the result's"),
        (with_an_overlap, "Two segments overlap"),
    ],
)
def test_a_mask_that_does_not_belong_is_refused(
    seg: Dataset, t1ce: list[Path], spoil: Callable[[Dataset], None], words: str
) -> None:
    spoilt = deepcopy(seg)
    spoil(spoilt)
    with pytest.raises(BadResultError, match=words):
        labels_from_seg(spoilt, read_source(t1ce))


def test_what_is_no_segmentation_is_refused(seg: Dataset, t1ce: list[Path]) -> None:
    with pytest.raises(RejectedFileError, match="not a DICOM file"):
        parse_seg(b"GIF89a")
    with pytest.raises(BadResultError, match="BINARY"):
        parse_seg(t1ce[0].read_bytes())
    fractional = deepcopy(seg)
    fractional.SegmentationType = "FRACTIONAL"
    with pytest.raises(BadResultError, match="BINARY"):
        parse_seg(as_bytes(fractional))


def test_a_mask_drawn_by_a_reader_says_so(labels: sitk.Image, t1ce: list[Path]) -> None:
    edited = write_seg(labels, read_source(t1ce), AlgorithmInfo("m", "1"), edited_by="ann", result_key="edit")
    assert {one.SegmentAlgorithmType for one in edited.SegmentSequence} == {"SEMIAUTOMATIC"}
    assert str(edited.ContentCreatorName) == "ann"
    assert "edited by a reader" in edited.SeriesDescription
