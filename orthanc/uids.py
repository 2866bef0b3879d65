"""UIDs derived from what they name, so that making an object again gives the same object."""

from __future__ import annotations

from pydicom.uid import UID, generate_uid

IMPLEMENTATION_CLASS_UID = generate_uid(entropy_srcs=["glioma-review", "implementation"])
IMPLEMENTATION_VERSION_NAME = "GLIOMA_REVIEW_1"


def derive_uid(*sources: str) -> UID:
    """The UID that belongs to these words; the same words always give the same UID."""
    # Lengths keep ("ab", "c") and ("a", "bc") apart.
    return generate_uid(entropy_srcs=[f"{len(source)}:{source}" for source in ("glioma-review", *sources)])
