"""The demo's patient, whose truth is known, as the patient's page tells it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from orthanc.types import MeasuredRegion
from review.models import TreatmentEvent
from review.patients import key_of
from segmentation.phantom import DEMO_SEED, make_visit
from tests.review.test_course_of_known_patients import DAYS, FIRST, phantom_study
from webapp.stack.demo_treatment import TREATMENT


@pytest.mark.django_db
def test_stored_truth_comes_out_as_the_true_course(as_role: Callable[[str], Client]) -> None:
    studies = [phantom_study(number, days) for number, days in enumerate(DAYS, start=1)]
    patient = TreatmentEvent.columns_of(key_of(studies[0]))
    for days, event in TREATMENT:
        TreatmentEvent.objects.create(**patient, on=FIRST + timedelta(days=days), by="demo", **event)
    page = as_role("viewer").get(f"/patients/{studies[0].pk}/volumes.csv").content.decode()
    rows = list(csv.DictReader(page.splitlines()))
    assert [row["suggested_response"] for row in rows] == ["not rated", "baseline", "PD"]
    assert [row["marks"] for row in rows] == ["", "Baseline, Nadir", ""]
    for number, row in enumerate(rows, start=1):
        truth_ml = make_visit(DEMO_SEED, number, spacing_mm=2.0).volumes_ml
        for region in ("WT", "TC", "ET"):
            assert float(row[f"{region}_ml"]) == pytest.approx(truth_ml[MeasuredRegion(region)], abs=0.005)
    grown_ml = float(rows[2]["ET_ml"]) - float(rows[1]["ET_ml"])
    assert float(rows[2]["since_nadir_ml"]) == pytest.approx(grown_ml, abs=0.005)
    assert float(rows[2]["since_nadir_low_ml"]) > 0, "the recurrence is told from noise"
