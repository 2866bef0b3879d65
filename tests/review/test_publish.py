"""Results in a real Orthanc: the same numbers everywhere, and nothing twice."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
import SimpleITK as sitk
from pydicom import dcmread
from rest_framework.test import APIClient

from orthanc.client import OrthancClient
from orthanc.sr import lesions_from_sr, statements_from_sr, summary_from_sr, volumes_from_sr
from orthanc.types import MeasuredRegion, Role
from review import publish
from review.artefacts import job_folder, read_segmentation, write_segmentation
from review.course_facts import EventKind
from review.default_templates import install_default_templates
from review.leases import Lease
from review.longitudinal import timeline_of
from review.macros import save_template, templates_for, text_of
from review.models import (
    Job,
    LostLeaseError,
    ReportTemplate,
    Result,
    RoutingRule,
    Study,
    TemplateVersion,
    TreatmentEvent,
)
from review.patients import key_of
from review.publish import publish_job, stored_volumes
from review.serializers_of_results import ResultSerializer
from segmentation.gates import judged
from segmentation.types import (
    Finding,
    Hemisphere,
    Lesion,
    Lobe,
    Trust,
    TrustGrade,
    TumourVolumes,
    VolumeEstimate,
)
from tests.review.published import VOLUMES, again, claim, held, segmentation_on, take_as_stable
from tests.review.test_api import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.stack]


def test_the_same_numbers_are_in_database_sr_and_api(job: Job, orthanc: OrthancClient) -> None:
    publish_job(job)
    result = Result.objects.get()
    stored = {key: (row.ml, row.low_ml, row.high_ml) for key, row in result.volumes.items()}
    assert stored["WT"] == (Decimal("30.20"), Decimal("25.10"), Decimal("36.01"))
    assert stored["NC"] == (Decimal("0.00"), Decimal("0.00"), Decimal("0.00"))
    sr = volumes_from_sr(dcmread(BytesIO(held(orthanc, result.sr_sop_uid))))
    assert {key: (one.ml, one.low_ml, one.high_ml) for key, one in sr.items()} == {
        MeasuredRegion(key): tuple(map(float, values)) for key, values in stored.items()
    }
    client: APIClient = client_of("viewer")
    answer = client.get(f"/api/studies/{job.study.study_uid}/").json()["result"]["volumes"]
    assert {key: (one["ml"], one["low_ml"], one["high_ml"]) for key, one in answer.items()} == {
        key: tuple(map(float, values)) for key, values in stored.items()
    }


def test_a_published_job_is_done_and_its_result_speaks_for_the_study(job: Job) -> None:
    publish_job(job)
    job.refresh_from_db()
    study = Study.objects.get()
    assert (job.state, study.state, study.current_result) == (Job.State.DONE, Study.State.DONE, job.result)
    assert set(job.step_seconds["publish"]) == {"download", "read", "follow", "write", "store"}
    assert job.result.warnings == ["Small brain."]
    assert job.result.model_is_demo


def test_patient_images_are_removed_and_the_label_map_stays(job: Job) -> None:
    publish_job(job)
    folder = job_folder(job.pk)
    assert not folder.dicom.exists()
    assert not folder.prepared.exists()
    assert read_segmentation(folder.inferred).volumes == VOLUMES


def test_a_rerun_adds_nothing_to_orthanc(job: Job, orthanc: OrthancClient, orthanc_id: str) -> None:
    publish_job(job)
    result = Result.objects.get()
    first = (held(orthanc, result.seg_sop_uid), held(orthanc, result.sr_sop_uid))
    publish_job(again(job))
    assert Result.objects.count() == 1
    assert (held(orthanc, result.seg_sop_uid), held(orthanc, result.sr_sop_uid)) == first
    assert len(orthanc.study_header(orthanc_id).series) == 8


def test_a_job_made_anew_in_an_empty_database_leaves_what_orthanc_holds(
    job: Job, orthanc: OrthancClient, orthanc_id: str
) -> None:
    publish_job(job)
    uid = Result.objects.get().sr_sop_uid
    first = held(orthanc, uid)
    Job.objects.update(created_at=job.created_at.replace(year=2031))
    publish_job(again(job))
    assert (Result.objects.get().sr_sop_uid, held(orthanc, uid)) == (uid, first)


def test_an_object_of_the_same_uid_that_says_something_else_is_replaced(
    job: Job, orthanc: OrthancClient
) -> None:
    publish_job(job)
    folder = job_folder(job.pk).inferred
    other = replace(VOLUMES, tumour_core=VolumeEstimate(9.9, 7.0, 12.0))
    write_segmentation(replace(read_segmentation(folder), volumes=other), folder)
    publish_job(again(job))
    result = Result.objects.get()
    sr = volumes_from_sr(dcmread(BytesIO(held(orthanc, result.sr_sop_uid))))
    assert sr[MeasuredRegion.TUMOUR_CORE].ml == float(result.volumes["TC"].ml) == 9.9


@pytest.mark.parametrize("moment", ["series_files", "write_objects", "store", "record_result"])
def test_a_publish_killed_at_any_moment_is_finished_by_the_next(
    moment: str, job: Job, orthanc: OrthancClient, orthanc_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(publish, moment, die)
        with pytest.raises(KeyboardInterrupt):
            publish_job(job)
    assert not Result.objects.exists()
    publish_job(again(job))
    assert Study.objects.get().state == Study.State.DONE
    assert len(orthanc.study_header(orthanc_id).series) == 8


def test_a_worker_that_lost_its_lease_records_no_result(job: Job) -> None:
    Job.objects.update(lease_owner="other")
    with pytest.raises(LostLeaseError):
        publish_job(job)
    assert not Result.objects.exists()


def test_our_results_coming_back_start_no_job(job: Job, orthanc: OrthancClient, orthanc_id: str) -> None:
    publish_job(job)
    study = take_as_stable(orthanc, orthanc_id)
    study.refresh_from_db()
    assert (study.jobs.count(), study.state) == (1, Study.State.DONE)
    assert study.series.filter(is_ours=True).count() == 4


def test_a_label_map_on_another_grid_fails_with_words(job: Job) -> None:
    shifted = segmentation_on(sitk.Image(24, 24, 24, sitk.sitkUInt8))
    write_segmentation(shifted, job_folder(job.pk).inferred)
    with Lease(job, 60):
        publish_job(job)
    assert "grid" in Study.objects.get().reason


def test_an_older_job_that_ends_last_does_not_become_current(job: Job) -> None:
    newer = Job.objects.create(
        study=job.study, series_key="newer", chosen=job.chosen, model_name="demo", model_version="1",
        phase="unknown", stage=Job.Stage.PUBLISH,
    )  # fmt: skip
    Study.objects.update(current_job=newer)
    done = read_segmentation(job_folder(job.pk).inferred)
    write_segmentation(done, job_folder(newer.pk).inferred)
    publish_job(claim())
    publish_job(job)
    assert Study.objects.get().current_result == newer.result
    assert Result.objects.get(job=job).superseded_by == newer.result


def test_a_job_that_a_person_went_back_to_speaks_for_its_study_though_a_newer_one_ended(job: Job) -> None:
    newer = Job.objects.create(
        study=job.study, series_key="newer", chosen=job.chosen, model_name="demo", model_version="1",
        phase="unknown", stage=Job.Stage.PUBLISH,
    )  # fmt: skip
    done = read_segmentation(job_folder(job.pk).inferred)
    write_segmentation(done, job_folder(newer.pk).inferred)
    publish_job(claim())
    publish_job(job)
    assert Study.objects.get().current_result == job.result
    assert Result.objects.get(job=newer).superseded_by == job.result


def test_gates_and_what_the_model_was_not_validated_for_reach_row_and_report(
    job: Job, orthanc: OrthancClient
) -> None:
    gate = judged("snr t2", 3.0, "", (5.0, None), "T2 is noisy.")
    folder = job_folder(job.pk).inferred
    done = replace(read_segmentation(folder), not_validated=(Finding("no_tumour", "No tumour was found."),))
    write_segmentation(done, folder, (gate,))
    Study.objects.update(description="MRI BRAIN METS")
    TreatmentEvent.objects.create(
        kind=EventKind.SURGERY,
        on=job.study.study_date - timedelta(days=1),
        by="dr",
        **TreatmentEvent.columns_of(key_of(job.study)),
    )
    publish_job(Job.objects.get(pk=job.pk))
    result = Result.objects.get()
    assert result.gates == [asdict(gate)]
    assert [one["code"] for one in result.not_validated] == ["metastasis", "early_postoperative", "no_tumour"]
    found = orthanc.find_instance(result.sr_sop_uid)
    assert found is not None
    said = statements_from_sr(dcmread(BytesIO(orthanc.instance_bytes(found))))
    assert "Not validated for this: No tumour was found." in said
    assert any("METS" in sentence for sentence in said)


def test_volumes_keep_their_order_when_they_are_rounded() -> None:
    tight = VolumeEstimate(1.005, 1.0049, 1.0051)
    for one in stored_volumes(TumourVolumes(tight, tight, tight, tight, tight)):
        assert one.low_ml <= one.ml <= one.high_ml


def test_the_destinations_of_a_rule_are_those_of_its_jobs(
    orthanc: OrthancClient, orthanc_id: str, model: Path
) -> None:
    RoutingRule.objects.update(destinations=["OTHER"], phase="postop", priority=3)
    study = take_as_stable(orthanc, orthanc_id)
    made = study.jobs.get()
    assert (made.destinations, made.phase, made.priority) == (["OTHER"], "postop", 3)
    assert set(made.chosen) == {role.value for role in Role} - {"none"}


def test_trust_and_lesions_reach_row_report_and_course(job: Job, orthanc: OrthancClient) -> None:
    folder = job_folder(job.pk).inferred
    lesion = Lesion(
        1, 8.5, 2.0, 20.0, (10.0, -5.0, 30.0), 27.4, 18.2, 6, True, Hemisphere.LEFT, Lobe.TEMPORAL
    )
    trust = Trust(0.834, 0.65, 0.93, TrustGrade.CHECK)
    write_segmentation(replace(read_segmentation(folder), trust=trust, lesions=(lesion,)), folder)
    publish_job(Job.objects.get(pk=job.pk))
    result = Result.objects.get()
    assert (result.trust, result.trust_low, result.trust_high, result.trust_grade) == (
        0.83,
        0.65,
        0.93,
        "check",
    )
    assert result.lesions[0]["lobe"] == "temporal"
    found = orthanc.find_instance(result.sr_sop_uid)
    assert found is not None
    said = statements_from_sr(dcmread(BytesIO(orthanc.instance_bytes(found))))
    assert "Trust: check. Expected Dice with a reader's outline 0.83 (95 % interval 0.65 to 0.93)." in said
    (told,) = lesions_from_sr(dcmread(BytesIO(orthanc.instance_bytes(found))))
    assert (told.long_diameter_mm, told.perpendicular_diameter_mm) == (27.4, 18.2)
    assert (told.is_measurable, told.side, told.lobe) == (True, "left", "temporal")
    given = ResultSerializer(result).data
    assert given["trust"] == {"expected_dice": 0.83, "low": 0.65, "high": 0.93, "grade": "check"}
    assert given["lesions"][0]["perpendicular_diameter_mm"] == 18.2
    visits = timeline_of(key_of(result.study)).visits
    assert [one.area_mm2 for visit in visits for one in visit.lesions or ()] == [pytest.approx(27.4 * 18.2)]


def test_a_result_without_a_score_shows_none(job: Job) -> None:
    publish_job(job)
    assert ResultSerializer(Result.objects.get()).data["trust"] is None


def test_the_report_text_as_it_is_then_goes_out_with_the_report_and_says_that_nobody_read_it(
    job: Job, orthanc: OrthancClient
) -> None:
    install_default_templates(ReportTemplate, TemplateVersion)
    publish_job(job)
    result = Result.objects.get()
    report = dcmread(BytesIO(held(orthanc, result.sr_sop_uid)))
    version = templates_for(result)[0].current
    now = text_of(version, result).replace(
        f"{result.created_at:%Y-%m-%d %H:%M}", f"{job.created_at:%Y-%m-%d %H:%M}"
    )
    assert summary_from_sr(report) == now
    assert "NOT REVIEWED by a radiologist." in now
    assert "Whole tumour: 30.20 mL (25.10 to 36.01 mL)" in now
    assert any("no radiologist has reviewed it" in one for one in statements_from_sr(report))


def test_a_draft_that_would_say_something_else_by_now_does_not_replace_the_report(
    job: Job, orthanc: OrthancClient
) -> None:
    install_default_templates(ReportTemplate, TemplateVersion)
    publish_job(job)
    uid = Result.objects.get().sr_sop_uid
    first = held(orthanc, uid)
    save_template(templates_for(job.result)[0], "Other words.", by="ann")
    publish_job(again(job))
    assert held(orthanc, uid) == first
