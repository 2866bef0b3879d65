"""The good files that hostile ones are made of: small MR images in several encodings, an enhanced one, and a SEG."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from orthanc import variants
from orthanc.enhanced import enhanced_of
from orthanc.seg import write_seg
from orthanc.sources import read_source
from orthanc.study_maker import VisitDescription, make_study
from orthanc.types import AlgorithmInfo

SIZE_ZYX = (4, 48, 48)
"""Four slices: too few for a whole head, so that no worker is given work."""


def seed_files(folder: Path) -> list[bytes]:
    """The bytes of the good files."""
    files = make_study(
        _images(), folder, VisitDescription("FUZZ-1", "Fuzz^Fiona", "19700101", "F"), uid_seed="fuzz"
    )
    t1 = [path for path in files if path.parent.name.endswith("t1")]
    slices = [dcmread(path) for path in t1]
    encoded = [
        variants.encoded([dcmread(path) for path in t1], syntax)[0]
        for syntax in (RLELossless, JPEG2000Lossless, ImplicitVRLittleEndian)
    ]
    labels = sitk.Image([*SIZE_ZYX[::-1]], sitk.sitkUInt8)
    labels += 4
    source = read_source(t1)
    labels.CopyInformation(_images()["t1"])
    seg = write_seg(labels, source, AlgorithmInfo("fuzz", "1"))
    return [path.read_bytes() for path in files[::4]] + [
        _bytes(one) for one in (*encoded, enhanced_of(slices), seg)
    ]


def _images() -> dict[str, sitk.Image]:
    images = {}
    for number, name in enumerate(("t1", "t1ce", "t2", "flair")):
        image = sitk.GetImageFromArray(
            np.random.default_rng(number).integers(1, 900, SIZE_ZYX).astype(np.int16)
        )
        image.SetSpacing((4.0, 4.0, 8.0))
        images[name] = image
    return images


def _bytes(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
