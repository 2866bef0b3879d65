"""Not for this: what a study's headers say that the models were never tried on. Pure; it warns and never stops.

The findings on the output itself (no tumour, outside of the brain) come with the segmentation.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import date

from orthanc.types import StudyHeader
from review.columns import dicom_date
from segmentation.types import Finding

ADULT_YEARS = 18
YEARS_PER_UNIT = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
"""Of the last letter of DICOM's Patient's Age (PS3.5 6.2, AS)."""
EARLY_DAYS = 2

_WORDS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("metastasis", re.compile(r"metast|métast|\bmets\b"), "metastases"),
    ("meningioma", re.compile(r"menin?g[ie]o|méningiome"), "a meningioma"),
    (
        "vascular_malformation",
        re.compile(r"\bavms?\b|arterio-?ven(ous|ös|euse)|cavernoma|cavernome|kavernom"),
        "a vascular malformation",
    ),
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


def findings(
    study: StudyHeader, operated_on: Collection[date] = (), *, is_postoperative: bool = False
) -> tuple[Finding, ...]:
    """Why headers and dates put a study outside of what the models were validated for; empty where they do not.

    Args:
        study: as its headers tell it.
        operated_on: the days on which the patient was operated, as people noted them.
        is_postoperative: whether the study is known to be from after surgery: on the very day it may be from before.
    """
    return (*_age(study), *_words(study), *_early(study, operated_on, is_postoperative=is_postoperative))


def _age(study: StudyHeader) -> Iterator[Finding]:
    born, seen = dicom_date(study.birth_date), dicom_date(study.study_date)
    if born and seen and born <= seen:
        years = _full_years(born, seen)
    else:  # anonymised studies keep the age where they lose the date
        told = [age for one in study.series if (age := _told_years(one.patient_age)) is not None]
        years = int(min(told, default=ADULT_YEARS))
    if years < ADULT_YEARS:
        yield Finding("paediatric", f"The patient is {years} years old: not validated under {ADULT_YEARS}.")


def _told_years(age: str) -> float | None:
    found = re.fullmatch(r"(\d{1,3})([DWMY])", age.strip().upper())
    return int(found[1]) * YEARS_PER_UNIT[found[2]] if found else None


def _early(study: StudyHeader, operated_on: Collection[date], *, is_postoperative: bool) -> Iterator[Finding]:
    """48 hours are two days at most: only the days of operations are known."""
    seen = dicom_date(study.study_date)
    for day in sorted(operated_on):
        days = (seen - day).days if seen else -1
        if (0 if is_postoperative else 1) <= days <= EARLY_DAYS:
            words = f"The patient was operated on {day}, at most {EARLY_DAYS} days before: not validated so early."
            yield Finding("early_postoperative", words)
            return


def _full_years(born: date, seen: date) -> int:
    return seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))


def _words(study: StudyHeader) -> Iterator[Finding]:
    own = [one for one in study.series if not one.is_ours]
    texts = [study.description, *(text for one in own for text in (one.description, one.protocol_name))]
    for code, pattern, spoken in _WORDS:
        said = next((text for text in texts if pattern.search(text.casefold().replace("_", " "))), None)
        if said is not None:
            yield Finding(code, f"“{said}” speaks of {spoken}: not validated for that.")
