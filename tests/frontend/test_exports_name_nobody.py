"""What leaves the house pseudonymised is searched, byte by byte, for all that its source says of a patient."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from pydicom import dcmread
from pydicom.dataset import Dataset

from orthanc.client import OrthancClient
from review.models import Flag, Result, TreatmentEvent
from review.services_of_review import flag_as_poor
from tests.frontend.conftest import CorrectableStudy, StoredStudy
from tests.review import factories

pytestmark = [pytest.mark.stack, pytest.mark.django_db]

TELLING_VR = ("PN", "UI", "DA", "DT", "TM")
TELLING_TAGS = (
    "PatientID", "AccessionNumber", "StudyID", "InstitutionName", "StationName", "DeviceSerialNumber",
    "StudyDescription", "SeriesDescription", "ProtocolName",
)  # fmt: skip
OF_THE_STANDARD = "1.2.840.10008."
TYPED = ("Quirkafleeg", "quirkafleeg-reader")
"""What people type beside a flag or an event, and who they are."""


def secrets_of(datasets: list[Dataset]) -> set[str]:
    """All values that tell who somebody is, and dates and names also as other programs write them."""
    found: set[str] = set()
    for dataset in datasets:
        for element in dataset:
            if element.VR not in TELLING_VR and element.keyword not in TELLING_TAGS:
                continue
            text = str(element.value)
            found.add(text)
            if element.VR == "PN":
                found |= set(text.split("^"))
            elif element.VR == "DA" and len(text) == 8:
                on = datetime.strptime(text, "%Y%m%d").date()
                found |= {
                    on.isoformat(),
                    on.strftime("%d.%m.%Y"),
                    on.strftime("%d/%m/%Y"),
                    on.strftime("%d %b %Y"),
                }
    return {text for text in found if len(text) > 4 and not text.startswith(OF_THE_STANDARD)}


def pieces(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """A file as it is and, where it is packed, what is in it; names and comments of archives are bytes of theirs."""
    yield name, name.encode() + b"\0" + data
    if data[:2] == b"\x1f\x8b":
        yield f"{name} unpacked", gzip.decompress(data)
    elif data[:2] == b"PK":
        archive = zipfile.ZipFile(io.BytesIO(data))
        for member in archive.infolist():
            yield from pieces(f"{name}/{member.filename}", archive.read(member))


def told_by(name: str, data: bytes, secrets: set[str]) -> list[str]:
    """Where which secret is found, in any letters and in 8 or 16 bits per letter."""
    return [
        f"{secret} in {where}"
        for where, content in pieces(name, data)
        for low in (content.lower(),)
        for secret in sorted(secrets)
        if secret.lower().encode() in low or secret.lower().encode("utf-16-le") in low
    ]


@pytest.fixture
def secrets(correctable_study: CorrectableStudy, stored_study: StoredStudy) -> set[str]:
    """All that the study says of its patient, Orthanc's own names of it (digests of IDs), and what readers typed."""
    found = secrets_of([dcmread(path, stop_before_pixels=True) for path in stored_study.files])
    study = correctable_study.study
    found |= {study.orthanc_id, *study.series.values_list("orthanc_id", flat=True), *TYPED}
    assert {"Tamara", "PAT-5", "ACC-5", "1966-06-06", study.study_uid} <= found
    return found


@pytest.fixture
def flag(correctable_study: CorrectableStudy) -> Flag:
    return flag_as_poor(
        correctable_study.result, reason="missed", by=TYPED[1], text=f"{TYPED[0]}'s left lobe"
    )


def test_the_search_finds_what_is_hidden_anywhere(stored_study: StoredStudy, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.nii.gz", gzip.compress(b"0000 TAMARA 0000"))
        archive.comment = b"of PAT-5"
    found = told_by("x.zip", packed.getvalue(), {"Tamara", "PAT-5", "ACC-5"})
    assert found == ["PAT-5 in x.zip", "Tamara in x.zip/a.nii.gz unpacked"]
    whole = stored_study.files[0].read_bytes()
    assert any("Tamara" in one for one in told_by("image", whole, {"Tamara"}))


def test_flagged_cases_hold_nothing_of_the_source(
    as_role: Callable[[str], Client], flag: Flag, secrets: set[str], orthanc: OrthancClient, tmp_path: Path
) -> None:
    gone = factories.make_result(factories.make_job(factories.make_study("1.7.8.9.10", patient_id="PAT-8")))
    flag_as_poor(gone, reason="motion", by="ann", text=TYPED[0])
    archive = b"".join(as_role("admin").get("/worklist/flagged.zip"))
    assert b"t1ce.nii.gz" in archive
    assert told_by("flagged-cases.zip", archive, secrets | {"1.7.8.9.10", "PAT-8"}) == []
    gone.flags.all().delete()
    call_command("export_flagged", str(tmp_path / "cases"))
    files = [path for path in (tmp_path / "cases").rglob("*") if path.is_file()]
    assert len(files) == 6
    leaks = [told_by(str(path.relative_to(tmp_path)), path.read_bytes(), secrets) for path in files]
    assert leaks == [[]] * 6


@pytest.mark.parametrize("broken", ["gone from Orthanc", "unreadable"])
def test_the_list_of_missing_cases_names_nobody(
    as_role: Callable[[str], Client], flag: Flag, secrets: set[str], broken: str
) -> None:
    job = flag.result.job
    wrong = "0" * 8 if broken == "gone from Orthanc" else job.chosen["T1"]["orthanc_id"]
    job.chosen = {**job.chosen, "FLAIR": {**job.chosen["FLAIR"], "orthanc_id": wrong}}
    if broken == "unreadable":  # a series that holds no image, as a report
        seg = flag.result.study.series.filter(is_ours=True).first()
        assert seg is not None
        job.chosen["FLAIR"]["orthanc_id"] = seg.orthanc_id
    job.save()
    archive = zipfile.ZipFile(io.BytesIO(b"".join(as_role("admin").get("/worklist/flagged.zip"))))
    assert archive.namelist() == ["not-written.txt"]
    assert told_by("missing", archive.read("not-written.txt"), secrets | {wrong}) == []
    expected = "no longer holds" if broken == "gone from Orthanc" else "cannot be read"
    assert expected in archive.read("not-written.txt").decode()


def test_courses_for_research_hold_nothing_of_the_source(
    as_role: Callable[[str], Client], correctable_study: CorrectableStudy, secrets: set[str]
) -> None:
    study = correctable_study.study
    assert study.study_date is not None
    TreatmentEvent.objects.create(
        patient_id=study.patient_id, kind="surgery", on=study.study_date - timedelta(days=3), by=TYPED[1],
        note=f"told by {TYPED[0]}",
    )  # fmt: skip
    asked = f"?first={study.study_date - timedelta(days=9)}&last={date(2100, 1, 1)}"
    table = as_role("admin").get(f"/cohort/research.csv{asked}").content
    assert Result.objects.counted().count() == 1
    assert len(table.splitlines()) == 2
    assert told_by("cohort-for-research.csv", table, secrets) == []
