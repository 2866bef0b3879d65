"""`manage.py phantom`: a synthetic glioma patient with up to three visits, as DICOM studies or NIfTI cases.

Below OUT_DIR each visit has a folder `visit-1`, `visit-2`, ... and its true label map in `truth/`. `truth.json` says
what is true: study UIDs, dates, phases, and volumes counted from the label map. Needs no database.
"""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import SimpleITK as sitk
from django.core.management.base import BaseCommand, CommandError, CommandParser
from pydicom import dcmread

from orthanc.study_maker import VisitDescription, make_study
from segmentation.phantom import DEMO_SEED, PhantomVisit, make_visit, write_case
from segmentation.types import SEQUENCES

FIRST_VISIT = date(2024, 3, 4)
STUDY_WORDS = {
    1: "MRI BRAIN TUMOR W WO CONTRAST PREOP",
    2: "MRI BRAIN TUMOR W WO CONTRAST FOLLOW UP",
    3: "MRI BRAIN TUMOR W WO CONTRAST FOLLOW UP",
}


class Command(BaseCommand):
    """Make the phantom patient."""

    help = "Make a synthetic glioma patient (head with skull; before surgery, after it, and with recurrence)."
    requires_system_checks: list[str] = []  # nothing that they check is used, and they may want a database

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to write, and which patient."""
        parser.add_argument("out_dir", type=Path, metavar="OUT_DIR")
        parser.add_argument("--visits", type=_visits, default=3, help="1 to 3 (default 3)")
        parser.add_argument("--seed", type=_seed, default=DEMO_SEED, help="another number, another patient")
        parser.add_argument("--patient-id", default="PHANTOM-0001")
        parser.add_argument("--patient-name", default="PHANTOM^Ada")
        parser.add_argument("--format", choices=("dicom", "nifti"), default="dicom")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the visits in order, say their true volumes, and write truth.json."""
        out_dir: Path = options["out_dir"]
        try:
            (out_dir / "truth").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"{out_dir} cannot be written: {error.strerror}.") from error
        visits = [self._one_visit(number, out_dir, options) for number in range(1, options["visits"] + 1)]
        content = {
            "patient_id": options["patient_id"],
            "patient_name": options["patient_name"],
            "seed": options["seed"],
            "visits": visits,
        }
        (out_dir / "truth.json").write_text(json.dumps(content, indent=2) + "\n")

    def _one_visit(self, number: int, out_dir: Path, options: dict[str, Any]) -> dict[str, Any]:
        visit = make_visit(options["seed"], number)
        study_date = FIRST_VISIT + timedelta(days=visit.days_since_first)
        folder = out_dir / f"visit-{number}"
        study_uid = _write(visit, folder, study_date, options)
        sitk.WriteImage(visit.truth, out_dir / "truth" / f"visit-{number}_seg.nii.gz")
        volumes = ", ".join(f"{name} {ml:.1f} ml" for name, ml in visit.volumes_ml.items())
        self.stdout.write(f"visit {number}  {study_date}  {visit.phase:6}  true volumes: {volumes}")
        self.stdout.flush()
        return {
            "visit": number,
            "study_uid": study_uid,
            "study_date": study_date.isoformat(),
            "days_since_first": visit.days_since_first,
            "phase": str(visit.phase),
            "folder": folder.name,
            "truth": f"truth/visit-{number}_seg.nii.gz",
            "volumes_ml": {name: round(ml, 3) for name, ml in visit.volumes_ml.items()},
        }


def _write(visit: PhantomVisit, folder: Path, study_date: date, options: dict[str, Any]) -> str:
    """Write one visit in the format asked for; its study UID, "" for NIfTI."""
    if options["format"] == "nifti":
        write_case(visit, folder)
        return ""
    description = VisitDescription(
        patient_id=options["patient_id"],
        patient_name=options["patient_name"],
        birth_date="19620517",
        sex="F",
        study_date=f"{study_date:%Y%m%d}",
        study_time=("081500", "102000", "094000")[visit.visit - 1],
        accession_number=f"PH{options['seed']:05d}{visit.visit}",
        study_description=STUDY_WORDS[visit.visit],
        institution="Phantom Hospital",
    )
    images = {name: getattr(visit.scan, name) for name in SEQUENCES}
    files = make_study(images, folder, description, uid_seed=f"phantom {options['seed']}")
    return str(dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)


def _visits(text: str) -> int:
    if text not in ("1", "2", "3"):
        raise ArgumentTypeError("the phantom has 1, 2 or 3 visits")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError("a seed is a whole number, 0 or more")
    return int(text)
