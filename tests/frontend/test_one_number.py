"""Every number from one stored measurement: panel, study page, patient page and its CSV, API, FHIR, SR, report text.

And after a flag: the note in Orthanc, the point gone from all of them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client
from pydicom import dcmread
from pydicom.dataset import Dataset

from orthanc.client import OrthancClient
from orthanc.sr import volumes_from_sr
from orthanc.types import MeasuredRegion
from review.default_templates import install_default_templates
from review.models import Job, ReportTemplate, Result, Study, TemplateVersion
from review.publish import publish_job
from review.rejections import note_flag
from review.services_of_review import flag_as_poor, undo_flag
from tests.frontend.conftest import CorrectableStudy

pytestmark = [pytest.mark.stack, pytest.mark.django_db]

LogIn = Callable[[str], Client]
Numbers = dict[str, tuple[Decimal, Decimal, Decimal]]
"""Volume, lower and upper limit in mL by compartment."""


@pytest.fixture
def result(correctable_study: CorrectableStudy) -> Result:
    """The label map, published as a worker does it."""
    install_default_templates(ReportTemplate, TemplateVersion)
    Job.objects.filter(pk=correctable_study.result.job_id).update(
        stage=Job.Stage.PUBLISH, state=Job.State.QUEUED
    )
    job = Job.objects.claim(Job.Stage.PUBLISH, "a worker", 60)
    assert job is not None
    publish_job(job)
    return Result.objects.select_related("study").get(job=job)


def stored(result: Result) -> Numbers:
    return {code: (one.ml, one.low_ml, one.high_ml) for code, one in result.volumes.items()}


def held(pacs: OrthancClient, sop_uid: str) -> Dataset:
    found = pacs.find_instance(sop_uid)
    assert found is not None
    return dcmread(io.BytesIO(pacs.instance_bytes(found)))


def in_sr(pacs: OrthancClient, result: Result) -> Numbers:
    volumes = volumes_from_sr(held(pacs, result.sr_sop_uid))
    return {
        region.value: tuple(Decimal(f"{value:.2f}") for value in (one.ml, one.low_ml, one.high_ml))
        for region, one in volumes.items()
    }  # type: ignore[return-value]


def in_json(told: dict[str, dict[str, float]]) -> Numbers:
    return {
        code: tuple(Decimal(f"{one[name]:.2f}") for name in ("ml", "low_ml", "high_ml"))
        for code, one in told.items()
    }  # type: ignore[return-value]


def in_page(page: str) -> dict[str, Decimal]:
    found = re.findall(
        r'data-compartment="(\w\w)"[^>]*?(?: data-ml="([\d.]+)"|>.*?data-ml="([\d.]+)")', page, re.S
    )
    return {code: Decimal(one or other) for code, one, other in found}


def in_macro(page: str) -> str:
    found = re.search(r'<pre class="macro-text".*?</pre>', page, re.S)
    assert found is not None
    return found.group()


def csv_row(client: Client, study: Study) -> dict[str, str]:
    answer = client.get(f"/patients/{study.pk}/volumes.csv")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    return row


def test_panel_pages_csv_api_fhir_sr_and_report_text_give_one_number(
    as_role: LogIn, orthanc: OrthancClient, result: Result
) -> None:
    client, study, numbers = as_role("radiologist"), result.study, stored(result)
    assert min(ml for ml, _, _ in numbers.values()) > 1
    assert in_sr(orthanc, result) == numbers
    assert in_json(client.get(f"/api/studies/{study.study_uid}/").json()["result"]["volumes"]) == numbers
    timeline = client.get(f"/api/patients/{study.study_uid}/timeline/").json()
    (visit,) = timeline["visits"]
    assert in_json(visit["volumes"]) == numbers
    only_ml = {code: ml for code, (ml, _, _) in numbers.items()}
    panel = client.get(f"/panel/{study.study_uid}/").content.decode()
    assert in_page(panel) == only_ml
    assert in_page(client.get(f"/studies/{study.study_uid}/").content.decode()) == only_ml
    row = csv_row(client, study)
    fhir = client.get(f"/api/studies/{study.study_uid}/fhir/").content.decode()
    macro = in_macro(panel)
    for ml, low, high in numbers.values():
        assert {f"{ml}", f"{low}", f"{high}"} <= set(row.values())
        assert f"{ml} mL ({low} to {high} mL)" in macro
        for value in (ml, low, high):
            assert re.search(rf'"value": ?{float(value)}\b', fhir)


def test_after_a_flag_the_note_is_in_orthanc_and_the_point_gone_until_it_is_undone(
    as_role: LogIn, orthanc: OrthancClient, result: Result
) -> None:
    client, study = as_role("radiologist"), result.study
    before = csv_row(client, study)
    flag = flag_as_poor(result, reason="ventricle", by="ann")
    note_flag(flag)
    flag.refresh_from_db()
    note = held(orthanc, flag.note_sop_uid)
    assert note.ConceptNameCodeSequence[0].CodeMeaning == "Rejected for Quality Reasons"
    series = note.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    named = {one.ReferencedSOPInstanceUID for group in series for one in group.ReferencedSOPSequence}
    assert {result.seg_sop_uid, result.sr_sop_uid} <= named

    timeline = client.get(f"/api/patients/{study.study_uid}/timeline/").json()
    assert [visit["state"] for visit in timeline["visits"]] == ["flagged"]
    assert timeline["volumetric"] == []
    told = client.get(f"/api/studies/{study.study_uid}/").json()["result"]
    assert (told["flagged"], sorted(told["struck"])) == (True, sorted(one.value for one in MeasuredRegion))
    panel = client.get(f"/panel/{study.study_uid}/").content.decode()
    for ml, _, _ in stored(result).values():
        assert str(ml) not in in_macro(panel)
    assert "flagged" in " ".join(csv_row(client, study).values()).lower()

    undo_flag(flag, by="ann")
    assert csv_row(client, study) == before
    timeline = client.get(f"/api/patients/{study.study_uid}/timeline/").json()
    assert [visit["state"] for visit in timeline["visits"]] == ["counted"]
