"""The change since the nadir: what the rules compared, in mL and as ratio, each with its interval."""

from __future__ import annotations

from datetime import date

import pytest

from review.changes import changes_since_nadir
from review.longitudinal import timeline_of
from review.models import Measurement
from review.patients import key_of
from segmentation.change import change_between
from segmentation.types import VolumeEstimate
from tests.review.test_course import FIRST, make_visit, treat

pytestmark = pytest.mark.django_db
DAYS = (0, 72, 151, 230)


def make_course(amounts_ml: tuple[str, str, str, str]) -> list[str]:
    results = [make_visit(day, ml) for day, ml in zip(DAYS, amounts_ml, strict=True)]
    treat(key_of(results[0].study))
    return [one.study.study_uid for one in results]


def test_a_change_is_that_of_the_burdens_with_the_interval_of_their_errors() -> None:
    uids = make_course(("20.00", "4.00", "3.00", "8.00"))
    timeline = timeline_of(key_of(Measurement.objects.all()[0].result.study))
    found = changes_since_nadir(timeline)
    assert set(found) == set(uids[2:]), "nothing before the baseline, nor the baseline itself, has a nadir"
    assert found[uids[2]].nadir_uid == uids[1]
    last = found[uids[3]]
    assert (last.nadir_uid, last.nadir_on) == (uids[2], date.fromordinal(FIRST.toordinal() + 151))
    assert last.volume == change_between(VolumeEstimate(3.0, 2.7, 3.3), VolumeEstimate(8.0, 7.2, 8.8))
    assert last.volume.difference_ml == pytest.approx(5.0)
    assert last.volume.ratio == timeline.volumetric[3].ratio_to_nadir


def test_a_visit_without_a_volume_has_no_change() -> None:
    uids = make_course(("20.00", "4.00", "3.00", "8.00"))
    Measurement.objects.filter(result__study__study_uid=uids[3], compartment="ET").delete()
    timeline = timeline_of(key_of(Measurement.objects.all()[0].result.study))
    assert set(changes_since_nadir(timeline)) == {uids[2]}


def test_after_a_nadir_of_nothing_there_is_a_difference_and_no_ratio() -> None:
    uids = make_course(("20.00", "4.00", "0.00", "2.00"))
    last = changes_since_nadir(timeline_of(key_of(Measurement.objects.all()[0].result.study)))[uids[3]]
    assert (last.volume.difference_ml, last.volume.ratio) == (2.0, None)
