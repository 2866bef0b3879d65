"""Every kind of odd study is read with its place and values kept, or refused in the expected words."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset

from orthanc.errors import BadSeriesError
from orthanc.headers import instance_place, series_header, simplified_tags
from orthanc.intake import check_dicom
from orthanc.read import SeriesReading, read_with_warnings
from orthanc.seg import write_seg
from orthanc.series import choose_series
from orthanc.sources import read_source
from orthanc.study_maker import VisitDescription, make_study
from orthanc.types import Role, SeriesChoice
from tests.odd_kind import T1CE, write_study
from tests.odd_studies import ODD_KINDS, OddKind, Study
from tests.orthanc.conftest import rotation
from tests.orthanc.results import ALGORITHM, lopsided_labels, places_in_seg, places_of

SIZE, SPACING_MM = (40, 36, 14), (1.5, 1.5, 6.0)
MOVED = {"oblique"}
CHANGED = {"anisotropic pixels", "a blank slice between others", "pixels as fractions", "two FLAIRs"}
RESULTS = [kind for kind in ODD_KINDS if kind.ends_in == "result" and kind.told_by != "later"]
REASONS = [kind for kind in ODD_KINDS if kind.ends_in == "reason"]


def blob(brightness: int) -> sitk.Image:
    """A smooth lopsided head of whole numbers: a mirrored or shifted copy differs from it."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in SIZE[::-1]), indexing="ij")
    array = brightness * np.exp(-(((x - 0.2) / 0.5) ** 2) - ((y + 0.1) / 0.6) ** 2 - (z / 0.7) ** 2)
    image = sitk.GetImageFromArray((np.rint(array) + 3 * np.rint(10 * (x + 1))).astype(np.int16))
    image.SetSpacing(SPACING_MM)
    image.SetOrigin((-24.0, -25.0, -40.0))
    image.SetDirection(rotation(3, -2, 1).ravel().tolist())
    return image


@pytest.fixture(scope="module")
def normal(tmp_path_factory) -> Study:
    images = {name: blob(300 + 100 * number) for number, name in enumerate(("t1", "t1ce", "t2", "flair"))}
    visit = VisitDescription("PAT-1", "Doe^Jane", "19600102", "F", accession_number="A-7")
    return [dcmread(path) for path in make_study(images, tmp_path_factory.mktemp("normal"), visit, "seed")]


@pytest.fixture(scope="module")
def plain(normal, tmp_path_factory) -> dict[Role, SeriesReading]:
    return read_chosen(by_series(write_study(normal, tmp_path_factory.mktemp("plain"))))


def by_series(files: list[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        found[str(dcmread(path, stop_before_pixels=True).SeriesInstanceUID)].append(path)
    return found


def choice_of(series: dict[str, list[Path]]) -> SeriesChoice:
    headers = []
    for files in series.values():
        tags = [simplified_tags(dcmread(path)) for path in files]
        headers.append(series_header(tags[len(tags) // 2], map(instance_place, tags)))
    return choose_series(headers)


def read_chosen(series: dict[str, list[Path]]) -> dict[Role, SeriesReading]:
    picked = choice_of(series).picked
    return {role: read_with_warnings(series[header.series_uid]) for role, header in picked.items()}


def difference(one: sitk.Image, other: sitk.Image) -> float:
    """The largest difference at equal places of the patient."""
    linear = sitk.Resample(one, other, sitk.Transform(), sitk.sitkLinear, 0, sitk.sitkFloat64)
    array = sitk.GetArrayFromImage(linear) - sitk.GetArrayFromImage(other)
    return float(np.abs(array[1:-1, 1:-1, 1:-1]).max())


def test_the_kinds_have_names_of_their_own_and_are_many():
    assert len({kind.name for kind in ODD_KINDS}) == len(ODD_KINDS) >= 40


@pytest.mark.parametrize("kind", ODD_KINDS, ids=lambda kind: kind.name)
def test_making_an_odd_study_leaves_the_normal_one_alone(kind: OddKind, normal: Study):
    before = [hash(bytes(one.PixelData) + str(one.SeriesDescription).encode()) for one in normal]
    assert kind.make(normal)
    assert before == [hash(bytes(one.PixelData) + str(one.SeriesDescription).encode()) for one in normal]


@pytest.mark.parametrize("kind", REASONS, ids=lambda kind: kind.name)
def test_a_study_that_cannot_be_used_is_refused_in_the_expected_words(kind: OddKind, normal, tmp_path):
    series = by_series(write_study(kind.make(normal), tmp_path))
    choice = choice_of(series)
    if kind.told_by == "headers":
        assert any(kind.words.lower() in choice.reasons[role].lower() for role in choice.missing)
        return
    assert choice.is_complete
    if kind.told_by == "reader":
        with pytest.raises(BadSeriesError) as refusal:
            read_chosen(series)
        assert kind.words.lower() in str(refusal.value).lower()


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.name)
def test_a_study_that_can_be_used_is_read_where_and_as_it_was(kind: OddKind, normal, plain, tmp_path):
    files = write_study(kind.make(normal), tmp_path)
    for path in files:
        check_dicom(path.read_bytes())
    series = by_series(files)
    readings = read_chosen(series)
    assert set(readings) == set(plain)
    warnings = [text for reading in readings.values() for text in reading.warnings]
    assert any(kind.words in text for text in warnings) if kind.words else not warnings
    for role, reading in readings.items():
        if kind.name not in MOVED | CHANGED:
            assert difference(plain[role].image, reading.image) <= 1.01, role
    check_result(readings[Role.T1CE].image, series[choice_of(series).picked[Role.T1CE].series_uid])


def check_result(image: sitk.Image, files: list[Path]) -> None:
    labels = lopsided_labels(image)
    seg: Dataset = write_seg(labels, read_source(files), ALGORITHM)
    for number, label in ((1, 1), (2, 2), (3, 4)):
        assert places_in_seg(seg, number) == places_of(labels, label) != set()


def test_the_series_of_the_normal_study_have_the_numbers_that_kinds_go_by(normal):
    assert {one.SeriesNumber for one in normal} == {3, 4, 5, T1CE}
