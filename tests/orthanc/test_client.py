from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread

import pytest
from pydicom import dcmread

from orthanc.client import OrthancClient
from orthanc.destinations import send_to
from orthanc.errors import NotInOrthancError, OrthancRefusedError, OrthancUnavailableError, RejectedFileError
from orthanc.read import read_series
from orthanc.seg import write_seg
from orthanc.server.process import free_port
from orthanc.sources import read_source
from orthanc.sr import volumes_from_sr, write_sr
from orthanc.study_maker import make_study
from tests.fuzz.scanner import c_store
from tests.orthanc.results import ALGORITHM, VOLUMES, lopsided_labels, places_in_seg, places_of

pytestmark = pytest.mark.stack


@pytest.fixture
def files(four_images, tmp_path, visit):
    return make_study(four_images, tmp_path / "study", visit, "seed")


@pytest.fixture
def study(pacs, files):
    """The study's Orthanc ID, all files stored."""
    stored = [pacs.store(path) for path in files]
    return stored[0].study_orthanc_id


def series_named(header, words):
    return next(one for one in header.series if words in one.description)


def test_a_study_is_read_with_all_that_its_headers_say(pacs, study, files):
    header = pacs.study_header(study)
    first = dcmread(files[0])
    assert header.study_uid == first.StudyInstanceUID
    assert (header.patient_id, header.issuer, header.sex) == ("PAT-1", "HOSPITAL", "F")
    assert [one.series_number for one in header.series] == [3, 4, 5, 9]
    assert sum(one.n_images for one in header.series) == len(files)
    t1ce = series_named(header, "POST")
    assert (t1ce.inversion_time_ms, t1ce.contrast_agent, t1ce.spacing_between_slices_mm) == (
        900,
        "Gadavist",
        1.2,
    )
    assert not t1ce.is_ours


def test_a_late_image_changes_the_digest_of_its_series(pacs, files):
    early = pacs.store(files[0]).study_orthanc_id
    before = pacs.study_header(early).series[0].instances_digest
    pacs.store(files[1])
    assert pacs.study_header(early).series[0].instances_digest != before


def test_a_second_copy_is_told_from_the_first(pacs, files):
    first, second = pacs.store(files[0]), pacs.store(files[0].read_bytes())
    assert (first.already_stored, second.already_stored) == (False, True)
    assert first.orthanc_id == second.orthanc_id
    assert first.sop_uid == dcmread(files[0]).SOPInstanceUID


def test_things_are_found_by_uid(pacs, study, files):
    first = dcmread(files[0])
    assert pacs.find_study(first.StudyInstanceUID) == study
    assert pacs.find_instance(first.SOPInstanceUID) is not None
    series = pacs.find_series(first.SeriesInstanceUID)
    assert pacs.parent_study(series) == study
    assert pacs.find_study("1.2.3.4") is None


@pytest.mark.parametrize("uid", ["*", "", "1.2.*", "1.2\\1.3"])
def test_a_uid_that_would_match_anything_is_refused(pacs, uid):
    with pytest.raises(OrthancRefusedError):
        pacs.find_study(uid)


def test_the_journal_is_read_page_by_page(pacs, study):
    last = pacs.changes(0, 1).last_seq - 1
    seen, done = [], False
    while not done:
        page = pacs.changes(last, 7)
        seen += page.changes
        assert page.last_seq >= last
        last, done = page.last_seq, page.done
    assert [one.seq for one in seen] == sorted({one.seq for one in seen})
    assert study in {one.orthanc_id for one in seen if one.kind == "NewStudy"}
    assert pacs.changes(last, 7).changes == ()


def test_a_series_comes_to_rest(pacs, study):
    series = pacs.study_header(study).series[0]
    deadline = time.monotonic() + 20
    while not pacs.is_series_stable(series.orthanc_id) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert pacs.study_header(study).series[0].is_stable


def test_a_downloaded_series_is_the_one_that_was_sent(pacs, study, files, tmp_path):
    series = series_named(pacs.study_header(study), "FLAIR")
    folder = tmp_path / "deep" / "flair"
    for _ in range(2):
        downloaded = pacs.download_series(series.orthanc_id, folder)
    sent = {path.read_bytes() for path in files if "flair" in path.parent.name}
    assert {path.read_bytes() for path in downloaded} == sent
    assert sorted(folder.iterdir()) == downloaded
    assert [one.name for one in folder.parent.iterdir()] == ["flair"]


def test_a_series_that_is_gone_leaves_no_folder(pacs, tmp_path):
    with pytest.raises(NotInOrthancError):
        pacs.download_series("0" * 44, tmp_path / "series")
    assert list(tmp_path.iterdir()) == []


def test_uploads_are_taken_or_refused_with_a_reason(pacs, files):
    whole = files[0].read_bytes()
    assert pacs.upload_bytes(whole).instances[0].already_stored is False
    assert "cut short" in pacs.upload_bytes(whole[:-50]).reason
    assert "not a DICOM" in pacs.upload_bytes(b"hello").reason
    assert not pacs.upload_bytes(b"hello").accepted


def test_our_results_come_back_with_every_voxel_in_place(pacs, study, tmp_path):
    t1ce = series_named(pacs.study_header(study), "POST")
    downloaded = pacs.download_series(t1ce.orthanc_id, tmp_path / "t1ce")
    labels = lopsided_labels(read_series(downloaded))
    seg = write_seg(labels, read_source(downloaded), ALGORITHM)
    report = write_sr(VOLUMES, seg, read_source(downloaded), ALGORITHM)
    stored = [pacs.store(one) for one in (seg, report)]
    again = [pacs.store(one) for one in (seg, report)]
    assert [one.already_stored for one in (*stored, *again)] == [False, False, True, True]
    seg_back, report_back = (dcmread(BytesIO(pacs.instance_bytes(one.orthanc_id))) for one in stored)
    for segment, label in ((1, 1), (2, 2), (3, 4)):
        assert places_in_seg(seg_back, segment) == places_of(labels, label)
    assert volumes_from_sr(report_back) == {one.compartment: one for one in VOLUMES}


