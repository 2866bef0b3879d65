"""Studies to send: the phantom, and small ones for what needs headers and files more than a head."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pydicom
import SimpleITK as sitk

from orthanc.study_maker import VisitDescription, make_study
from tests.end_to_end.installation import REPOSITORY, Installation
from tests.frontend.synthetic import make_images


def make_small_study(
    folder: Path, *, only: tuple[str, ...] = ("t1", "t1ce", "t2", "flair"), second_t1ce: bool = False
) -> str:
    """A study of a patient of its own, as files below the folder; gives its study UID."""
    images = {name: image for name, image in make_images().items() if name in only}
    seed = uuid.uuid4().hex
    visit = VisitDescription(f"TEST-{seed[:8]}", "Test^Case")
    files = make_study(images, folder, visit, seed)
    if second_t1ce:
        _add_shorter_t1ce(images["t1ce"], folder / "second", visit, seed, files[0])
    return str(pydicom.dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)


def _add_shorter_t1ce(
    image: sitk.Image, folder: Path, visit: VisitDescription, seed: str, sibling: Path
) -> None:
    study_uid = pydicom.dcmread(sibling, stop_before_pixels=True).StudyInstanceUID
    make_study({"t1ce": image[:, :, 20:-20]}, folder, visit, seed + "second")
    rewrite(folder, StudyInstanceUID=study_uid, SeriesNumber=12)


def rewrite(folder: Path, **tags: object) -> None:
    """Change the header of every file below the folder."""
    for path in folder.rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        for name, value in tags.items():
            setattr(dataset, name, value)
        if "SOPClassUID" in tags:
            dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.save_as(path)


def series_folder(folder: Path, name: str) -> Path:
    """The folder of one of the series that make_study wrote, by the name of its image."""
    return next(path for path in folder.iterdir() if path.name.endswith(f"_{name}"))


def make_phantom(folder: Path, *options: str) -> None:
    """Run `manage.py phantom`."""
    line = [sys.executable, "manage.py", "phantom", str(folder), *options]
    subprocess.run(line, cwd=REPOSITORY, check=True, capture_output=True)


def send_phantom(stack: Installation, phantom: Path) -> None:
    """Send every visit that `manage.py phantom` wrote."""
    for visit in sorted(phantom.glob("visit-*")):
        sent = stack.send(visit)
        assert sent.returncode == 0, sent.stderr


def send_visit(stack: Installation, folder: Path, seed: int) -> str:
    """Make and send the first visit of another phantom patient; gives its study UID."""
    make_phantom(folder, "--visits", "1", "--seed", str(seed), "--patient-id", f"PHANTOM-{seed}")
    send_phantom(stack, folder)
    return str(pydicom.dcmread(next(folder.rglob("*.dcm")), stop_before_pixels=True).StudyInstanceUID)
