"""Every kind of object that we write, in the eyes of validators that others wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset

from orthanc.codes import SEGMENTS
from orthanc.encapsulated_pdf import write_pdf
from orthanc.parametric_map import write_uncertainty_map
from orthanc.read import read_series
from orthanc.rejection import RejectionReason, write_rejection
from orthanc.seg import write_seg
from orthanc.sources import read_source
from orthanc.sr import write_sr
from orthanc.study_maker import make_study
from tests.orthanc.conformance import (
    complaints_of_dcentvfy,
    complaints_of_dciodvfy,
    dump_of_dsrdump,
    labels_by_dcmqi,
    map_by_dcmqi,
    measurements_by_dcmqi,
    on_grid_of,
    saved,
)
from tests.orthanc.conftest import SAGITTAL, ramp_image, rotation
from tests.orthanc.results import ALGORITHM, LESIONS, VOLUMES, lopsided_labels, uncertainty_like

MADE_AT = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
DIRECTIONS = {"axial": rotation(2, 3, -4), "sagittal": rotation(2, 3, -4) @ SAGITTAL}


def source_of(visit, folder: Path, direction: np.ndarray) -> list[Path]:
    return make_study({"t1ce": ramp_image(direction)}, folder, visit, "seed")


def write_everything(files: list[Path]) -> dict[str, Dataset]:
    source, labels = read_source(files), lopsided_labels(read_series(files))
    seg = write_seg(labels, source, ALGORITHM, made_at=MADE_AT)
    said = ["Not validated for this: x."]
    uncertainty = write_uncertainty_map(uncertainty_like(labels), source, ALGORITHM, made_at=MADE_AT)
    sr = write_sr(
        VOLUMES, seg, source, ALGORITHM,
        lesions=LESIONS, uncertainty=uncertainty, summary="Two lesions.\nNot reviewed.", statements=said,
        made_at=MADE_AT,
    )  # fmt: skip
    return {
        "SEG": seg,
        "PM": uncertainty,
        "SR": sr,
        "KOS": write_rejection(
            [seg, sr], RejectionReason.PROCESSING, "Cavity as tumour.", made_at=MADE_AT, by="r", key="1"
        ),
        "PDF": write_pdf(PDF, [sr], "Glioma summary", made_at=MADE_AT),
    }


@pytest.fixture(scope="module", params=DIRECTIONS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every object as a file, and under "source" one image of the scanner."""
    from orthanc.study_maker import VisitDescription

    folder = tmp_path_factory.mktemp(request.param)
    visit = VisitDescription("PAT-1", "Doe^Jane", "19600102", "F", accession_number="A-7", issuer="HOSPITAL")
    files = source_of(visit, folder / "study", DIRECTIONS[request.param])
    made = write_everything(files)
    return {"source": files[0], **{kind: saved(one, folder / "made", kind) for kind, one in made.items()}}


@pytest.mark.parametrize("kind", ["SEG", "SR", "PM", "KOS", "PDF"])
def test_dciodvfy_has_nothing_against_it(kind, written):
    assert complaints_of_dciodvfy(written[kind]) == []


def test_dciodvfy_does_complain_of_a_broken_object(written, tmp_path):
    broken = dcmread(written["SEG"])
    del broken.SegmentSequence[0].SegmentLabel
    assert any("SegmentLabel" in line for line in complaints_of_dciodvfy(saved(broken, tmp_path, "broken")))


def test_the_objects_agree_with_each_other_and_with_the_scanner_about_the_patient(written):
    assert complaints_of_dcentvfy(list(written.values())) == []


@pytest.mark.parametrize("kind", ["SR", "KOS"])
def test_dcmtk_reads_the_documents(kind, written):
    assert "Doe^Jane" in dump_of_dsrdump(written[kind])


def test_dcmqi_reads_the_same_voxels_out_of_the_seg(written, tmp_path):
    files = sorted(written["source"].parent.glob("*.dcm"))
    grid = read_series(files)
    labels_zyx = sitk.GetArrayFromImage(lopsided_labels(grid))
    masks = labels_by_dcmqi(written["SEG"], tmp_path / "seg")
    assert set(masks) == {kind.number for kind in SEGMENTS}
    for kind in SEGMENTS:
        assert np.array_equal(on_grid_of(masks[kind.number], grid) > 0, labels_zyx == kind.label)


def test_dcmqi_reads_the_same_values_out_of_the_uncertainty_map(written, tmp_path):
    grid = read_series(sorted(written["source"].parent.glob("*.dcm")))
    values_zyx = sitk.GetArrayFromImage(uncertainty_like(lopsided_labels(grid)))
    found = map_by_dcmqi(written["PM"], tmp_path / "map")
    assert np.array_equal(on_grid_of(found, grid), values_zyx)


def test_dcmqi_reads_the_volumes_and_their_intervals_out_of_the_report(written, tmp_path):
    found = {
        group["TrackingIdentifier"][:2]: group["measurementItems"][0]
        for group in measurements_by_dcmqi(written["SR"], tmp_path / "sr")
        if group["measurementItems"]
    }
    for one in VOLUMES:
        item = found[one.compartment]
        assert float(item["value"]) == one.ml
        assert item["units"]["CodeValue"] == "cm3"
        assert {prop["numPropertyUnits"]["CodeValue"] for prop in item["measurementNumProperties"]} == {"cm3"}


def test_dcmtk_reads_each_lesion_with_diameters_side_and_lobe_out_of_the_report(written):
    said = dump_of_dsrdump(written["SR"])
    for words in (
        'NUM:(,,"Long axis")="31.4" (mm,UCUM',
        'NUM:(,,"Short axis")="22.9" (mm,UCUM',
        '"Product of perpendicular diameters")="719.1" (mm2,UCUM',
        'CODE:(,,"Finding Site")=(78277001,SCT,"Temporal lobe")',
        'CODE:(,,"Laterality")=(7771000,SCT,"Left")',
        "Two lesions.",
    ):
        assert words in said


def test_highdicom_reads_all_of_them(written):
    assert hd.seg.segread(written["SEG"]).number_of_segments == 3
    assert len(hd.sr.srread(written["SR"]).content.get_volumetric_roi_measurement_groups()) == 5
    values = hd.pm.ParametricMap.from_dataset(dcmread(written["PM"])).get_volume()
    assert 0 < values.array.min() < values.array.max() < 1
    note = hd.ko.KeyObjectSelectionDocument.from_dataset(dcmread(written["KOS"]))
    assert len(note.content.get_references()) == 2
