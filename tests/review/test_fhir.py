from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.diagnosticreport import DiagnosticReport

from review.default_templates import install_default_templates
from review.macros import macros_for
from review.models import Flag, Measurement, ReportTemplate, Result, TemplateVersion
from tests.review import factories
from tests.review.test_api import client_of

pytestmark = pytest.mark.django_db


def test_the_bundle_is_valid_fhir_and_gives_the_stored_numbers() -> None:
    result = factories.make_result(not_validated=[{"code": "x", "words": "Too young."}], warnings=["Thick."])
    answer = client_of("viewer").get(f"/api/studies/{result.study.study_uid}/fhir/")
    assert answer.status_code == 200
    bundle = Bundle.model_validate(answer.json())
    by_type: dict[str, list] = {}
    for entry in bundle.entry:
        by_type.setdefault(entry.resource.get_resource_type(), []).append(entry.resource)
    assert {kind: len(found) for kind, found in by_type.items()} == {
        "ImagingStudy": 1, "Observation": 5, "DiagnosticReport": 1,
    }  # fmt: skip
    told = {
        (float(one.valueQuantity.value), *(float(part.valueQuantity.value) for part in one.component))
        for one in by_type["Observation"]
    }
    rows = Measurement.objects.filter(result=result)
    assert told == {(float(row.ml), float(row.low_ml), float(row.high_ml)) for row in rows}
    conclusion = by_type["DiagnosticReport"][0].conclusion
    for words in (
        "Enhancing tumour: 6.80 mL",
        "Not validated for this: Too young.",
        "Thick.",
        "research use",
    ):
        assert words in conclusion
    known = {entry.fullUrl for entry in bundle.entry}
    assert {one.reference for one in by_type["DiagnosticReport"][0].result} <= known


def report_of(result: Result) -> DiagnosticReport:
    answer = client_of("viewer").get(f"/api/studies/{result.study.study_uid}/fhir/").json()
    User.objects.all().delete()
    return Bundle.model_validate(answer).entry[-1].resource


def test_the_report_carries_the_text_of_the_site_as_the_page_shows_it(db: None) -> None:
    install_default_templates(ReportTemplate, TemplateVersion)
    result = factories.make_result()
    (presented,) = report_of(result).presentedForm
    assert presented.data.decode() == macros_for(result)[0].text
    assert "not reviewed" in presented.title
    result.acceptances.create(by="ann")
    result = Result.objects.get()
    (presented,) = report_of(result).presentedForm
    assert "Reviewed by ann." in presented.data.decode()
    assert "reviewed by ann" in presented.title
    ReportTemplate.objects.update(enabled=False)
    assert report_of(result).presentedForm is None


def test_everything_refers_to_the_study_that_was_analysed() -> None:
    result = factories.make_result()
    answer = client_of("viewer").get(f"/api/studies/{result.study.study_uid}/fhir/").json()
    study, *observations, report = [entry.resource for entry in Bundle.model_validate(answer).entry]
    assert study.identifier[0].value == f"urn:oid:{result.study.study_uid}"
    address = f"urn:uuid:{study.id}"
    assert {one.derivedFrom[0].reference for one in observations} == {address}
    assert report.imagingStudy[0].reference == address


def test_a_flag_is_said_first() -> None:
    result = factories.make_result()
    Flag.objects.create(result=result, reason=Flag.Reason.MOTION, by="ann")
    bundle = client_of("viewer").get(f"/api/studies/{result.study.study_uid}/fhir/").json()
    assert bundle["entry"][-1]["resource"]["conclusion"].startswith("A reader flagged")


def test_a_study_without_result_has_no_bundle_and_strangers_get_none() -> None:
    study = factories.make_study()
    assert client_of("viewer").get(f"/api/studies/{study.study_uid}/fhir/").status_code == 404
    assert client_of("").get(f"/api/studies/{study.study_uid}/fhir/").status_code in (401, 403)
