from __future__ import annotations

import pytest
from pydicom import dcmread

from orthanc.__main__ import main
from orthanc.errors import OrthancUnavailableError
from orthanc.send import Destination, send_files
from orthanc.server.process import free_port
from orthanc.study_maker import make_study

pytestmark = pytest.mark.stack


@pytest.fixture
def files(four_images, tmp_path, visit):
    return make_study(four_images, tmp_path / "study", visit, "seed")


@pytest.fixture
def destination(orthanc_server, pacs):
    return Destination(orthanc_server.aet, "127.0.0.1", orthanc_server.dicom_port)


def test_files_arrive_and_the_sender_is_known(files, destination, pacs):
    told = []
    report = send_files(files, destination, "MR3T", lambda done, of: told.append((done, of)))
    assert (report.sent, report.failed) == (len(files), ())
    assert told[-1] == (len(files), len(files))
    header = pacs.study_header(pacs.studies()[0])
    assert header.calling_aet == "MR3T"
    assert sum(one.n_images for one in header.series) == len(files)


def test_a_truncated_file_is_reported_and_the_others_are_sent(files, destination, pacs):
    files[3].write_bytes(files[3].read_bytes()[:-10])
    report = send_files(files, destination)
    assert report.sent == len(files) - 1
    assert report.failed[0][0] == files[3]
    assert "cut short" in report.failed[0][1]


def test_compressed_files_arrive_as_they_are(files, destination, pacs):
    from pydicom.uid import RLELossless

    dataset = dcmread(files[0])
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.save_as(files[0])
    assert send_files(files[:2], destination).sent == 2
    stored = pacs.find_instance(dataset.SOPInstanceUID)
    (files[0].parent / "back").write_bytes(pacs.instance_bytes(stored))
    assert dcmread(files[0].parent / "back").file_meta.TransferSyntaxUID == RLELossless


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # pynetdicom forgets its socket
def test_nobody_listening_is_worth_another_try(files, monkeypatch):
    monkeypatch.setattr("orthanc.send.PAUSE_S", 0.01)
    with pytest.raises(OrthancUnavailableError, match="does not accept a connection"):
        send_files(files, Destination("NOBODY", "127.0.0.1", free_port()))


def test_the_command_sends_a_folder(files, destination, pacs, tmp_path, capsys):
    to = f"{destination.aet}@127.0.0.1:{destination.port}"
    assert main(["send", str(tmp_path / "study"), "--to", to, "--from", "MR3T"]) == 0
    assert f"{len(files)} of {len(files)} files sent" in capsys.readouterr().out


def test_the_command_tells_what_it_could_not_send(files, destination, pacs, tmp_path, capsys):
    files[0].write_text("nothing")
    to = f"{destination.aet}@127.0.0.1:{destination.port}"
    assert main(["send", str(tmp_path / "study"), "--to", to]) == 1
    said = capsys.readouterr()
    assert "IM0001.dcm: This is not a DICOM file." in said.err
    assert f"{len(files) - 1} of {len(files)} files sent" in said.out
