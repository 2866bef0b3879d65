"""What is true of one study, in the form in which conditions ask for it; each fact is worked out once. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import date, datetime

from orthanc.series import choose_series
from orthanc.types import Role, RoleGuess, SeriesHeader, StudyHeader
from review.routing_tags import TAGS, Kind, Tag, phase_by_words

LONGEST_TEXT = 1000
"""Header texts are longer only where they are broken; the rest is not looked at."""

Value = str | float


class StudyFacts:
    """A study as rules see it: our own results in it are left out.

    `guesses` (by series UID) are what its series were taken for; without them they are worked out when asked for.
    """

    __slots__ = ("_alone", "_guesses", "_values", "answers", "series", "study")

    def __init__(
        self,
        study: StudyHeader,
        guesses: Mapping[str, RoleGuess] | None = None,
        series: tuple[SeriesHeader, ...] | None = None,
    ) -> None:
        self.study = study
        self.series = tuple(one for one in study.series if not one.is_ours) if series is None else series
        self._guesses = guesses
        self._values: dict[Tag, tuple[Value, ...]] = {}
        self.answers: dict[Hashable, bool] = {}
        """What was asked of it already (`routing_conditions.holds`)."""
        self._alone: list[StudyFacts] | None = None

    def values(self, tag: Tag) -> tuple[Value, ...]:
        """The values of a tag: texts in lower case, dates as YYYYMMDD, numbers; absent numbers are left out."""
        known = self._values.get(tag)
        if known is None:
            known = self._values[tag] = self._read(tag)
        return known

    def each_series(self) -> list[StudyFacts]:
        """The same study once for every series, as if it were the only one."""
        if self._alone is None:
            guesses = self.guesses()
            self._alone = [StudyFacts(self.study, guesses, (one,)) for one in self.series]
        return self._alone

    def guesses(self) -> Mapping[str, RoleGuess]:
        """What every series was taken for, by series UID."""
        if self._guesses is None:
            self._guesses = choose_series(self.series).guesses
        return self._guesses

    def shown(self, tag: Tag) -> str:
        """The values in words for people, at most four."""
        words = list(dict.fromkeys(word for word in self._shown_values(tag) if word))
        return (", ".join(words[:4]) + (", …" if len(words) > 4 else "")) or "empty"

    def _shown_values(self, tag: Tag) -> list[str]:
        facts = TAGS[tag]
        if facts.field and facts.kind is Kind.TEXT:
            return [
                str(getattr(one, facts.field)) for one in (self.series if facts.of_series else [self.study])
            ]
        return [f"{one:g}" if isinstance(one, float) else str(one) for one in self.values(tag)]

    def _read(self, tag: Tag) -> tuple[Value, ...]:
        facts = TAGS[tag]
        if not facts.field:
            return self._derive(tag)
        read = [getattr(one, facts.field) for one in (self.series if facts.of_series else (self.study,))]
        if facts.kind is Kind.NUMBER:
            return tuple(float(one) for one in read if one is not None)
        return tuple(str(one)[:LONGEST_TEXT].strip().casefold() for one in read)

    def _derive(self, tag: Tag) -> tuple[Value, ...]:
        if tag is Tag.PATIENT_AGE:
            years = _years(_day(self.study.birth_date), _day(self.study.study_date))
            return () if years is None else (float(years),)
        if tag is Tag.SERIES_COUNT:
            return (float(len(self.series)),)
        if tag is Tag.PHASE:
            return (phase_by_words(self.study, self.series).value,)
        guesses = self.guesses()
        nothing = RoleGuess(Role.NONE, 0.0, "")
        own = [guesses.get(one.series_uid, nothing) for one in self.series]
        if tag is Tag.ROLE:
            return tuple(guess.role.value.casefold() for guess in own)
        return tuple(guess.confidence for guess in own)


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text[:8], "%Y%m%d").date()
    except ValueError:
        return None


def _years(born: date | None, seen: date | None) -> int | None:
    if born is None or seen is None or seen < born:
        return None
    return seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
