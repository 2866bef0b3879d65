"""The installation and the phantom of the end-to-end tests."""

from tests.end_to_end.conftest import phantom, stack

__all__ = ["phantom", "stack"]
