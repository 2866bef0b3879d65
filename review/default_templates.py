"""The report templates that a new installation starts with: English and German, in general and after surgery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "report_templates"
DEFAULTS = (
    ("English", "en", "", "en.txt"),
    ("English, after surgery", "en", "postop", "en-postop.txt"),
    ("Deutsch", "de", "", "de.txt"),
    ("Deutsch, nach Operation", "de", "postop", "de-postop.txt"),
)
"""Name, language, phase (empty: any), file with the words."""


def install_default_templates(template_rows: Any, version_rows: Any) -> None:
    """Make those of which there is none of the name; the rows are the classes as they are at that time."""
    for name, language, phase, file in DEFAULTS:
        template, is_new = template_rows.objects.get_or_create(
            name=name, defaults={"language": language, "phase": phase}
        )
        if is_new:
            words = (FOLDER / file).read_text(encoding="utf-8")
            version_rows.objects.create(template=template, number=1, text=words, by="installation")
