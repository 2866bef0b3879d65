"""What is older than the site keeps it goes; what was not delivered, is flagged or at work stays; numbers stay."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from orthanc.client import OrthancClient
from review.artefacts import job_folder
from review.intake import take_study
from review.models import AuditAction, AuditEntry, Delivery, Job, Measurement, SiteSettings, Study
from review.retention import overdue, remove_overdue
from review.services_of_review import flag_as_poor, undo_flag
from review.site import change_site
from tests.review import factories

pytestmark = pytest.mark.django_db


def keep(**values: Any) -> None:
    change_site(values, by="admin")


def old_result(artefacts: Path, days: int = 40) -> Study:
    """A study with a result that came so many days ago, and its label map."""
    then = timezone.now() - timedelta(days=days)
    result = factories.make_result()
    Job.objects.update(finished_at=then)
    Study.objects.update(first_seen_at=then)
    job_folder(result.job_id).inferred.mkdir(parents=True)
    return Study.objects.get()


def would_go() -> tuple[int, int]:
    found = overdue(SiteSettings.load())
    return found.studies.count(), len(found.jobs)


def undelivered(study: Study) -> Delivery:
    result = study.current_result
    assert result is not None
    item = result.dicom_objects.create(kind="SEG", sop_class_uid="1.2", series_uid="1.9.2", sop_uid="1.9.1")
    return Delivery.objects.create(item=item, destination="PACS")


def test_nothing_goes_until_an_admin_says_for_how_long_it_is_kept(artefacts: Path) -> None:
    old_result(artefacts, days=4000)
    assert would_go() == (0, 0)
    assert remove_overdue() == 0


def test_only_what_is_older_goes(artefacts: Path) -> None:
    old_result(artefacts, days=40)
    keep(study_days=41, artefact_days=39)
    assert would_go() == (0, 1)


def test_what_was_not_delivered_or_is_flagged_or_at_work_is_held_back(artefacts: Path) -> None:
    study = old_result(artefacts)
    keep(study_days=30, artefact_days=30)
    assert would_go() == (1, 1)
    delivery = undelivered(study)
    assert would_go() == (0, 0)
    Delivery.objects.update(state=Delivery.State.FAILED)
    assert would_go() == (0, 0)
    Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.SENT)
    flag = flag_as_poor(study.current_result, compartment="ET", reason="motion", by="ann")
    assert would_go() == (0, 0)
    held = overdue(SiteSettings.load())
    assert (held.n_held_studies, held.n_held_jobs) == (1, 1)
    undo_flag(flag, by="ann")
    assert would_go() == (1, 1)
    Job.objects.update(state=Job.State.QUEUED)
    assert would_go() == (0, 0)


def test_a_label_map_goes_and_the_numbers_stay(artefacts: Path) -> None:
    study = old_result(artefacts)
    keep(artefact_days=30)
    assert remove_overdue() == 1
    assert list(artefacts.iterdir()) == []
    assert Measurement.objects.filter(result__study=study).count() == 5
    line = AuditEntry.objects.get(action=AuditAction.REMOVED)
    assert (line.by, line.details["label_maps"]) == ("retention", 1)
    assert remove_overdue() == 0


@pytest.mark.stack
def test_a_study_goes_from_orthanc_stays_with_its_reason_and_is_on_record(
    orthanc: OrthancClient, orthanc_id: str, model: Path, artefacts: Path
) -> None:
    factories.default_rule()
    study = take_study(orthanc, orthanc_id)
    assert study is not None
    Job.objects.all().delete()
    Study.objects.update(state=Study.State.DONE, first_seen_at=timezone.now() - timedelta(days=40))
    keep(study_days=30)
    said = io.StringIO()
    call_command("retention", "--dry-run", stdout=said)
    assert said.getvalue().startswith("1 studies, 0 label maps")
    assert orthanc.studies() == [orthanc_id]
    call_command("retention", stdout=said)
    assert orthanc.studies() == []
    study.refresh_from_db()
    assert (study.deleted_at is not None, study.reason) == (True, "Deleted from Orthanc.")
    line = AuditEntry.objects.get(action=AuditAction.REMOVED)
    assert (line.study_uid, line.details) == (study.study_uid, {"older_than_days": 30})


def test_the_site_adds_its_words_to_sr_and_report_text_and_its_changes_are_on_record() -> None:
    from review.macros import text_of
    from review.models import ReportTemplate

    result = factories.make_result()
    version = ReportTemplate.objects.filter(language="en", phase="").get().current
    before = text_of(version, result)
    keep(name="Hospital of Elm", disclaimer="Not for planning of radiotherapy.")
    assert SiteSettings.load().sentences() == (
        "Made at Hospital of Elm.",
        "Not for planning of radiotherapy.",
    )
    assert text_of(version, result) == f"{before}Not for planning of radiotherapy.\n"
    lines = AuditEntry.objects.filter(action=AuditAction.SITE_CHANGED).order_by("pk")
    assert [one.details["what"] for one in lines] == ["name", "disclaimer"]
    version = replace_text(version, "{{ site_name }}: {{ disclaimer }}")
    assert text_of(version, result) == "Hospital of Elm: Not for planning of radiotherapy.\n"


def replace_text(version: Any, text: str) -> Any:
    version.text = text
    return version
