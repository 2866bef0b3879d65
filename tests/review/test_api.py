"""The API: who may ask, what it answers, uploads, and its schema."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.utils import timezone
from drf_spectacular.validation import validate_schema
from pytest_django.fixtures import Settings as DjangoSettings
from rest_framework.test import APIClient

from orthanc.errors import OrthancUnavailableError
from orthanc.types import StoredInstance, StudyHeader, UploadAnswer
from review import api
from review.intake import record_study
from review.models import IntakeProblem, Job, Study, WorkerBeat
from review.models.settings import FollowerState
from review.roles import UserRole
from tests.review.factories import STUDY_UID, VOLUMES, make_job, make_result, make_study, study_header

pytestmark = pytest.mark.django_db


def client_of(role: str | None) -> APIClient:
    """A client logged in with one role; None has an account without any."""
    user = User.objects.create_user(f"user-{role}")
    if role:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def viewer() -> APIClient:
    return client_of("viewer")


@pytest.fixture
def radiologist() -> APIClient:
    return client_of("radiologist")


class FakeOrthanc:
    """Takes everything that starts with "DICM" into one study, and says why it does not take the rest."""

    away = False

    def __enter__(self) -> FakeOrthanc:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def upload_bytes(self, data: bytes) -> UploadAnswer:
        if self.away:
            raise OrthancUnavailableError("refused")
        if not data.startswith(b"DICM"):
            return UploadAnswer(accepted=False, reason="Not a DICOM file.")
        stored = StoredInstance("1.2", "i-1", already_stored=b"again" in data, study_orthanc_id="o-1")
        return UploadAnswer(accepted=True, instances=(stored,))

    def study_header(self, orthanc_id: str) -> StudyHeader:
        return study_header(orthanc_id=orthanc_id)


@pytest.fixture
def pacs(monkeypatch: pytest.MonkeyPatch) -> FakeOrthanc:
    fake = FakeOrthanc()
    monkeypatch.setattr(api, "connect", lambda: fake)
    return fake


GETS = ["/api/studies/", f"/api/studies/{STUDY_UID}/", "/api/problems/", "/api/schema/", "/api/docs/"]


@pytest.mark.parametrize("path", [*GETS, "/api/health/"])
def test_strangers_get_nothing(path: str) -> None:
    assert APIClient().get(path).status_code == 401
    assert client_of(None).get(path).status_code == 403


@pytest.mark.parametrize("role", UserRole)
def test_every_role_may_read(role: str) -> None:
    make_study()
    client = client_of(role)
    assert {path: client.get(path).status_code for path in GETS} == dict.fromkeys(GETS, 200)


@pytest.mark.parametrize(
    ("role", "status"), [("viewer", 403), ("radiologist", 409), ("admin", 409), ("service", 409)]
)
def test_viewers_may_not_try_again(role: str, status: int, pacs: FakeOrthanc) -> None:
    make_job()
    assert client_of(role).post(f"/api/studies/{STUDY_UID}/retry/").status_code == status


def test_viewers_may_not_upload(viewer: APIClient) -> None:
    assert viewer.post("/api/upload/", {"files": []}).status_code == 403


def test_the_token_of_the_service_opens_the_api() -> None:
    written = io.StringIO()
    call_command("accounts", stdout=written)
    token = json.loads(written.getvalue())["service"]["token"]
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    assert client.get("/api/studies/").status_code == 200


def test_a_finished_study_tells_its_stored_volumes_model_and_objects(viewer: APIClient) -> None:
    make_result(make_job(phase="preop"), warnings=["Small brain."])
    answer = viewer.get(f"/api/studies/{STUDY_UID}/").json()
    assert answer["state"] == "done"
    result = answer["result"]
    assert result["volumes"] == {
        region.value: {"ml": float(ml), "low_ml": float(low), "high_ml": float(high)}
        for region, (ml, low, high) in VOLUMES.items()
    }
    assert result["model"] == {"name": "demo", "version": "1", "is_demo": True, "statement": "A demo model."}
    assert result["dicom"]["seg_sop_uid"] == "1.9.1"
    assert (result["warnings"], result["phase"]) == (["Small brain."], "preop")


def test_a_study_tells_its_series_with_role_confidence_reason_and_choice(
    viewer: APIClient, model: Path
) -> None:
    record_study(study_header())
    answer = viewer.get(f"/api/studies/{STUDY_UID}/").json()
    chosen = {one["role"]: one for one in answer["series"] if one["is_chosen"]}
    assert set(chosen) == {"T1", "T1CE", "T2", "FLAIR"}
    assert all(one["role_confidence"] > 0 and one["role_reason"] for one in chosen.values())
    assert answer["rule"] == "MR studies"


def test_a_study_tells_the_seconds_of_each_stage(viewer: APIClient) -> None:
    start = timezone.now() - timedelta(seconds=60)
    seconds = {"prepare_queue": 1.0, "prepare": 30.0}
    make_job(seconds=seconds, queued_first_at=start, finished_at=start + timedelta(seconds=50))
    answer = viewer.get(f"/api/studies/{STUDY_UID}/").json()
    assert answer["seconds"] == {**seconds, "total": 50.0}


def test_an_unknown_study_is_a_404_with_words(viewer: APIClient) -> None:
    answer = viewer.get("/api/studies/1.2.3/")
    assert (answer.status_code, answer.json()) == (404, {"detail": "No study with this UID has come in."})


@pytest.mark.parametrize(
    ("query", "uids"),
    [
        ("", ["1.3", "1.2", "1.1"]),
        ("state=done", ["1.2"]),
        ("state=done&state=failed", ["1.3", "1.2"]),
        ("patient_id=A", ["1.2", "1.1"]),
        ("search=doe%20x1", ["1.1"]),
        ("search=1.2", ["1.2"]),
        ("search=nothing", []),
        ("order=patient", ["1.1", "1.2", "1.3"]),
        ("since={since}", ["1.3"]),
    ],
)
def test_the_list_is_filtered_and_sorted(viewer: APIClient, query: str, uids: list[str]) -> None:
    now = timezone.now()
    for number, (uid, fields) in enumerate(
        [
            ("1.1", {"patient_id": "A", "patient_name": "Doe^Ann", "accession_number": "X1"}),
            ("1.2", {"patient_id": "A", "patient_name": "Doe^Ann", "state": "done"}),
            ("1.3", {"patient_id": "B", "patient_name": "Roe^Ben", "state": "failed"}),
        ]
    ):
        make_study(uid, **fields, changed_at=now + timedelta(minutes=number))
    since = (now + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    answer = viewer.get(f"/api/studies/?{query.format(since=since)}").json()
    assert [study["study_uid"] for study in answer["results"]] == uids


@pytest.mark.parametrize("query", ["state=lost", "since=yesterday", "order=colour"])
def test_a_filter_that_makes_no_sense_is_refused(viewer: APIClient, query: str) -> None:
    assert viewer.get(f"/api/studies/?{query}").status_code == 400


def test_a_long_list_needs_no_query_per_study(
    viewer: APIClient, django_assert_max_num_queries: object
) -> None:
    for number in range(12):
        make_result(make_job(make_study(f"1.{number}")))
    with django_assert_max_num_queries(11):  # type: ignore[operator]
        assert len(viewer.get("/api/studies/").json()["results"]) == 12


def test_a_failed_study_is_tried_again_from_its_first_stage(
    radiologist: APIClient, pacs: FakeOrthanc, sent: list[str], django_capture_on_commit_callbacks: object
) -> None:
    make_job(stage=Job.Stage.INFER)
    Job.objects.claim(Job.Stage.INFER, "me", 20).fail("broken")
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        answer = radiologist.post(f"/api/studies/{STUDY_UID}/retry/")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    job = Job.objects.get()
    assert (job.stage, job.state, job.requested_by) == ("prepare", "queued", "user-radiologist")
    assert sent == ["prepare"]


def test_a_study_done_with_the_active_model_is_not_done_again(
    radiologist: APIClient, pacs: FakeOrthanc, model: Path
) -> None:
    make_result(record_study(study_header()).jobs.get())
    answer = radiologist.post(f"/api/studies/{STUDY_UID}/retry/")
    assert answer.status_code == 409
    assert "active" in answer.json()["detail"]


def test_a_study_is_processed_again_when_a_newer_model_is_installed(
    radiologist: APIClient, pacs: FakeOrthanc, install_model: object
) -> None:
    install_model()  # type: ignore[operator]
    make_result(record_study(study_header()).jobs.get())
    install_model("own", "2", rank=80)  # type: ignore[operator]
    assert radiologist.post(f"/api/studies/{STUDY_UID}/retry/").status_code == 202
    assert sorted(Job.objects.values_list("model_name", flat=True)) == ["demo", "own"]
    assert Study.objects.get().current_result.model_name == "demo"


def test_a_study_that_gave_up_waiting_is_looked_at_again(
    radiologist: APIClient, pacs: FakeOrthanc, model: Path
) -> None:
    make_study(orthanc_id="o-1", state=Study.State.INCOMPLETE, wait_deadline=timezone.now())
    answer = radiologist.post(f"/api/studies/{STUDY_UID}/retry/")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def upload(client: APIClient, *files: tuple[str, bytes]) -> dict[str, object]:
    sent_files = [SimpleUploadedFile(name, data) for name, data in files]
    answer = client.post("/api/upload/", {"files": sent_files}, format="multipart")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_an_upload_says_of_every_file_what_became_of_it(
    radiologist: APIClient, pacs: FakeOrthanc, model: Path
) -> None:
    archive = zipped(
        **{"a/1.dcm": b"DICM1", "a/2.dcm": b"DICM again", "DICOMDIR": b"x", "a/note.txt": b"hello"}
    )
    report = upload(radiologist, ("study.zip", archive), ("one.dcm", b"DICM3"), ("photo.jpg", b"JFIF"))
    assert (report["accepted"], report["rejected"]) == (3, 2)
    assert report["study_uids"] == [STUDY_UID]
    outcomes = {
        one["name"]: (one["accepted"], one["already_stored"], one["reason"]) for one in report["files"]
    }  # type: ignore[union-attr, index, attr-defined]
    assert outcomes == {
        "study.zip/a/1.dcm": (True, False, ""),
        "study.zip/a/2.dcm": (True, True, ""),
        "study.zip/a/note.txt": (False, False, "Not a DICOM file."),
        "one.dcm": (True, False, ""),
        "photo.jpg": (False, False, "Not a DICOM file."),
    }


def test_refused_files_are_on_the_problem_list(
    radiologist: APIClient, viewer: APIClient, pacs: FakeOrthanc
) -> None:
    upload(radiologist, ("photo.jpg", b"JFIF"))
    (problem,) = viewer.get("/api/problems/").json()["results"]
    assert (problem["name"], problem["reason"]) == ("photo.jpg", "Not a DICOM file.")
    assert (problem["source"], problem["by"]) == ("upload", "user-radiologist")


def test_an_uploaded_study_is_on_the_worklist_at_once(
    radiologist: APIClient, pacs: FakeOrthanc, model: Path
) -> None:
    upload(radiologist, ("one.dcm", b"DICM"))
    assert Study.objects.get().state == Study.State.QUEUED


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04 cut off", "cut off"),
        (zipped(), "holds no files"),
        (zipped(a=b"DICM" * 99)[:150] + zipped(a=b"DICM" * 99)[160:], "The archive"),
    ],
)
def test_a_damaged_archive_is_refused_with_words(
    radiologist: APIClient, pacs: FakeOrthanc, data: bytes, words: str
) -> None:
    report = upload(radiologist, ("study.zip", data))
    assert report["accepted"] == 0
    assert words in IntakeProblem.objects.get().reason


def test_an_upload_while_orthanc_is_away_is_a_503_with_words(
    radiologist: APIClient, pacs: FakeOrthanc
) -> None:
    pacs.away = True
    file = SimpleUploadedFile("one.dcm", b"DICM")
    answer = radiologist.post("/api/upload/", {"files": [file]}, format="multipart")
    assert answer.status_code == 503
    assert "Orthanc" in answer.json()["detail"]


def test_an_upload_without_files_is_a_400(radiologist: APIClient) -> None:
    assert radiologist.post("/api/upload/", {}, format="multipart").status_code == 400


def test_the_nudge_needs_its_own_token(settings: DjangoSettings, admin_client: object) -> None:
    settings.NUDGE_TOKEN = "secret"
    client = APIClient()
    assert client.post("/api/nudge/", {}, format="json").status_code == 403
    client.credentials(HTTP_AUTHORIZATION="Token wrong")
    assert client.post("/api/nudge/", {}, format="json").status_code == 403
    client.credentials(HTTP_AUTHORIZATION="Token secret")
    assert client.post("/api/nudge/", {"level": "Study"}, format="json").status_code == 204


def test_without_a_token_in_the_settings_no_nudge_is_taken(settings: DjangoSettings) -> None:
    settings.NUDGE_TOKEN = ""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Token ")
    assert client.post("/api/nudge/", {}, format="json").status_code == 403


def test_health_names_what_is_wrong_and_is_well_when_nothing_is(
    viewer: APIClient, settings: DjangoSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ORTHANC_URL = "http://127.0.0.1:9"
    sick = viewer.get("/api/health/").json()
    assert (sick["ok"], sick["follower_alive"], sick["workers"]) == (False, False, [])
    assert sick["orthanc_trouble"]
    FollowerState.load().beat()
    WorkerBeat.beat("a:1", ["cpu"])
    WorkerBeat.beat("a:2", ["gpu"])
    monkeypatch.setattr("review.health._ask_orthanc", lambda: ("1.10.1", ""))
    well = viewer.get("/api/health/").json()
    assert well["ok"], well
    WorkerBeat.objects.filter(name="a:2").update(seen_at=timezone.now() - timedelta(minutes=5))
    assert not viewer.get("/api/health/").json()["ok"]


def test_the_schema_is_valid_and_complete_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator

    GENERATOR_STATS.reset()
    schema = SchemaGenerator().get_schema(public=True)
    validate_schema(schema)
    assert not GENERATOR_STATS, capsys.readouterr().err
    assert set(schema["paths"]) == {
        "/api/studies/", "/api/studies/{study_uid}/", "/api/studies/{study_uid}/retry/", "/api/upload/",
        "/api/problems/", "/api/alerts/", "/api/studies/{study_uid}/series-roles/", "/api/health/", "/api/nudge/",
        "/api/patients/{study_uid}/timeline/", "/api/patients/{study_uid}/events/",
        "/api/patients/{study_uid}/reading/", "/api/events/{event_id}/", "/api/links/{link_id}/", "/api/cohort/",
        "/api/patients/{study_uid}/links/",
        "/api/results/{result_id}/flags/", "/api/results/{result_id}/acceptance/", "/api/flags/{flag_id}/undo/",
        "/api/flags/{flag_id}/opinions/", "/api/corrections/{correction_id}/undo/",
        "/api/studies/{study_uid}/corrections/",
        "/api/studies/{study_uid}/model/", "/api/deliveries/{delivery_id}/retry/",
        "/api/studies/{study_uid}/fhir/",
        "/api/studies/{study_uid}/reports/", "/api/studies/{study_uid}/uncertainty/",
    }  # fmt: skip


def test_the_documentation_page_takes_nothing_from_elsewhere(viewer: APIClient) -> None:
    page = viewer.get("/api/docs/").content.decode()
    assert "cdn" not in page
    assert "swagger-ui" in page


def test_accounts_are_made_once_and_kept_in_a_file_of_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    call_command("accounts", "--file", str(path), stdout=io.StringIO())
    first = json.loads(path.read_text())
    call_command("accounts", "--file", str(path), stdout=io.StringIO())
    assert json.loads(path.read_text()) == first
    assert set(first) == {"admin", "radiologist", "viewer", "service"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for role in ("admin", "radiologist", "viewer"):
        user = User.objects.get(username=first[role]["username"])
        assert user.check_password(first[role]["password"])
        assert [group.name for group in user.groups.all()] == [role]
        assert user.is_superuser == (role == "admin")
