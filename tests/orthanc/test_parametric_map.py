from __future__ import annotations

from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset

from orthanc.enhanced import enhanced_of
from orthanc.errors import BadResultError
from orthanc.parametric_map import positions_mm, write_uncertainty_map
from orthanc.read import read_series
from orthanc.sources import read_source
from orthanc.study_maker import make_study
from tests.orthanc.conftest import SAGITTAL, ramp_image, rotation
from tests.orthanc.results import ALGORITHM, lopsided_labels, uncertainty_like

DIRECTIONS = {"axial": rotation(2, 3, -4), "sagittal": rotation(2, 3, -4) @ SAGITTAL}


@pytest.fixture(params=DIRECTIONS)
def files(request, tmp_path: Path, visit) -> list[Path]:
    return make_study({"t1ce": ramp_image(DIRECTIONS[request.param])}, tmp_path / "study", visit, "seed")


def as_bytes(made: Dataset) -> bytes:
    buffer = BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def written(files: list[Path]) -> Dataset:
    uncertainty = uncertainty_like(lopsided_labels(read_series(files)))
    return dcmread(BytesIO(as_bytes(write_uncertainty_map(uncertainty, read_source(files), ALGORITHM))))


def voxels_of(image: sitk.Image) -> dict[tuple[float, ...], float]:
    """Value by place in the patient (mm)."""
    values_zyx = sitk.GetArrayFromImage(image)
    return {
        tuple(np.round(image.TransformIndexToPhysicalPoint([int(n) for n in index[::-1]]), 2) + 0.0): float(
            values_zyx[tuple(index)]
        )
        for index in np.ndindex(*values_zyx.shape)
    }


def voxels_in(made: Dataset) -> dict[tuple[float, ...], float]:
    """The same from the object's own headers and numbers."""
    shared = made.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    height_mm, width_mm = (float(x) for x in shared.PixelMeasuresSequence[0].PixelSpacing)
    values = np.frombuffer(made.FloatPixelData, "<f4").reshape(-1, made.Rows, made.Columns)
    return {
        tuple(np.round(corner + cosines[:3] * width_mm * column + cosines[3:] * height_mm * row, 2) + 0.0): float(
            values[frame, row, column]
        )
        for frame, corner in enumerate(np.array(positions_mm(made)))
        for row, column in np.ndindex(made.Rows, made.Columns)
    }  # fmt: skip


def test_every_voxel_lies_where_it_was_and_has_its_value(files):
    assert voxels_in(written(files)) == voxels_of(uncertainty_like(lopsided_labels(read_series(files))))


def test_the_map_of_a_multi_frame_source_is_the_same(files, tmp_path):
    # The frames are stored against their order in space.
    path = tmp_path / "enhanced.dcm"
    enhanced_of([dcmread(one) for one in reversed(files)]).save_as(path, enforce_file_format=True)
    assert voxels_in(written([path])) == voxels_in(written(files))


def test_it_says_what_it_is_of_whom_and_that_it_is_research(files):
    made, source = written(files), dcmread(files[0])
    assert hd.pm.ParametricMap.from_dataset(made).number_of_frames == len(files)
    assert (made.PatientID, made.StudyInstanceUID) == (source.PatientID, source.StudyInstanceUID)
    assert made.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert made.ContentQualification == "RESEARCH"
    mapping = made.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    quantity = mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0]
    assert (quantity.CodeValue, quantity.CodingSchemeDesignator) == ("VOXUNCERT", "99GLIOMA")
    assert made.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99GLIOMA"


def test_a_rerun_gives_the_same_bytes(files):
    assert as_bytes(written(files)) == as_bytes(written(files))


def test_a_map_on_another_grid_or_beyond_its_scale_is_refused(files):
    fitting = uncertainty_like(lopsided_labels(read_series(files)))
    shifted = sitk.Image(fitting)
    shifted.SetOrigin([x + 1 for x in fitting.GetOrigin()])
    for wrong in (shifted, fitting * 3, sitk.Sqrt(fitting - 0.5)):
        with pytest.raises(BadResultError):
            write_uncertainty_map(wrong, read_source(files), ALGORITHM)
