"""The DICOMweb door: who may read what, and what passes in each direction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar, cast

import numpy as np
import pydicom
import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings as DjangoSettings

from frontend.dicomweb import is_open
from frontend.stow import spans
from orthanc.client import OrthancClient
from orthanc.study_maker import VisitDescription, make_study
from review.api_tokens import make_token
from review.models import IntakeProblem
from tests.frontend.conftest import SegmentedStudy
from tests.frontend.synthetic import make_images

LogIn = Callable[[str], Client]
INSTANCE = "studies/1.2/series/1.3/instances/1.4"


def body(answer: object) -> bytes:
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


class RecordingOrthanc(BaseHTTPRequestHandler):
    """Says yes to everything and remembers what it was asked."""

    asked: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, dict(self.headers.items())))
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Set-Cookie", "orthanc=secret")
        self.send_header("Server", "Orthanc")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def recorder(settings: DjangoSettings) -> Iterator[list[tuple[str, dict[str, str]]]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), RecordingOrthanc)
    thread = Thread(target=server.serve_forever)
    thread.start()
    settings.ORTHANC_URL = f"http://127.0.0.1:{server.server_address[1]}"
    settings.ORTHANC_USER, settings.ORTHANC_PASSWORD = "django", "its own password"
    RecordingOrthanc.asked.clear()
    yield RecordingOrthanc.asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "path",
    ["studies", "studies/1.2", "studies/1.2/metadata", "studies/1.2/series", "studies/1.2/instances",
     "studies/1.2/series/1.3", "studies/1.2/series/1.3/metadata", "studies/1.2/series/1.3/instances",
     INSTANCE, f"{INSTANCE}/metadata", f"{INSTANCE}/frames/1", f"{INSTANCE}/frames/1,2,30",
     f"{INSTANCE}/bulk/7fe00010", f"{INSTANCE}/bulk/52009229/1/00289110"],
)  # fmt: skip
def test_what_a_viewer_reads_is_open(path: str) -> None:
    assert is_open(path)


@pytest.mark.parametrize(
    "path",
    ["", "instances", "servers", "servers/x/stow", "studies/../system", "studies/1.2/../../patients",
     "studies/abc", f"{INSTANCE}/rendered", f"{INSTANCE}/frames/x", "studies/1.2/series/1.3/instances/1.4/frames/",
     "studies/1.2\n", "app/explorer.html", f"{INSTANCE}/bulk/../../../../instances", "studies/%2e%2e",
     "studies/..", "studies/../series", "studies/1.2/series/..", "studies/./metadata"],
)  # fmt: skip
def test_everything_else_is_closed(path: str) -> None:
    assert not is_open(path)


def test_nothing_can_be_changed_or_deleted(as_role: LogIn) -> None:
    client = as_role("admin")
    for method in (client.put, client.delete, client.patch):
        assert method("/dicomweb/studies").status_code == 405
    assert client.post("/dicomweb/studies/1.2/series").status_code == 404


@pytest.mark.parametrize("role", ["viewer", "nobody"])
def test_who_may_only_look_cannot_store(as_role: LogIn, recorder: list[object], role: str) -> None:
    assert as_role(role).post("/dicomweb/studies", b"x", content_type="multipart/related").status_code == 403
    assert recorder == []


def test_a_session_needs_the_form_token_to_store(accounts: dict[str, User], recorder: list[object]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(accounts["radiologist"])
    assert client.post("/dicomweb/studies", b"x", content_type="multipart/related").status_code == 403
    assert recorder == []


@pytest.mark.stack
def test_a_service_stores_by_stow_and_reads_back_with_its_token(
    accounts: dict[str, User], orthanc: OrthancClient, tmp_path: Path
) -> None:
    path = make_study(make_images(), tmp_path, VisitDescription("STOW-1"), uid_seed="stow")[0]
    _, token = make_token(accounts["service"], "a test", by="admin")
    dataset = pydicom.dcmread(path)
    part = b"--cut\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n--cut--\r\n"
    headers = {"Authorization": f"Token {token}", "Accept": "application/dicom+json"}
    stored = Client().post(
        "/dicomweb/studies",
        part,
        content_type='multipart/related; type="application/dicom"; boundary=cut',
        headers=headers,
    )
    assert stored.status_code == 200, body(stored)
    assert orthanc.find_instance(dataset.SOPInstanceUID)
    found = Client().get(f"/dicomweb/studies?StudyInstanceUID={dataset.StudyInstanceUID}", headers=headers)
    assert dataset.StudyInstanceUID in body(found).decode()


def stow_body(*objects: bytes) -> bytes:
    head = b"--cut\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(head + one + b"\r\n" for one in objects) + b"--cut--\r\n"


def stow(
    client: Client, data: bytes, kind: str = 'multipart/related; type="application/dicom"; boundary=cut'
) -> Any:
    return client.post("/dicomweb/studies", data, content_type=kind)


@pytest.mark.stack
def test_of_several_objects_the_whole_ones_are_stored_and_the_others_told(
    as_role: LogIn, orthanc: OrthancClient, tmp_path: Path
) -> None:
    good, other = (
        path.read_bytes()
        for path in make_study(make_images(), tmp_path, VisitDescription("STOW-2"), uid_seed="parts")[:2]
    )
    deep = good + b"\x40\x00\x43\xa0SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 3000
    answer = stow(as_role("service"), stow_body(deep, good, other[:2000]))
    assert (answer.status_code, answer.headers["Content-Type"]) == (202, "application/dicom+json")
    told = answer.json()
    assert len(told["00081199"]["Value"]) == 1
    assert len(told["00081198"]["Value"]) == 2
    assert orthanc.find_instance(pydicom.dcmread(BytesIO(good)).SOPInstanceUID)
    reasons = list(IntakeProblem.objects.order_by("pk").values_list("reason", "by"))
    assert [by for _, by in reasons] == ["service", "service"]
    assert "sequences within sequences" in reasons[0][0]
    assert "cut short" in reasons[1][0]


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"x", "application/dicom", "multipart"),
        (b"x", "multipart/related", "boundary"),
        (b"x", "multipart/related; boundary=cut", "no objects"),
        (stow_body(b"x")[:-9], "multipart/related; boundary=cut", "cut off"),
        (stow_body(b"x"), 'multipart/related; type="application/dicom+json"; boundary=cut', "Only"),
    ],
)
def test_a_body_that_is_no_stow_is_a_400_in_words(
    as_role: LogIn, recorder: list[object], data: bytes, kind: str, words: str
) -> None:
    answer = stow(as_role("service"), data, kind)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert recorder == []


def test_where_no_object_is_whole_orthanc_is_not_asked(as_role: LogIn, recorder: list[object]) -> None:
    answer = stow(as_role("service"), stow_body(b"no DICOM", b""))
    assert answer.status_code == 409
    assert len(answer.json()["00081198"]["Value"]) == 2
    assert recorder == []


@given(st.lists(st.binary(max_size=60), max_size=4), st.binary(max_size=9))
def test_the_parts_of_a_body_are_found_as_they_were_put_in(parts: list[bytes], preamble: bytes) -> None:
    whole = (preamble + b"\r\n" if preamble else b"") + stow_body(*parts)
    assert [whole[one.start : one.end] for one in spans(whole, b"cut")] == parts


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("nobody", 403)])
def test_refusals_are_json_not_a_log_in_page(
    client: Client, as_role: LogIn, recorder: list[object], role: str | None, status: int
) -> None:
    answer = (as_role(role) if role else client).get("/dicomweb/studies")
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert recorder == []


def test_nothing_of_the_browser_reaches_orthanc_and_nothing_of_orthanc_the_browser(
    as_role: LogIn, recorder: list[tuple[str, dict[str, str]]]
) -> None:
    answer = as_role("viewer").get(
        "/dicomweb/studies?PatientID=A%26B&includefield=00081030",
        headers={"Authorization": "Basic stolen", "Accept": "application/dicom+json", "X-Odd": "1"},
    )
    assert body(answer) == b"[]"
    [(path, headers)] = recorder
    assert path == "/dicom-web/studies?PatientID=A%26B&includefield=00081030"
    sent = {name.lower(): value for name, value in headers.items()}
    assert sent["accept"] == "application/dicom+json"
    assert sent["authorization"].startswith("Basic ")
    assert sent["forwarded"] == "host=testserver;proto=http"
    assert not {"cookie", "x-odd"} & sent.keys()
    assert not {"Set-Cookie", "Server", "WWW-Authenticate"} & set(answer.headers)
    assert "orthanc" not in answer.cookies


def test_an_orthanc_that_is_away_is_a_502_in_words(as_role: LogIn, settings: DjangoSettings) -> None:
    settings.ORTHANC_URL = "http://127.0.0.1:9"
    answer = as_role("viewer").get("/dicomweb/studies")
    assert answer.status_code == 502
    assert "does not answer" in answer.json()["detail"]


@pytest.mark.stack
class ForgetfulOrthanc(RecordingOrthanc):
    """Answers once on each connection, and hangs up when it is asked again on it, as a server does at its limit."""

    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        self.handle_one_request()
        self.rfile.peek(1)  # type: ignore[attr-defined]


def test_a_connection_that_orthanc_has_closed_costs_no_image(
    as_role: LogIn, settings: DjangoSettings
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), ForgetfulOrthanc)
    Thread(target=server.serve_forever, daemon=True).start()
    settings.ORTHANC_URL = f"http://127.0.0.1:{server.server_address[1]}"
    reader = as_role("viewer")
    answers = [reader.get("/dicomweb/studies") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [body(answer) for answer in answers] == [b"[]"] * 4
    server.shutdown()
    server.server_close()


def test_wrong_credentials_of_ours_are_never_a_question_to_the_browser(
    as_role: LogIn, segmented_study: SegmentedStudy, settings: DjangoSettings
) -> None:
    settings.ORTHANC_PASSWORD = "wrong"
    answer = as_role("viewer").get("/dicomweb/studies")
    assert answer.status_code == 502
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.stack
def test_a_frame_comes_through_to_the_last_bit(as_role: LogIn, segmented_study: SegmentedStudy) -> None:
    image = pydicom.dcmread(segmented_study.files[10])
    answer = as_role("viewer").get(
        f"/dicomweb/studies/{image.StudyInstanceUID}/series/{image.SeriesInstanceUID}"
        f"/instances/{image.SOPInstanceUID}/frames/1",
        headers={"Accept": "multipart/related; type=application/octet-stream"},
    )
    assert answer.status_code == 200
    assert "private" in answer.headers["Cache-Control"]
    content_type = answer.headers["Content-Type"].encode()
    whole = message_from_bytes(b"Content-Type: " + content_type + b"\r\n\r\n" + body(answer))
    [part] = [one for one in whole.walk() if not one.is_multipart()]
    pixels = cast("bytes", part.get_payload(decode=True))[: len(image.PixelData)]
    assert np.array_equal(np.frombuffer(pixels, "<i2"), image.pixel_array.ravel())


@pytest.mark.stack
def test_bulk_data_addresses_in_metadata_lead_back_to_us(
    as_role: LogIn, segmented_study: SegmentedStudy
) -> None:
    client = as_role("viewer")
    result = segmented_study.result
    root = f"/dicomweb/studies/{segmented_study.study.study_uid}/series/{result.seg_series_uid}"
    metadata = body(client.get(f"{root}/metadata", headers={"Accept": "application/dicom+json"}))
    addresses = [word for word in metadata.decode().split('"') if word.startswith("http")]
    assert addresses
    for address in addresses:
        assert address.startswith("http://testserver/dicom-web/studies/")
        bulk = client.get(address.removeprefix("http://testserver"))
        assert bulk.status_code == 200
        assert body(bulk)


@pytest.mark.stack
def test_an_instance_that_is_not_there_is_a_404(as_role: LogIn, segmented_study: SegmentedStudy) -> None:
    answer = as_role("viewer").get(f"/dicomweb/{INSTANCE}/metadata")
    assert answer.status_code == 404
    body(answer)


@given(st.text(alphabet="studiesrancmtblkf/.0123456789%\\\x00\n ?#", max_size=80))
def test_no_path_that_is_open_leads_out_of_its_folder(path: str) -> None:
    if is_open(path):
        parts = path.split("/")
        assert parts[0] == "studies"
        assert all(part.strip(".") for part in parts)
        assert not set(path) & set("%\\\x00\n ?#")


UID_OR_DOTS = st.text("0123456789.", min_size=1, max_size=64)


@given(UID_OR_DOTS, UID_OR_DOTS, UID_OR_DOTS)
def test_no_uid_of_dots_leads_out_of_its_folder(study: str, series: str, instance: str) -> None:
    has_uids = all(part.strip(".") for part in (study, series, instance))
    assert is_open(f"studies/{study}/series/{series}/instances/{instance}/frames/1") == has_uids
