"""Kinds of broken or odd studies, each made of a normal study of four series, and what must come of it.

`ODD_KINDS` is fed through the readers in tests/orthanc and through the running system end to end.
"""

from __future__ import annotations

from tests.odd_headers import ODD_HEADERS
from tests.odd_images import ODD_IMAGES
from tests.odd_kind import OddKind, Study

__all__ = ["ODD_KINDS", "OddKind", "Study"]

ODD_KINDS: tuple[OddKind, ...] = (*ODD_IMAGES, *ODD_HEADERS)
