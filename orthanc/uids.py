"""How this software signs what it writes: its name, and UIDs derived from what they name.

A derived UID is the same each time, so that making an object again gives the same object.
"""

from __future__ import annotations

from pydicom.uid import UID, generate_uid

MANUFACTURER = "Glioma Review"
"""The Manufacturer of every object that we write: by it we know our own results when they come back."""

MANUFACTURER_MODEL = "AR-CA glioma segmentation"

IMPLEMENTATION_CLASS_UID = generate_uid(entropy_srcs=["glioma-review", "implementation"])
IMPLEMENTATION_VERSION_NAME = "GLIOMA_REVIEW_1"


def derive_uid(*sources: str) -> UID:
    """The UID that belongs to these words; the same words always give the same UID."""
    # Lengths keep ("ab", "c") and ("a", "bc") apart.
    return generate_uid(entropy_srcs=[f"{len(source)}:{source}" for source in ("glioma-review", *sources)])
