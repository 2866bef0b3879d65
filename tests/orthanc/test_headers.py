from __future__ import annotations

import pytest
from pydicom import dcmread

from orthanc.enhanced import enhanced_of
from orthanc.headers import digest_instances, instance_place, series_header, simplified_tags
from orthanc.study_maker import make_study
from tests.orthanc.conftest import AXIAL, ramp_image


def test_an_enhanced_object_tells_the_same_as_the_classic_series(tmp_path, visit):
    slices = [dcmread(path) for path in make_study({"t1": ramp_image(AXIAL)}, tmp_path, visit, "seed")]
    tags = [simplified_tags(one) for one in slices]
    classic = series_header(tags[0], [instance_place(one) for one in tags])
    multi = simplified_tags(enhanced_of(slices))
    enhanced = series_header(multi, [instance_place(multi)])
    for name in (
        "repetition_time_ms",
        "echo_time_ms",
        "flip_angle_deg",
        "pixel_spacing_mm",
        "spacing_between_slices_mm",
        "orientation",
        "n_images",
        "acquisition_time",
        "description",
    ):
        assert getattr(enhanced, name) == getattr(classic, name), name
    assert classic.echo_time_ms == 12


def test_the_distance_of_slices_is_measured_where_the_header_is_wrong():
    tags = {"ImageOrientationPatient": "1\\0\\0\\0\\1\\0", "SpacingBetweenSlices": "1"}
    places = [
        instance_place({"SOPInstanceUID": str(n), "ImagePositionPatient": f"0\\0\\{n * 6}"}) for n in range(5)
    ]
    assert series_header(tags, places).spacing_between_slices_mm == 6


def test_values_that_are_no_numbers_count_as_absent():
    header = series_header({"RepetitionTime": "fast", "EchoTime": "", "InversionTime": "nan"}, [])
    assert (header.repetition_time_ms, header.echo_time_ms, header.inversion_time_ms) == (None, None, None)


def test_an_agent_field_that_says_none_is_no_agent():
    for words in ("NONE", "no", "", "N/A", "-", "Without"):
        assert series_header({"ContrastBolusAgent": words}, []).contrast_agent == ""
    assert series_header({"ContrastBolusAgent": "Gadovist"}, []).contrast_agent == "Gadovist"


def test_the_digest_changes_with_every_image_and_not_with_their_order():
    assert digest_instances(["1", "2"]) == digest_instances(["2", "1"])
    assert len({digest_instances(uids) for uids in (["1"], ["2"], ["1", "2"], [])}) == 4


def test_an_mr_image_without_a_modality_is_mr():
    tags = {"SeriesInstanceUID": "1", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}
    assert series_header(tags, []).modality == "MR"
    assert series_header({**tags, "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, []).modality == ""


@pytest.mark.parametrize(
    ("tags", "agent"),
    [
        ({"ContrastBolusVolume": "7.5"}, "7.5 mL"),
        ({"ContrastBolusVolume": "0"}, ""),
        ({"ContrastBolusIngredient": "GADOLINIUM"}, "GADOLINIUM"),
        ({"ContrastBolusAgent": "NONE", "ContrastBolusVolume": "7.5"}, ""),
        ({"ContrastBolusAgent": "", "ContrastBolusVolume": "x"}, ""),
    ],
)
def test_an_agent_is_known_by_its_amount_too(tags, agent):
    assert series_header({"SeriesInstanceUID": "1", **tags}, []).contrast_agent == agent
