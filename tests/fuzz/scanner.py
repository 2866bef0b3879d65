"""A sender on the DICOM network that sends bytes as they are, whatever they say."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from pynetdicom import AE, _config

SYNTAXES = (
    ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless, DeflatedExplicitVRLittleEndian,
)  # fmt: skip
PATIENCE_S = 1
CLASSES = ("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.66.4")
"""MR, enhanced MR, segmentation."""


def c_store(files: list[bytes], port: int, aet: str = "GLIOMA") -> int:
    """Send every file that can be sent at all; how many the receiver kept."""
    sender = AE(ae_title="FUZZ")
    # Orthanc says nothing of bytes that it cannot read: it hangs up, or waits for more.
    sender.dimse_timeout = PATIENCE_S
    for sop_class in CLASSES:
        for syntax in SYNTAXES:
            sender.add_requested_context(sop_class, syntax)
    kept = 0
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)  # else it would decode what it sends
        path = Path(folder, "one.dcm")
        association = sender.associate("127.0.0.1", port, ae_title=aet)
        for data in files:
            if not association.is_established:  # the receiver hung up on the one before
                association = sender.associate("127.0.0.1", port, ae_title=aet)
            path.write_bytes(data)
            try:
                answer = association.send_c_store(path)
            except Exception:  # noqa: BLE001 - pynetdicom cannot even read its head
                continue
            kept += "Status" in answer and answer.Status == 0
        association.release()
    return kept
