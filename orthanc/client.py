"""What we ask of Orthanc over REST, with failures told apart: try again later, or hopeless."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import httpx
from pydicom import dcmread
from pydicom.dataset import Dataset
from pyorthanc import Orthanc

from orthanc.errors import (
    NotInOrthancError,
    OrthancRefusedError,
    OrthancUnavailableError,
    RejectedFileError,
)
from orthanc.headers import instance_place, series_header, study_header
from orthanc.intake import TOO_DEEP, check_dicom, is_too_deep
from orthanc.types import Change, ChangePage, SeriesHeader, StoredInstance, StudyHeader, UploadAnswer

MOST_REMEMBERED = 200_000
"""Files that were looked at: those of some hundred studies."""
KEPT_S = 0.25
"""Orthanc closes a connection that was idle for half a second: one of ours must not be older when it is used again."""
UID_PATTERN = re.compile(r"[0-9.]{1,64}")


class OrthancClient:
    """One Orthanc server. Every method raises `OrthancUnavailableError` where another try may help.

    What is not there raises `NotInOrthancError`, what Orthanc will not do `OrthancRefusedError`.
    """

    _looked_at: ClassVar[set[str]] = set()
    """Names that Orthanc gave to files: the same for all clients of a process, which come and go."""

    def __init__(self, url: str, username: str = "", password: str = "", timeout_s: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._pacs = Orthanc(
            self.url,
            username or None,
            password or None,
            return_raw_response=True,
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 5.0)),
            limits=httpx.Limits(keepalive_expiry=KEPT_S),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._pacs.close()

    # Reading

    def system(self) -> dict[str, Any]:
        """Version, name and AE title of the server."""
        return self._ask(self._pacs.get_system).json()

    def check_files(self) -> None:
        """Let the server read one of its files; raises `OrthancUnavailableError` where its disk is away."""
        some = self._ask(self._pacs.get_instances, params={"limit": 1, "since": 0}).json()
        for instance in some[:1]:
            self._ask(
                self._pacs.post, f"{self.url}/instances/{instance}/attachments/dicom/verify-md5", json={}
            )

    def changes(self, since: int, limit: int = 100) -> ChangePage:
        """The journal after sequence number `since`, at most `limit` lines."""
        page = self._ask(self._pacs.get_changes, params={"since": since, "limit": limit}).json()
        return ChangePage(
            changes=tuple(
                Change(int(one["Seq"]), one["ChangeType"], one["ResourceType"], one["ID"])
                for one in page["Changes"]
            ),
            last_seq=int(page["Last"]),
            done=bool(page["Done"]),
        )

    def study_header(self, orthanc_id: str) -> StudyHeader:
        """The study with the headers of its series, each from a typical image of it.

        Raises:
            RejectedFileError: an object was found that nobody can read; it is gone now.
        """
        resources = self._ask(self._pacs.get_studies_id_series, orthanc_id).json()
        if not resources:
            raise NotInOrthancError(f"Study {orthanc_id} has no series in Orthanc.")
        read = [self._read_series(resource) for resource in resources]
        series = sorted((one for one, _, _ in read), key=lambda one: (one.series_number or 0, one.series_uid))
        # Patient and study words come from an image of a scanner, not from a result stored later.
        _, tags, instance_id = min(read, key=lambda one: (one[0].is_ours, one[0].series_number or 0))
        return study_header(tags, series, orthanc_id=orthanc_id, calling_aet=self._calling_aet(instance_id))

    def images_by_series(self, orthanc_id: str) -> dict[str, int]:
        """How many images a study has, by the UID of each series."""
        resources = self._ask(self._pacs.get_studies_id_series, orthanc_id).json()
        return {one["MainDicomTags"]["SeriesInstanceUID"]: len(one["Instances"]) for one in resources}

    def _read_series(self, resource: dict[str, Any]) -> tuple[SeriesHeader, dict[str, Any], str]:
        """Header, tags and Orthanc ID of a typical image of one series resource."""
        instances = self._ask(self._pacs.get_series_id_instances, resource["ID"]).json()
        if not instances:
            raise NotInOrthancError(f"Series {resource['ID']} has no images in Orthanc.")
        in_order = sorted(instances, key=lambda one: (one.get("IndexInSeries") or 0, one["ID"]))
        typical_id = in_order[len(in_order) // 2]["ID"]
        self._refuse_depth(instances)
        tags = self._ask(self._pacs.get_instances_id_simplified_tags, typical_id).json()
        header = series_header(
            tags,
            [instance_place(one["MainDicomTags"]) for one in instances],
            orthanc_id=resource["ID"],
            is_stable=bool(resource.get("IsStable")),
        )
        return header, tags, typical_id

    def _refuse_depth(self, instances: list[dict[str, Any]]) -> None:
        """Take out of Orthanc what would end it when it is read; to give the files, it need not read them.

        Every file is looked at, and once: one among good ones would end Orthanc when a viewer opens the study.
        """
        new = [one for one in instances if one["FileUuid"] not in self._looked_at]
        deep = [one["ID"] for one in new if is_too_deep(self.instance_bytes(one["ID"]))]
        for instance_id in deep:
            self.delete_instance(instance_id)
        if deep:
            raise RejectedFileError(f"{TOO_DEEP} The object was removed from Orthanc, which cannot read it.")
        if len(self._looked_at) >= MOST_REMEMBERED:
            self._looked_at.clear()
        self._looked_at.update(one["FileUuid"] for one in new)

    def _calling_aet(self, instance_id: str) -> str:
        """Who sent the image by C-STORE; "" for every other way."""
        metadata = self._ask(
            self._pacs.get, f"{self.url}/instances/{instance_id}/metadata", params={"expand": ""}
        )
        return str(metadata.json().get("RemoteAET", ""))

    def parent_study(self, orthanc_series_id: str) -> str:
        """The Orthanc ID of the study that a series belongs to."""
        return str(self._ask(self._pacs.get_series_id, orthanc_series_id).json()["ParentStudy"])

    def study_of_instance(self, orthanc_instance_id: str) -> str:
        """The Orthanc ID of the study that an instance belongs to."""
        return str(self._ask(self._pacs.get_instances_id_study, orthanc_instance_id).json()["ID"])

    def sop_uids(self, orthanc_series_id: str) -> list[str]:
        """The SOP Instance UIDs of a series, sorted."""
        instances = self._ask(self._pacs.get_series_id_instances, orthanc_series_id).json()
        return sorted(one["MainDicomTags"]["SOPInstanceUID"] for one in instances)

    def is_series_stable(self, orthanc_id: str) -> bool:
        """Whether no image of the series arrived within Orthanc's StableAge."""
        return bool(self._ask(self._pacs.get_series_id, orthanc_id).json()["IsStable"])

    def find_study(self, study_uid: str) -> str | None:
        """The Orthanc ID of a study, or None."""
        return self._find("Study", "StudyInstanceUID", study_uid)

    def find_series(self, series_uid: str) -> str | None:
        """The Orthanc ID of a series, or None."""
        return self._find("Series", "SeriesInstanceUID", series_uid)

    def find_instance(self, sop_uid: str) -> str | None:
        """The Orthanc ID of an instance, or None."""
        return self._find("Instance", "SOPInstanceUID", sop_uid)

    def _find(self, level: str, tag: str, uid: str) -> str | None:
        if not UID_PATTERN.fullmatch(uid):  # "*" would match everything
            raise OrthancRefusedError(f"{uid!r} is not a DICOM UID.")
        found = self._ask(self._pacs.post_tools_find, json={"Level": level, "Query": {tag: uid}}).json()
        return str(found[0]) if found else None

    def studies(self) -> list[str]:
        """The Orthanc IDs of all studies."""
        return list(self._ask(self._pacs.get_studies).json())

    def instance_bytes(self, orthanc_id: str) -> bytes:
        """The DICOM file of one instance."""
        return self._ask(self._pacs.get_instances_id_file, orthanc_id).content

    def download_series(self, orthanc_id: str, folder: Path) -> list[Path]:
        """Put the files of a series into `folder`, which appears only when all are there.

        A folder left by an earlier try is replaced.
        """
        expected = len(self._ask(self._pacs.get_series_id, orthanc_id).json()["Instances"])
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".arriving-") as scratch:
            archive = Path(scratch, "series.zip")
            self._stream(f"{self.url}/series/{orthanc_id}/archive", archive)
            arrived = Path(scratch, "files")
            arrived.mkdir()
            count = _unpack(archive, arrived)
            if count < expected:
                raise OrthancUnavailableError(f"Only {count} of {expected} images of the series arrived.")
            if folder.exists():
                shutil.rmtree(folder)
            arrived.rename(folder)
        return sorted(folder.iterdir())

    def _stream(self, url: str, path: Path) -> None:
        try:
            with self._pacs.stream("GET", url) as response, path.open("wb") as file:
                if response.is_error:
                    response.read()
                _raise_for(response)
                for chunk in response.iter_bytes():
                    file.write(chunk)
        except httpx.TransportError as error:
            raise OrthancUnavailableError(f"Orthanc broke off a download: {error}") from error

    # Writing

    def store(self, item: Dataset | Path | bytes) -> StoredInstance:
        """Store one DICOM object. One that Orthanc already holds stays as it is."""
        data = _file_bytes(item)
        sop_uid = str(dcmread(BytesIO(data), specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
        return _stored(self._ask(self._pacs.post_instances, data).json(), sop_uid)

    def store_archive(self, items: Iterable[Dataset]) -> int:
        """Store many objects in one request; how many of them Orthanc held before, which stay as they are."""
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for number, item in enumerate(items):
                archive.writestr(f"{number:06d}.dcm", _file_bytes(item))
        answers = self._ask(self._pacs.post_instances, packed.getvalue()).json()
        states = [one["Status"] for one in answers]
        if set(states) - {"Success", "AlreadyStored"}:
            raise OrthancRefusedError("Orthanc did not keep every object of an archive.")
        return states.count("AlreadyStored")

    def upload_bytes(self, data: bytes) -> UploadAnswer:
        """Store the bytes of one file if it is a whole DICOM file; else say why not."""
        try:
            dataset = check_dicom(data)
            answer = self._ask(self._pacs.post_instances, data).json()
        except (RejectedFileError, OrthancRefusedError) as error:
            return UploadAnswer(accepted=False, reason=str(error))
        return UploadAnswer(accepted=True, instances=(_stored(answer, str(dataset.SOPInstanceUID)),))

    def delete_study(self, orthanc_id: str) -> None:
        """Remove a study with all its images."""
        self._ask(self._pacs.delete_studies_id, orthanc_id)

    def delete_series(self, orthanc_id: str) -> None:
        """Remove a series with all its images."""
        self._ask(self._pacs.delete_series_id, orthanc_id)

    def delete_instance(self, orthanc_id: str) -> None:
        """Remove one instance."""
        self._ask(self._pacs.delete_instances_id, orthanc_id)

    # Other DICOM nodes

    def modalities(self) -> list[str]:
        """The names of the DICOM nodes that Orthanc can send to."""
        return list(self._ask(self._pacs.get_modalities).json())

    def define_modality(self, name: str, aet: str, host: str, port: int) -> None:
        """Make a DICOM node known to Orthanc, or change it."""
        self._ask(
            self._pacs.put, f"{self.url}/modalities/{name}", json={"AET": aet, "Host": host, "Port": port}
        )

    def echo_modality(self, name: str) -> None:
        """C-ECHO to a DICOM node; raises when it does not answer."""
        self._ask(self._pacs.post, f"{self.url}/modalities/{name}/echo", json={})

    # Anything else, by its path

    def get_json(self, path: str) -> Any:
        """What Orthanc answers to a GET."""
        return self._ask(self._pacs.get, f"{self.url}{path}").json()

    def put_json(self, path: str, values: dict[str, Any]) -> None:
        """PUT values."""
        self._ask(self._pacs.put, f"{self.url}{path}", json=values)

    def delete_path(self, path: str) -> None:
        """DELETE."""
        self._ask(self._pacs.delete, f"{self.url}{path}")

    def post_json(self, path: str, values: dict[str, Any], *, answers_json: bool = True) -> Any:
        """POST values; what Orthanc answers, or None where that is no JSON."""
        answer = self._ask(self._pacs.post, f"{self.url}{path}", json=values)
        return answer.json() if answers_json else None

    def _ask(self, call: Callable[..., httpx.Response], *args: Any, **options: Any) -> httpx.Response:
        try:
            response = call(*args, **options)
        except httpx.TransportError as error:
            raise OrthancUnavailableError(f"Orthanc at {self.url} does not answer: {error}") from error
        _raise_for(response)
        return response


def _raise_for(response: httpx.Response) -> None:
    if response.is_success:
        return
    said = _message(response)
    if response.status_code == httpx.codes.NOT_FOUND:
        raise NotInOrthancError(f"Not in Orthanc: {response.request.url.path}")
    if response.status_code in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS):
        raise OrthancUnavailableError(f"Orthanc is busy: {said}")
    if response.is_server_error:
        raise OrthancUnavailableError(f"Orthanc failed (HTTP {response.status_code}): {said}")
    if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise OrthancRefusedError("Orthanc does not accept our user name and password.")
    raise OrthancRefusedError(f"Orthanc refused (HTTP {response.status_code}): {said}")


def _message(response: httpx.Response) -> str:
    if "json" in response.headers.get("content-type", ""):
        answer = response.json()
        return " – ".join(str(answer[key]) for key in ("Message", "Details") if answer.get(key))
    return response.text[:200] or "no reason given"


def _stored(answer: dict[str, Any], sop_uid: str) -> StoredInstance:
    if answer["Status"] not in ("Success", "AlreadyStored"):
        raise OrthancRefusedError(f"Orthanc did not keep the object ({answer['Status']}).")
    return StoredInstance(
        sop_uid=sop_uid,
        orthanc_id=answer["ID"],
        already_stored=answer["Status"] == "AlreadyStored",
        study_orthanc_id=answer["ParentStudy"],
        series_orthanc_id=answer["ParentSeries"],
    )


def _file_bytes(item: Dataset | Path | bytes) -> bytes:
    if isinstance(item, bytes):
        return item
    if isinstance(item, Path):
        return item.read_bytes()
    buffer = BytesIO()
    item.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _unpack(archive: Path, folder: Path) -> int:
    """Unpack flat, numbered in the archive's order, and return the count."""
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [one for one in opened.infolist() if not one.is_dir()]
            for number, member in enumerate(members, start=1):
                with opened.open(member) as source, (folder / f"IM{number:05d}.dcm").open("wb") as target:
                    shutil.copyfileobj(source, target)
    except zipfile.BadZipFile as error:  # broken off, or a wrong checksum
        raise OrthancUnavailableError(f"A series arrived damaged from Orthanc: {error}") from error
    return len(members)
