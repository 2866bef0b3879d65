from __future__ import annotations

import pytest
from pydicom.sr._concepts_dict import concepts
from pydicom.sr.coding import Code

from orthanc import codes
from segmentation.types import Hemisphere, Lobe

PUBLIC = [
    value
    for value in (*vars(codes).values(), *codes.LOBES.values(), *codes.SIDES.values())
    if isinstance(value, Code) and value.scheme_designator in ("DCM", "SCT", "NCIt")
]


@pytest.mark.parametrize("code", PUBLIC, ids=lambda code: code.meaning)
def test_each_public_code_means_what_the_standard_says(code):
    meanings = {
        meaning
        for by_value in concepts[code.scheme_designator].values()
        for value, (meaning, _) in by_value.items()
        if value == code.value
    }
    assert code.meaning in meanings


def test_segments_are_numbered_from_one_without_gap():
    assert [one.number for one in codes.SEGMENTS] == [1, 2, 3]
    assert [one.label for one in codes.SEGMENTS] == [1, 2, 4]


def test_nested_findings_are_made_of_the_segments_of_their_parts():
    core = set(codes.FINDINGS[codes.MeasuredRegion.TUMOUR_CORE].segment_numbers)
    whole = set(codes.FINDINGS[codes.MeasuredRegion.WHOLE_TUMOUR].segment_numbers)
    enhancing = set(codes.FINDINGS[codes.MeasuredRegion.ENHANCING_TUMOUR].segment_numbers)
    assert enhancing < core < whole


def test_every_place_that_the_science_names_has_a_code():
    assert set(codes.LOBES) == {lobe.value for lobe in Lobe}
    assert set(codes.SIDES) == {side.value for side in Hemisphere}
