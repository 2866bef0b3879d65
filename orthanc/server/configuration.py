"""Writes orthanc.json: what our Orthanc listens on, keeps, accepts and tells."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from orthanc.errors import NoServerError

NUDGE_SCRIPT = Path(__file__).with_name("nudge.lua")
SERVER_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/opt/orthanc/bin")
PLUGIN_PLACES = (
    "/usr/share/orthanc/plugins",
    "/usr/local/share/orthanc/plugins",
    "/usr/lib/orthanc",
    "/opt/orthanc/plugins",
)
DICOMWEB_PLUGIN = "libOrthancDicomWeb.so"


@dataclass(frozen=True, slots=True)
class OrthancInstallation:
    """The server's program and the plugin that we need."""

    server: Path
    dicomweb_plugin: Path


@dataclass(frozen=True, slots=True)
class DicomWebServer:
    """Another archive that takes results by STOW-RS."""

    name: str
    url: str
    username: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class OrthancSettings:
    """What differs between one installation and another.

    `allow_remote_http` opens REST to other machines; DICOM is always open to them. With an empty
    `nudge_url` Orthanc tells nobody, and the follower finds studies by itself.
    """

    folder: Path
    http_port: int
    dicom_port: int
    username: str
    password: str
    aet: str = "GLIOMA"
    nudge_url: str = ""
    nudge_token: str = ""
    allow_remote_http: bool = False
    stable_age_s: int = 3
    dicomweb_servers: tuple[DicomWebServer, ...] = ()


def read_dicomweb_servers(text: str) -> tuple[DicomWebServer, ...]:
    """Servers as one line: `VNA=https://user:password@vna.example.org/dicom-web/,OTHER=https://...`.

    Raises:
        ValueError: a part has no name or no http address; the text is for who wrote it, without the password.
    """
    return tuple(_server(part.strip()) for part in text.split(",") if part.strip())


def _server(part: str) -> DicomWebServer:
    name, _, address = part.partition("=")
    name, url = name.strip(), urlsplit(address.strip())
    if (
        not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name)
        or url.scheme not in ("http", "https")
        or not url.hostname
    ):
        raise ValueError(
            f"DICOMWEB_SERVERS: “{name[:64]}” needs to be written as NAME=https://user:password@host/dicom-web/."
        )
    plain = urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, url.query, ""))
    return DicomWebServer(name, plain, unquote(url.username or ""), unquote(url.password or ""))


def find_orthanc() -> OrthancInstallation:
    """Where Orthanc and its DICOMweb plugin are installed.

    Raises:
        NoServerError: one of them is not; the text says how to install it.
    """
    server = shutil.which("Orthanc", path=os.pathsep.join((os.environ.get("PATH", ""), *SERVER_PLACES)))
    if server is None:
        raise NoServerError("Orthanc is not installed (on Debian and Ubuntu: apt install orthanc).")
    for place in PLUGIN_PLACES:
        # Debian keeps the plugin in a folder by version and links to it.
        found = sorted(Path(place).glob(f"{DICOMWEB_PLUGIN}*"))
        if found:
            return OrthancInstallation(Path(server), found[0])
    raise NoServerError(
        "Orthanc's DICOMweb plugin is not installed (on Debian and Ubuntu: apt install orthanc-dicomweb)."
    )


def write_configuration(settings: OrthancSettings, installation: OrthancInstallation | None = None) -> Path:
    """Write orthanc.json into the settings' folder, readable by the owner only, and return its path.

    Raises:
        NoServerError: no installation was given and none is found.
    """
    installation = installation or find_orthanc()
    settings.folder.mkdir(parents=True, exist_ok=True)
    path = settings.folder / "orthanc.json"
    text = json.dumps(configuration(settings, installation), indent=2) + "\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return path


def configuration(settings: OrthancSettings, installation: OrthancInstallation) -> dict[str, Any]:
    """Orthanc's configuration as it will be written."""
    return {
        "Name": "Glioma Review",
        "StorageDirectory": str(settings.folder.resolve() / "storage"),
        "IndexDirectory": str(settings.folder.resolve() / "index"),
        # Explicit files: a folder would load every plugin that happens to be installed.
        "Plugins": [str(installation.dicomweb_plugin)],
        "LuaScripts": [str(NUDGE_SCRIPT)],
        **_http(settings),
        **_dicom(settings),
        **_keeping(settings),
        "DicomWeb": {
            "Enable": True,
            "Root": "/dicom-web/",
            "EnableWado": True,
            "WadoRoot": "/wado",
            "StudiesMetadata": "Full",
            "SeriesMetadata": "Full",
            "PublicRoot": "/dicom-web/",
            "Servers": {
                one.name: {"Url": one.url, "Username": one.username, "Password": one.password}
                for one in settings.dicomweb_servers
            },
        },
        "GliomaReview": {"NudgeUrl": settings.nudge_url, "NudgeToken": settings.nudge_token}
        if settings.nudge_url
        else {},
    }


def _http(settings: OrthancSettings) -> dict[str, Any]:
    return {
        "HttpPort": settings.http_port,
        "RemoteAccessAllowed": settings.allow_remote_http,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {settings.username: settings.password},
        "ExecuteLuaEnabled": False,
        "KeepAlive": True,
        "TcpNoDelay": True,
        # Of requests that Orthanc makes, which are our nudges: a web server that hangs holds up events.
        "HttpTimeout": 3,
        "HttpRequestTimeout": 300,
    }


def _dicom(settings: OrthancSettings) -> dict[str, Any]:
    return {
        "DicomServerEnabled": True,
        "DicomAet": settings.aet,
        "DicomPort": settings.dicom_port,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": False,
        "DicomAlwaysAllowGet": False,
        "DicomCheckModalityHost": False,
        "DicomModalitiesInDatabase": True,
        "UnknownSopClassAccepted": True,
        "AcceptedTransferSyntaxes": ["1.2.840.10008.1.*"],
        "DicomScuTimeout": 30,
        "DicomScpTimeout": 60,
    }


def _keeping(settings: OrthancSettings) -> dict[str, Any]:
    return {
        "StableAge": settings.stable_age_s,
        "OverwriteInstances": False,
        "StorageCompression": False,
        "MaximumStorageSize": 0,
        "MaximumPatientCount": 0,
        "SaveJobs": True,
        "ConcurrentJobs": 2,
        "LogExportedResources": False,
    }
