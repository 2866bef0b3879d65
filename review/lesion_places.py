"""Where the lesions of a result are, kept beside its label map for the visits that come after.

A lesion that is gone keeps its last place, so that it is known again where it returns.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import SimpleITK as sitk

from review.artefacts import JobFolder, whole_folder

PLACES = "places.nii.gz"
IDENTITIES = "identities.json"
BRAIN = "brain_mask.nii.gz"


@dataclass(frozen=True, slots=True)
class Identity:
    """A lesion of the patient: the same at every visit."""

    tracking_uid: str
    parents: tuple[str, ...] = ()
    """Of the lesions that it split from or swallowed, ever."""


@dataclass(frozen=True, slots=True)
class Places:
    """Lesions on the T1CE grid of a visit; voxel value n is lesion n."""

    image: sitk.Image
    identities: Mapping[int, Identity]


def keep_places(folder: JobFolder, places: Places, brain: sitk.Image | None) -> None:
    """Write them; the brain (which later registrations look within) with them, where it is known."""
    with whole_folder(folder.followed) as scratch:
        sitk.WriteImage(sitk.Cast(places.image, sitk.sitkUInt16), str(scratch / PLACES), True)
        known = {str(number): asdict(one) for number, one in places.identities.items()}
        (scratch / IDENTITIES).write_text(json.dumps(known, indent=2) + "\n")
        if brain is not None:
            sitk.WriteImage(brain, str(scratch / BRAIN), True)


def keep_brain(folder: JobFolder, brain: sitk.Image | None) -> None:
    """Keep the brain alone, of a result whose lesions could not be followed."""
    if brain is None:
        shutil.rmtree(folder.followed, ignore_errors=True)
        return
    with whole_folder(folder.followed) as scratch:
        sitk.WriteImage(brain, str(scratch / BRAIN), True)


def read_places(folder: JobFolder) -> Places | None:
    """What `keep_places` kept; None where there is nothing."""
    path = folder.followed / IDENTITIES
    if not path.is_file():
        return None
    known = json.loads(path.read_text())
    identities = {
        int(number): Identity(one["tracking_uid"], tuple(one["parents"])) for number, one in known.items()
    }
    return Places(sitk.ReadImage(str(folder.followed / PLACES), sitk.sitkInt32), identities)


def read_brain(folder: JobFolder) -> sitk.Image | None:
    """The brain of a job's T1CE: as prepared, or as kept after it."""
    for place in (folder.prepared, folder.inferred, folder.followed):
        if (place / BRAIN).is_file():
            return sitk.ReadImage(str(place / BRAIN), sitk.sitkUInt8)
    return None
