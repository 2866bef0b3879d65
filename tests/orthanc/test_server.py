from __future__ import annotations

import json
import os
import socket
import stat
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from orthanc.destinations import known_destinations
from orthanc.errors import NoServerError
from orthanc.server import configuration as configuring
from orthanc.server.configuration import (
    DicomWebServer,
    OrthancInstallation,
    OrthancSettings,
    find_orthanc,
    read_dicomweb_servers,
    write_configuration,
)
from orthanc.server.process import free_port, start_orthanc
from orthanc.study_maker import make_study

SETTINGS = {"http_port": 8042, "dicom_port": 4242, "username": "glioma", "password": "secret"}
INSTALLATION = OrthancInstallation(Path("/sbin/Orthanc"), Path("/plugins/libOrthancDicomWeb.so"))


def test_the_configuration_can_be_read_by_its_owner_only(tmp_path):
    path = write_configuration(OrthancSettings(tmp_path / "new", **SETTINGS), INSTALLATION)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = json.loads(path.read_text())
    assert written["RegisteredUsers"] == {"glioma": "secret"}
    assert written["Plugins"] == ["/plugins/libOrthancDicomWeb.so"]
    assert written["RemoteAccessAllowed"] is False
    assert Path(written["StorageDirectory"]).is_absolute()


def test_dicomweb_servers_are_read_from_one_line():
    vna, other = read_dicomweb_servers(
        "VNA=https://ann:p%40ss@vna.example.org:8443/dicom-web/, OTHER=http://10.0.0.7/"
    )
    assert vna == DicomWebServer("VNA", "https://vna.example.org:8443/dicom-web/", "ann", "p@ss")
    assert other == DicomWebServer("OTHER", "http://10.0.0.7/")
    assert read_dicomweb_servers("") == ()


@pytest.mark.parametrize(
    "text", ["https://vna.example.org/", "VNA=vna.example.org", "V A=https://x/", "VNA="]
)
def test_a_badly_written_dicomweb_server_is_said_without_its_password(text):
    with pytest.raises(ValueError, match="NAME=https://user:password@host"):
        read_dicomweb_servers(text)


@pytest.mark.stack
def test_orthanc_knows_the_dicomweb_servers_of_its_configuration(tmp_path):
    server = DicomWebServer("VNA", "https://vna.example.org/dicom-web/", "ann", "secret")
    with start_orthanc(tmp_path, dicomweb_servers=(server,)) as running, running.client() as pacs:
        assert "dicomweb:VNA" in known_destinations(pacs)


def test_a_missing_server_or_plugin_is_said_with_what_to_install(monkeypatch):
    monkeypatch.setattr(configuring, "PLUGIN_PLACES", ())
    monkeypatch.setattr(configuring.shutil, "which", lambda *_, **__: "/sbin/Orthanc")
    with pytest.raises(NoServerError, match="apt install orthanc-dicomweb"):
        find_orthanc()
    monkeypatch.setattr(configuring.shutil, "which", lambda *_, **__: None)
    with pytest.raises(NoServerError, match=r"apt install orthanc\)"):
        find_orthanc()


@pytest.mark.stack
def test_dicomweb_answers_with_the_password_and_not_without(orthanc_server):
    url = f"{orthanc_server.url}/dicom-web/studies"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, auth=(orthanc_server.username, orthanc_server.password)).status_code == 200


@pytest.mark.stack
def test_a_port_in_use_is_said(tmp_path):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(NoServerError, match="did not start"), start_orthanc(tmp_path, dicom_port=port):
            pass


@pytest.mark.stack
def test_what_was_stored_survives_a_restart(tmp_path, four_images, visit):
    files = make_study({"t1": four_images["t1"]}, tmp_path / "study", visit, "seed")
    for expected in (0, 1):
        with start_orthanc(tmp_path / "orthanc") as running, running.client() as client:
            assert len(client.studies()) == expected
            client.store(files[0])
        with pytest.raises(ProcessLookupError):
            os.kill(running.pid, 0)


class Listener(BaseHTTPRequestHandler):
    """Keeps what it is told."""

    heard: list[tuple[str, dict]] = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.heard.append((self.headers["Authorization"], body))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


def wait_for(condition, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(condition())


@pytest.mark.stack
def test_a_study_at_rest_nudges_the_web_server(tmp_path, four_images, visit):
    Listener.heard.clear()
    files = make_study({"t1": four_images["t1"]}, tmp_path / "study", visit, "seed")
    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as web:
        Thread(target=web.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{web.server_port}/nudge/"
        with (
            start_orthanc(tmp_path / "orthanc", nudge_url=url, nudge_token="word") as running,
            running.client() as client,
        ):
            stored = client.store(files[0])
            assert wait_for(lambda: len(Listener.heard) >= 2)
        web.shutdown()
    assert {token for token, _ in Listener.heard} == {"Token word"}
    assert {"level": "Study", "orthanc_id": stored.study_orthanc_id} in [body for _, body in Listener.heard]
    assert {"level": "Series", "orthanc_id": stored.series_orthanc_id} in [body for _, body in Listener.heard]


@pytest.fixture
def hanging_port():
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()  # takes the connection and never answers
        yield hanging.getsockname()[1]


@pytest.mark.stack
@pytest.mark.parametrize("is_hanging", [True, False], ids=["hangs", "is down"])
def test_a_web_server_that_does_not_answer_does_not_hold_orthanc_up(
    is_hanging, hanging_port, tmp_path, four_images, visit
):
    files = make_study(four_images, tmp_path / "study", visit, "seed")
    folder = tmp_path / "orthanc"
    url = f"http://127.0.0.1:{hanging_port if is_hanging else free_port()}/nudge/"
    with start_orthanc(folder, nudge_url=url, nudge_token="word") as running, running.client() as client:
        stored = [client.store(path) for path in files]
        study = stored[0].study_orthanc_id
        assert wait_for(lambda: all(one.is_stable for one in client.study_header(study).series))
        assert wait_for(lambda: "did not take the nudge" in (folder / "orthanc.log").read_text())
        journal = client.changes(0, 1000).changes
        assert len([one for one in journal if one.kind == "NewInstance"]) == len(files)
