"""Typed reading of environment variables, with the values that `make up` generated as the second source."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}


def read_env_file(path: Path) -> dict[str, str]:
    """KEY=value lines of a file; blank lines and # comments are left out. A missing file has no values."""
    if not path.is_file():
        return {}
    pairs = (
        line.split("=", 1)
        for line in path.read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    return {key.strip(): value.strip() for key, value in pairs}


class Environment:
    """Variables of the process first, then those of the stack's own file."""

    def __init__(self, stack_file: Path) -> None:
        self._generated = read_env_file(stack_file)

    def text(self, name: str, default: str = "") -> str:
        """The variable as it stands, or the default."""
        return os.environ.get(name) or self._generated.get(name) or default

    def number(self, name: str, default: int) -> int:
        """The variable as a whole number; anything else stops the start."""
        value = self.text(name, str(default))
        try:
            return int(value)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from error

    def flag(self, name: str, *, default: bool) -> bool:
        """The variable as yes or no; anything else stops the start."""
        value = self.text(name, "yes" if default else "no").lower()
        if value not in TRUE_WORDS | FALSE_WORDS:
            raise ImproperlyConfigured(f"{name} must be yes or no, not {value!r}.")
        return value in TRUE_WORDS

    def words(self, name: str, default: str) -> list[str]:
        """The variable as a list, separated by commas."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]
