"""The treatment around the visits: epochs with their baselines, the window after radiotherapy, steroids, status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from review.course_facts import ClinicalStatus, Event, EventKind, PatientFacts, Setting, Visit
from review.response_types import Profile, Window

A_DAY = timedelta(days=1)
NO_TREATMENT = "No treatment is entered, so there is no baseline. Enter surgery and radiotherapy."


@dataclass(frozen=True, slots=True)
class Epoch:
    """A stretch of the course with one baseline; surgery, radiotherapy or a new line of therapy starts another."""

    starts_on: date
    baseline: int | None
    """Index of a counted visit; None while there is none."""
    words: str
    """Which scan is the baseline, and why; or why there is none."""


@dataclass(frozen=True, slots=True)
class Course:
    """Counted visits, oldest first, with the events and facts that give them meaning."""

    visits: tuple[Visit, ...]
    events: tuple[Event, ...]
    facts: PatientFacts
    profile: Profile

    def dates(self, *kinds: EventKind) -> list[date]:
        """Days of the events of these kinds, oldest first."""
        return sorted(event.on for event in self.events if event.kind in kinds)

    def day(self, index: int) -> date:
        """The day of a counted visit, which always has one."""
        on = self.visits[index].on
        if on is None:
            raise ValueError("A visit without a date cannot count.")
        return on

    def first_from(self, on: date, *, after: bool = False) -> int | None:
        """The first visit on a day or later; `after`: strictly later."""
        found = (i for i in range(len(self.visits)) if self.day(i) > on or (self.day(i) == on and not after))
        return next(found, None)

    def last_until(self, on: date, not_before: date) -> int | None:
        """The last visit up to a day, after another."""
        found = [i for i in range(len(self.visits)) if not_before < self.day(i) <= on]
        return found[-1] if found else None

    def window(self, on: date) -> tuple[Window, str]:
        """Whether a day lies in the weeks after radiotherapy in which progression is preliminary, and why."""
        ends = [end for end in self.dates(EventKind.RADIOTHERAPY_END) if end <= on]
        starts = [start for start in self.dates(EventKind.RADIOTHERAPY_START) if start <= on]
        if starts and (not ends or ends[-1] < starts[-1]):
            return Window.UNKNOWN, "The end of radiotherapy is not entered: the 12-week rule is unknown."
        if ends:
            days = (on - ends[-1]).days
            inside = days <= self.profile.window_days
            place = "within" if inside else "after"
            words = f"{days} days after radiotherapy, {place} the {self.profile.window_days} days of caution."
            return (Window.INSIDE if inside else Window.OUTSIDE), words
        if self.facts.setting == Setting.RECURRENT:
            return Window.OUTSIDE, "Recurrent disease without radiotherapy entered: no 12-week rule."
        return Window.UNKNOWN, "No radiotherapy is entered: whether the 12-week rule holds is unknown."

    def steroid_mg(self, on: date) -> float | None:
        """The dose given on a day; None where none was ever entered up to then."""
        doses = [e for e in self.events if e.kind == EventKind.STEROID_DOSE and e.on <= on]
        return max(doses, key=lambda e: e.on).dose_mg if doses else None

    def first_raised_dose_on(self, since: date, until: date) -> date | None:
        """Start of the rise above the dose of `since` that still holds on `until`."""
        reference = self.steroid_mg(since)
        raised: date | None = None
        for event in sorted(self.events, key=lambda e: e.on):
            if event.kind != EventKind.STEROID_DOSE or not since < event.on <= until or reference is None:
                continue
            above = event.dose_mg is not None and event.dose_mg > reference
            raised = (raised or event.on) if above else None
        return raised

    def status(self, index: int) -> ClinicalStatus | None:
        """What was last noted between the visit before and shortly after this one."""
        on = self.day(index)
        since = self.day(index - 1) if index else date.min
        until = on + timedelta(days=self.profile.status_within_days)
        if index + 1 < len(self.visits):
            until = min(until, self.day(index + 1) - A_DAY)
        noted = [
            e for e in self.events if e.kind == EventKind.CLINICAL_STATUS and since < e.on <= max(until, on)
        ]
        return max(noted, key=lambda e: e.on).status if noted else None

    def has(self, kind: EventKind, index: int) -> bool:
        """Whether such an event lies between the visit before and this one."""
        since = self.day(index - 1) if index else date.min
        return any(since < on <= self.day(index) for on in self.dates(kind))

    def bevacizumab(self, on: date) -> bool:
        """Whether it was being given."""
        starts = [d for d in self.dates(EventKind.BEVACIZUMAB_START) if d <= on]
        ends = [d for d in self.dates(EventKind.BEVACIZUMAB_END) if d <= on]
        return bool(starts) and (not ends or ends[-1] < starts[-1])


def epochs(course: Course) -> list[Epoch]:
    """The epochs of a course, oldest first; empty where nothing says which scan could be a baseline."""
    found = [
        *(_after_surgery(course, on) for on in course.dates(EventKind.SURGERY)),
        *(_after_radiotherapy(course, on) for on in course.dates(EventKind.RADIOTHERAPY_END)),
        *(_during_radiotherapy(course, on) for on in course.dates(EventKind.RADIOTHERAPY_START)),
        *(_new_therapy(course, on) for on in course.dates(EventKind.NEW_THERAPY)),
    ]
    if not found and course.facts.setting == Setting.RECURRENT and course.visits:
        words = f"Baseline, provisional: {course.day(0)}, the first scan; no new therapy is entered."
        found = [Epoch(course.day(0) - A_DAY, 0, words)]
    # Of those that start on one day the later in this list decides: the sort keeps their order.
    chosen = next((i for i, v in enumerate(course.visits) if v.study_uid == course.facts.baseline_uid), None)
    if course.facts.baseline_uid and chosen is not None:
        words = f"Baseline: {course.day(chosen)}, chosen by a person."
        found.append(Epoch(course.day(chosen) - A_DAY, chosen, words))
    return sorted(found, key=lambda epoch: epoch.starts_on)


def epoch_of(course: Course, known: Sequence[Epoch], index: int) -> Epoch | None:
    """The epoch of a visit: the last one begun the day before or earlier."""
    begun = [epoch for epoch in known if epoch.starts_on < course.day(index)]
    return begun[-1] if begun else None


def _after_surgery(course: Course, on: date) -> Epoch:
    later_surgery = next((d for d in course.dates(EventKind.SURGERY) if d > on), date.max)
    radiated = course.dates(EventKind.RADIOTHERAPY_START, EventKind.RADIOTHERAPY_END)
    newly = course.facts.setting == Setting.NEWLY_DIAGNOSED and not any(d <= on for d in radiated)
    if newly and any(on < d < later_surgery for d in radiated):
        return Epoch(on, None, "The baseline is the first scan after radiotherapy; this one is before it.")
    first = course.first_from(on, after=True)
    provisional = ", provisional as no radiotherapy is entered" if newly else ""
    return Epoch(on, first, _words(course, first, f"first scan after surgery of {on}{provisional}"))


def _after_radiotherapy(course: Course, on: date) -> Epoch:
    first = course.first_from(on)
    return Epoch(on - A_DAY, first, _words(course, first, f"first scan after radiotherapy ({on})"))


def _during_radiotherapy(course: Course, on: date) -> Epoch:
    ends = [d for d in course.dates(EventKind.RADIOTHERAPY_END) if d >= on]
    if ends:
        return Epoch(on, None, f"During radiotherapy ({on} to {ends[0]}): the baseline comes after it.")
    first = course.first_from(on, after=True)
    why = f"first scan after the start of radiotherapy ({on}); provisional, its end is not entered"
    return Epoch(on, first, _words(course, first, why))


def _new_therapy(course: Course, on: date) -> Epoch:
    surgeries = [d for d in course.dates(EventKind.SURGERY) if d <= on]
    before = course.last_until(on, surgeries[-1] if surgeries else date.min)
    if before is not None:
        return Epoch(on, before, _words(course, before, f"last scan before the new therapy of {on}"))
    first = course.first_from(on, after=True)
    return Epoch(
        on, first, _words(course, first, f"first scan after the new therapy of {on}, none before it")
    )


def _words(course: Course, index: int | None, why: str) -> str:
    if index is None:
        return f"No baseline yet: it will be the {why}."
    return f"Baseline: {course.day(index)}, {why}."