def test_our_results_are_series_of_the_same_study_and_known_as_ours(pacs, study, tmp_path):
    t1ce = series_named(pacs.study_header(study), "POST")
    downloaded = pacs.download_series(t1ce.orthanc_id, tmp_path / "t1ce")
    seg = write_seg(lopsided_labels(read_series(downloaded)), read_source(downloaded), ALGORITHM)
    assert pacs.store(seg).study_orthanc_id == study
    header = pacs.study_header(study)
    assert [one.is_ours for one in header.series] == [False] * 4 + [True]
    assert header.institution == "Demo Hospital"


def test_objects_are_sent_on_to_another_node(pacs, study, orthanc_server):
    pacs.define_modality("itself", orthanc_server.aet, "127.0.0.1", orthanc_server.dicom_port)
    assert "itself" in pacs.modalities()
    pacs.echo_modality("itself")
    send_to(pacs, "itself", [study])
    pacs.define_modality("nobody", "NOBODY", "127.0.0.1", free_port())
    with pytest.raises(OrthancUnavailableError):
        send_to(pacs, "nobody", [study])


def test_a_deleted_study_is_gone(pacs, study):
    pacs.delete_study(study)
    assert pacs.studies() == []
    with pytest.raises(NotInOrthancError):
        pacs.study_header(study)


def test_a_wrong_password_is_hopeless(orthanc_server):
    with OrthancClient(orthanc_server.url, "glioma", "wrong") as client, pytest.raises(OrthancRefusedError):
        client.system()


def test_a_server_that_is_down_is_worth_another_try(tmp_path):
    with OrthancClient(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(OrthancUnavailableError):
            client.system()
        with pytest.raises(OrthancUnavailableError):
            client.download_series("0" * 44, tmp_path / "series")


class Sick(BaseHTTPRequestHandler):
    """Says that the series has two images, then breaks off within the archive; fails everything else."""

    def do_GET(self):
        if self.path.endswith("/archive"):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"PK\x03\x04")
        elif self.path.startswith("/series/"):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"Instances": ["a", "b"]}')
        else:
            self.send_error(503)

    def log_message(self, *args):
        pass


@pytest.fixture
def sick_client():
    with ThreadingHTTPServer(("127.0.0.1", 0), Sick) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with OrthancClient(f"http://127.0.0.1:{server.server_port}") as client:
            yield client
        server.shutdown()


def test_a_failing_server_is_worth_another_try(sick_client):
    with pytest.raises(OrthancUnavailableError, match="503"):
        sick_client.system()


def test_a_download_that_breaks_off_leaves_nothing(sick_client, tmp_path):
    with pytest.raises(OrthancUnavailableError):
        sick_client.download_series("a", tmp_path / "series")
    assert list(tmp_path.iterdir()) == []


def deep_object(path, study_uid, series_uid, number):
    """500 sequences within each other, as another image of a series."""
    dataset = dcmread(path)
    del dataset.PixelData
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, series_uid
    dataset.SOPInstanceUID, dataset.InstanceNumber = f"1.2.7.1.{number}", number
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    written = BytesIO()
    dataset.save_as(written)
    opening = b"\x40\x00\x43\xa0SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    return written.getvalue() + opening * 500 + closing * 500


def test_an_object_that_would_end_orthanc_is_taken_out_unread_and_the_next_study_is_read(
    orthanc_server, pacs, files
):
    assert c_store([deep_object(files[0], "1.2.7", "1.2.7.1", 1)], orthanc_server.dicom_port) == 1
    deep = pacs.find_study("1.2.7")
    with pytest.raises(RejectedFileError, match="sequences within sequences"):
        pacs.study_header(deep)
    assert pacs.find_study("1.2.7") is None
    normal = pacs.store(files[0]).study_orthanc_id
    assert pacs.study_header(normal).study_uid == dcmread(files[0]).StudyInstanceUID


@pytest.mark.parametrize("number", [0, 9999])
def test_one_such_object_among_good_images_is_found_wherever_it_lies(orthanc_server, pacs, files, number):
    stored = [pacs.store(path) for path in files]
    before = pacs.study_header(stored[0].study_orthanc_id)
    first = dcmread(files[0], stop_before_pixels=True)
    hostile = deep_object(files[0], first.StudyInstanceUID, first.SeriesInstanceUID, number)
    assert c_store([hostile], orthanc_server.dicom_port) == 1
    with pytest.raises(RejectedFileError, match="sequences within sequences"):
        pacs.study_header(stored[0].study_orthanc_id)
    assert pacs.study_header(stored[0].study_orthanc_id).series == before.series
    pacs.get_json(f"/dicom-web/studies/{first.StudyInstanceUID}/metadata")  # what a viewer asks for
    assert pacs.system()


def test_the_same_file_is_fetched_once_to_look_how_deep_it_is(pacs, study, monkeypatch):
    orthanc_id = study
    fetched = []
    fetch = pacs.instance_bytes
    monkeypatch.setattr(pacs, "instance_bytes", lambda one: fetched.append(one) or fetch(one))
    monkeypatch.setattr(type(pacs), "_looked_at", set())
    first = pacs.study_header(orthanc_id)
    looked_at = len(fetched)
    assert looked_at == sum(one.n_images for one in first.series) > len(first.series)
    assert pacs.study_header(orthanc_id) == first
    assert len(fetched) == looked_at
