"""A study made of dropped files, to explain what rules would do with it; nothing is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

from django.core.files.uploadedfile import UploadedFile
from pydicom import Dataset

from orthanc.errors import RejectedFileError
from orthanc.headers import instance_place, series_header, simplified_tags, study_header
from orthanc.intake import check_dicom
from orthanc.types import StudyHeader
from review.upload import SentContent, contents_of

MOST_FILES = 3000


def read_sample(files: Sequence[UploadedFile]) -> StudyHeader:
    """The study of DICOM files or zips of them; files that are no DICOM are passed over.

    Raises:
        RejectedFileError: nothing was sent, nothing is DICOM, or the files belong to several studies.
    """
    datasets: dict[str, list[Dataset]] = defaultdict(list)
    refused = ""
    for number, content in enumerate(chain.from_iterable(map(contents_of, files)), start=1):
        if number > MOST_FILES:
            raise RejectedFileError(f"More than {MOST_FILES} files: one image of every series is enough.")
        try:
            dataset = check_dicom(_data(content))
        except RejectedFileError as error:
            refused = str(error)
        else:
            datasets[str(dataset.SeriesInstanceUID)].append(dataset)
    if not datasets:
        raise RejectedFileError(refused or "No file was chosen.")
    return _study(datasets)


def _study(datasets: dict[str, list[Dataset]]) -> StudyHeader:
    studies = {str(one.StudyInstanceUID) for many in datasets.values() for one in many}
    if len(studies) > 1:
        raise RejectedFileError(f"The files belong to {len(studies)} studies; drop one study.")
    tags = {uid: [simplified_tags(one) for one in many] for uid, many in datasets.items()}
    series = [
        series_header(many[len(many) // 2], [instance_place(one) for one in many], is_stable=True)
        for many in tags.values()
    ]
    first = next(iter(tags.values()))[0]
    return study_header(first, series, orthanc_id="", calling_aet="")


def _data(content: SentContent) -> bytes:
    if content.reason:
        raise RejectedFileError(content.reason)
    return content.data
