"""How this software signs what it writes: its name, and UIDs derived from what they name.

A derived UID is the same each time, so that making an object again gives the same object.
"""

from __future__ import annotations

from pydicom.uid import UID, generate_uid

MANUFACTURER = "Glioma Review"
"""The Manufacturer of every object that we write: by it we know our own results when they come back."""

MANUFACTURER_MODEL = "AR-CA glioma segmentation"

UID_CHARACTERS = frozenset("0123456789.")

IMPLEMENTATION_CLASS_UID = generate_uid(entropy_srcs=["glioma-review", "implementation"])
IMPLEMENTATION_VERSION_NAME = "GLIOMA_REVIEW_1"


def looks_like_uid(text: str) -> bool:
    """Whether this may name an object: digits and dots, 64 at most (DICOM PS3.5, 9.1).

    Zeros that lead a component are let pass: some senders write them.
    """
    return 0 < len(text) <= 64 and set(text) <= UID_CHARACTERS


def derive_uid(*sources: str) -> UID:
    """The UID that belongs to these words; the same words always give the same UID."""
    # Lengths keep ("ab", "c") and ("a", "bc") apart.
    return generate_uid(entropy_srcs=[f"{len(source)}:{source}" for source in ("glioma-review", *sources)])
