"""Not for this: what a study's headers say that the models were never tried on. Pure; it warns and never stops.

The findings on the output itself (no tumour, outside of the brain) come with the segmentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from orthanc.types import StudyHeader
from review.columns import dicom_date
from segmentation.types import Finding

ADULT_YEARS = 18

_WORDS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("metastasis", re.compile(r"metast|métast|\bmets\b"), "metastases"),
    ("meningioma", re.compile(r"menin?g[ie]o|méningiome"), "a meningioma"),
    ("pituitary", re.compile(r"pituit|hypophy|hipofis|hipófis|ipofis|\bsellar?\b"), "the pituitary gland"),
    (
        "intraoperative",
        re.compile(r"\bi-?mri\b|\biomri\b|\bintra-? ?op|\bper-?operat|\bperop"),
        "an operation under way",
    ),
    (
        "early_postoperative",
        re.compile(
            r"\bpod ?#?[01]\b|\bpost ?-?op(erative)? ?day ?#?[01]\b|\b(24|48) ?(h|hrs?|hours?) ?post"
            r"|\bpost ?-?op(erative)? ?(< ?)?(24|48) ?h|\b(early|immediate|immed) post ?-?op|früh ?-?postop"
        ),
        "the first 48 hours after surgery",
    ),
)
"""Code, words in any case in descriptions and protocol names (several languages), and what they speak of."""


def findings(study: StudyHeader) -> tuple[Finding, ...]:
    """Why the headers put a study outside of what the models were validated for; empty where they do not."""
    return (*_age(study), *_words(study))


def _age(study: StudyHeader) -> Iterator[Finding]:
    born, seen = dicom_date(study.birth_date), dicom_date(study.study_date)
    if born and seen and born <= seen and (years := _full_years(born, seen)) < ADULT_YEARS:
        yield Finding("paediatric", f"The patient is {years} years old: not validated under {ADULT_YEARS}.")


def _full_years(born: date, seen: date) -> int:
    return seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))


def _words(study: StudyHeader) -> Iterator[Finding]:
    own = [one for one in study.series if not one.is_ours]
    texts = [study.description, *(text for one in own for text in (one.description, one.protocol_name))]
    for code, pattern, spoken in _WORDS:
        said = next((text for text in texts if pattern.search(text.casefold().replace("_", " "))), None)
        if said is not None:
            yield Finding(code, f"“{said}” speaks of {spoken}: not validated for that.")
