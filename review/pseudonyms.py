"""Names and dates for research: the same person always gets the same ones, and nobody without the key gets back.

A pseudonym is a keyed hash of the person's IDs (HMAC-SHA256). All dates of a person are moved back by the same number
of days, 1 to 365, from the same key, so that every interval between them stays true.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings

from review.course_facts import PatientKey

MOST_SHIFT_DAYS = 365
OLDEST_SAID = 90
"""Ages from here on are said as this one: so few people are older that the age alone may tell who it is."""


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """Who a person is in research."""

    name: str
    days_back: int

    def moved(self, on: date) -> date:
        """A date of this person as research may see it."""
        return on - timedelta(days=self.days_back)


def pseudonym_of(patients: tuple[PatientKey, ...]) -> Pseudonym:
    """The pseudonym of a person; linking or unlinking IDs makes another person of it, with another one."""
    person = "\0\0".join("\0".join((one.patient_id, one.issuer, one.study_uid)) for one in sorted(patients))
    name = base64.b32encode(_keyed("name", person)[:10]).decode().lower()
    return Pseudonym(f"p-{name}", 1 + int.from_bytes(_keyed("shift", person)[:8]) % MOST_SHIFT_DAYS)


def _keyed(purpose: str, person: str) -> bytes:
    return hmac.digest(settings.PSEUDONYM_KEY.encode(), f"{purpose}\0{person}".encode(), hashlib.sha256)


def age_said(born: date | None, on: date) -> int | None:
    """Age in whole years on a day, `OLDEST_SAID` at most; None where it is not known or makes no sense."""
    if born is None or on < born:
        return None
    years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    return min(years, OLDEST_SAID)
