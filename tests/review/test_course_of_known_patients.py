"""Courses whose truth is known: the demo's phantom, and real patients segmented twice."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import numpy as np
import pytest
import SimpleITK as sitk
from pytest_django.live_server_helper import LiveServer

from orthanc.types import MeasuredRegion
from review.api_tokens import make_token
from review.course_facts import PatientFacts, Setting, Visit
from review.longitudinal import timeline_of
from review.models import Measurement, Study
from review.patients import key_of
from review.response import assess
from review.response_profiles import WILDTYPE
from review.response_types import Category, Measure
from segmentation.phantom import DEMO_SEED, make_visit
from segmentation.types import VolumeEstimate
from tests.review.factories import make_job, make_result, make_study
from tests.review.test_api import client_of
from webapp.stack import demo_treatment
from webapp.stack.plan import Plan

FIRST = date(2024, 3, 4)
DAYS = (0, 72, 151)


def phantom_study(number: int, days: int) -> Study:
    """A study of the demo's patient with its true volumes (a coarse scan is enough for them) as result."""
    study = make_study(f"1.2.{number}", study_date=FIRST + timedelta(days=days))
    result = make_result(make_job(study, series_key=f"k{number}"))
    truth = make_visit(DEMO_SEED, number, spacing_mm=2.0)
    for region in (MeasuredRegion.WHOLE_TUMOUR, MeasuredRegion.TUMOUR_CORE, MeasuredRegion.ENHANCING_TUMOUR):
        ml = Decimal(f"{truth.volumes_ml[region]:.2f}")
        rows = Measurement.objects.filter(result=result, compartment=region)
        rows.update(ml=ml, low_ml=ml * Decimal("0.8"), high_ml=ml * Decimal("1.25"))
    return study


@pytest.mark.django_db(transaction=True)
def test_the_demo_tells_its_treatment_once_and_its_course_is_baseline_then_progression(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    studies = [phantom_study(number, days) for number, days in enumerate(DAYS, start=1)]
    user = client_of("service").handler._force_user
    headers = {"Authorization": f"Token {make_token(user, 'a test', by='admin')[1]}"}
    monkeypatch.setattr(
        demo_treatment,
        "api",
        lambda plan: httpx.Client(base_url=f"{live_server.url}/api/", headers=headers, timeout=30),
    )
    told = [{"study_uid": one.study_uid, "study_date": str(one.study_date)} for one in studies]
    plan = Plan.__new__(Plan)
    for _ in range(2):
        demo_treatment.tell_treatment(plan, told)
    timeline = timeline_of(key_of(studies[0]))
    assert len(timeline.events) == len(demo_treatment.TREATMENT)
    assert [one.category for one in timeline.volumetric] == [
        Category.NOT_RATED, Category.BASELINE, Category.PROGRESSION
    ]  # fmt: skip
    assert not timeline.volumetric[2].is_preliminary
    assert timeline.volumetric[2].missing == ()
    assert "PD" in capsys.readouterr().out


def enhancing_ml(mask: Path) -> float:
    """Label 3 of the masks after treatment is enhancing tumour."""
    image = sitk.ReadImage(str(mask))
    voxel_ml = float(np.prod(image.GetSpacing())) / 1000
    return float((sitk.GetArrayViewFromImage(image) == 3).sum()) * voxel_ml


def by_arithmetic(first_ml: float, second_ml: float) -> Category:
    if first_ml == 0:
        return Category.STABLE if second_ml == 0 else Category.NOT_EVALUABLE
    if second_ml >= 1.4 * first_ml:
        return Category.PROGRESSION
    if second_ml == 0:
        return Category.COMPLETE
    return Category.PARTIAL if second_ml <= 0.35 * first_ml else Category.STABLE


@pytest.mark.shared
def test_real_patients_segmented_twice_are_read_as_arithmetic_says(shared_dir: Path) -> None:
    firsts = sorted((shared_dir / "data" / "masks").glob("ucsf_*_time1_seg.nii.gz"))
    assert len(firsts) == 4
    for first in firsts:
        masks = (first, first.with_name(first.name.replace("time1", "time2")))
        amounts_ml = [enhancing_ml(mask) for mask in masks]
        visits = [
            Visit(
                str(number),
                FIRST + timedelta(days=100 * number),
                volumes={MeasuredRegion.ENHANCING_TUMOUR: VolumeEstimate(ml, 0.9 * ml, 1.1 * ml)},
            )
            for number, ml in enumerate(amounts_ml)
        ]
        facts = PatientFacts(setting=Setting.RECURRENT)
        found = assess(visits, (), facts, WILDTYPE, Measure.VOLUME, date(2030, 1, 1))
        assert found[1].category == by_arithmetic(*amounts_ml), f"{first.name}: {amounts_ml} ml"
        if amounts_ml[0] > 0:
            assert found[1].ratio_to_baseline == pytest.approx(amounts_ml[1] / amounts_ml[0])
