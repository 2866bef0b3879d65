"""`python -m orthanc`: make a DICOM study of images, send it, run a server."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import SimpleITK as sitk
from tqdm import tqdm

from orthanc.errors import HopelessError, OrthancUnavailableError
from orthanc.send import Destination, SendReport, parse_destination, send_files
from orthanc.server.configuration import (
    DicomWebServer,
    OrthancSettings,
    find_orthanc,
    read_dicomweb_servers,
    write_configuration,
)
from orthanc.study_maker import VisitDescription, make_study

SEQUENCES = ("t1", "t1ce", "t2", "flair")


class OneLineParser(argparse.ArgumentParser):
    """Answers a wrong command line with one line instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"error: {message} ({self.prog} --help tells more)\n")


class BadInputError(Exception):
    """What the user asked for cannot be done; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 partly or not done, 2 wrongly asked."""
    asked = _parser().parse_args(arguments)
    try:
        return int(asked.run(asked))
    except (BadInputError, HopelessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OrthancUnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="python -m orthanc", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_make_study(
        commands.add_parser("make-study", help="wrap the NIfTI images of a case as a DICOM study")
    )
    _add_send(commands.add_parser("send", help="send DICOM files by C-STORE"))
    _add_serve(commands.add_parser("serve", help="configure Orthanc and run it in the foreground"))
    return parser


def _add_make_study(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case_dir", type=Path, metavar="CASE_DIR", help="holds t1, t1ce, t2, flair .nii.gz")
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR")
    parser.add_argument("--patient-id", help="default: the name of the case folder")
    parser.add_argument("--patient-name", default="Anonymous")
    parser.add_argument("--birth-date", type=_date, metavar="YYYYMMDD")
    parser.add_argument("--sex", choices=["F", "M", "O"], default="O")
    parser.add_argument("--study-date", type=_date, default="20240115", metavar="YYYYMMDD")
    parser.add_argument("--study-time", type=_time, default="093000", metavar="HHMMSS")
    parser.add_argument("--study-description", default="MRI BRAIN TUMOR W WO CONTRAST")
    parser.add_argument("--accession", default="")
    parser.add_argument("--institution", default="Demo Hospital")
    parser.add_argument("--issuer", default="", help="who issued the patient ID")
    parser.add_argument("--only", default=",".join(SEQUENCES), help="series to make, such as t1,t2")
    parser.add_argument(
        "--uid-seed", help="the same seed gives the same UIDs; default: the case folder's name"
    )
    parser.set_defaults(run=_make_study)


def _add_send(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="sent with all folders below it")
    parser.add_argument("--to", type=_destination, required=True, metavar="AET@HOST:PORT")
    parser.add_argument("--from", dest="calling_aet", default="SCANNER", metavar="AET")
    parser.set_defaults(run=_send)


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="where images and index are kept")
    parser.add_argument("--http-port", type=int, default=8042)
    parser.add_argument("--dicom-port", type=int, default=4242)
    parser.add_argument("--aet", default="GLIOMA")
    parser.add_argument("--username", default="glioma")
    parser.add_argument(
        "--password-variable", default="ORTHANC_PASSWORD", help="the environment variable with the password"
    )
    parser.add_argument("--nudge-url", default="")
    parser.add_argument("--nudge-token-variable", default="NUDGE_TOKEN")
    parser.add_argument("--remote-http", action="store_true", help="let other machines use REST")
    parser.set_defaults(run=_serve)


def _make_study(asked: argparse.Namespace) -> int:
    if not asked.case_dir.is_dir():
        raise BadInputError(f"{asked.case_dir} is not a folder.")
    names = [name.strip().lower() for name in asked.only.split(",") if name.strip()]
    images = {name: _read_nifti(asked.case_dir, name) for name in names}
    if not images:
        raise BadInputError("--only names no series.")
    case = asked.case_dir.resolve().name
    visit = VisitDescription(
        patient_id=asked.patient_id or case,
        patient_name=asked.patient_name,
        birth_date=asked.birth_date or "",
        sex=asked.sex,
        study_date=asked.study_date,
        study_time=asked.study_time,
        accession_number=asked.accession,
        study_description=asked.study_description,
        institution=asked.institution,
        issuer=asked.issuer,
    )
    files = make_study(images, asked.out_dir, visit, asked.uid_seed or case)
    print(f"{len(files)} images in {len(images)} series written to {asked.out_dir}")
    return 0


def _read_nifti(folder: Path, name: str) -> sitk.Image:
    if name not in SEQUENCES:
        raise BadInputError(f"{name!r} is none of {', '.join(SEQUENCES)}.")
    for path in (folder / f"{name}.nii.gz", folder / f"{name}.nii"):
        if path.is_file():
            try:
                return sitk.ReadImage(str(path))
            except RuntimeError as error:  # SimpleITK has no narrower one
                raise BadInputError(f"{path} cannot be read as an image.") from error
    raise BadInputError(f"{folder} has no {name}.nii.gz (use --only to make fewer series).")


def _send(asked: argparse.Namespace) -> int:
    if not asked.folder.exists():
        raise BadInputError(f"{asked.folder} does not exist.")
    files = (
        [asked.folder]
        if asked.folder.is_file()
        else sorted(p for p in asked.folder.rglob("*") if p.is_file())
    )
    if not files:
        raise BadInputError(f"{asked.folder} holds no files.")
    report = _send_with_progress(files, asked.to, asked.calling_aet)
    for path, reason in report.failed:
        print(f"not sent: {path}: {reason}", file=sys.stderr)
    print(f"{report.sent} of {len(files)} files sent to {asked.to.aet} at {asked.to.host}:{asked.to.port}")
    return 1 if report.failed else 0


def _send_with_progress(files: list[Path], to: Destination, calling_aet: str) -> SendReport:
    with tqdm(total=len(files), unit="image", disable=None) as bar:  # silent where no one watches
        return send_files(files, to, calling_aet, lambda done, _: bar.update(done - bar.n))


def _serve(asked: argparse.Namespace) -> int:
    """Becomes the server, so that a supervisor's signals reach Orthanc itself."""
    password = os.environ.get(asked.password_variable, "")
    if not password:
        raise BadInputError(f"Set {asked.password_variable} to the password of user {asked.username}.")
    installation = find_orthanc()
    settings = OrthancSettings(
        folder=asked.folder,
        http_port=asked.http_port,
        dicom_port=asked.dicom_port,
        username=asked.username,
        password=password,
        aet=asked.aet,
        nudge_url=asked.nudge_url,
        nudge_token=os.environ.get(asked.nudge_token_variable, ""),
        allow_remote_http=asked.remote_http,
        dicomweb_servers=_servers(os.environ.get("DICOMWEB_SERVERS", "")),
    )
    path = write_configuration(settings, installation)
    os.environ["TCP_NODELAY"] = "1"  # 2 ms instead of 88 per C-STORE
    os.execv(installation.server, [str(installation.server), str(path)])  # noqa: S606


def _servers(text: str) -> tuple[DicomWebServer, ...]:
    try:
        return read_dicomweb_servers(text)
    except ValueError as error:
        raise BadInputError(str(error)) from error


def _date(text: str) -> str:
    if not re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 20240115")
    return text


def _time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3])[0-5]\d[0-5]\d", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 093000")
    return text


def _destination(text: str) -> Destination:
    try:
        return parse_destination(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
