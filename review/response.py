"""Suggested response by RANO 2.0 for every visit of a course: pure, and anew from the start each time it is asked.

Wen et al., J Clin Oncol 2023;41:5187-5199; volumes are an optional measure there, products of diameters the usual
one. Which rule comes from where, and what is our reading: docs/response.md. Nothing here decides: an overall
response needs the clinic, and every answer says which facts it lacked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, time

from review.change_figures import chance
from review.course_facts import ClinicalStatus, Event, EventKind, PatientFacts, Visit
from review.response_burden import (
    Disease,
    enhancing_area,
    enhancing_volume,
    is_down_to,
    is_measurable,
    nonenhancing_volume,
    reaches,
)
from review.response_confirmation import confirmed
from review.response_course import NO_TREATMENT, Course, Epoch, epoch_of, epochs
from review.response_rating import RESPONSES, Rating, rate, together
from review.response_types import Assessment, Burden, Category, Measure, NonEnhancing, Profile
from segmentation.change import probability_ratio_at_least, probability_ratio_at_most
from segmentation.types import VolumeEstimate

STEROID, STATUS, RADIOTHERAPY = "steroid dose", "clinical status", "end of radiotherapy"


def assess(
    visits: Sequence[Visit],
    events: Sequence[Event],
    facts: PatientFacts,
    profile: Profile,
    measure: Measure,
    today: date,
) -> tuple[Assessment, ...]:
    """One answer per counted visit, oldest first; `today` tells a confirmation to come from one that is overdue."""
    counted = sorted((v for v in visits if v.counts and v.on), key=lambda v: (v.on, v.at or time.min))
    course = Course(tuple(counted), tuple(sorted(events, key=lambda e: e.on)), facts, profile)
    reader = _Reader(course, measure, epochs(course))
    drafts = [reader.assessment(index) for index in range(len(counted))]
    stretches = [epoch_of(course, reader.epochs, index) for index in range(len(counted))]
    return confirmed(course, drafts, stretches, today)


@dataclass(frozen=True, slots=True)
class _Reference:
    """What a visit is compared with: indices of its baseline and of the smallest disease since, itself left out."""

    baseline: int
    nadir: int


@dataclass(frozen=True, slots=True)
class _Reader:
    """One course read by one measure; later scans have not spoken yet."""

    course: Course
    measure: Measure
    epochs: list[Epoch]

    def assessment(self, index: int) -> Assessment:
        """The answer for one visit, before confirmation."""
        epoch = epoch_of(self.course, self.epochs, index)
        if epoch is None:
            category, words = self._before_all()
            return self._answer(index, Rating(category, (words,)))
        if epoch.baseline is None or index < epoch.baseline:
            return self._answer(index, Rating(Category.NOT_RATED, (epoch.words,)))
        if index == epoch.baseline:
            return self._answer(index, Rating(Category.BASELINE, (epoch.words,)), epoch.baseline)
        return self._compared(index, epoch, epoch.baseline)

    def _before_all(self) -> tuple[Category, str]:
        if self.epochs:
            return Category.NOT_RATED, f"Before treatment. {self.epochs[0].words}"
        return Category.NOT_EVALUABLE, NO_TREATMENT

    def _disease(self, index: int) -> Disease | None:
        visit, profile = self.course.visits[index], self.course.profile
        if self.measure == Measure.VOLUME:
            return enhancing_volume(visit, profile)
        return enhancing_area(visit, profile)

    def _compared(self, index: int, epoch: Epoch, baseline: int) -> Assessment:
        diseases = {i: self._disease(i) for i in range(baseline, index + 1)}
        now, first = diseases[index], diseases[baseline]
        if now is None or first is None:
            where = "here" if now is None else "at the baseline"
            what = "volume" if self.measure == Measure.VOLUME else "diameters"
            words = f"The {what} of the enhancing tumour was not measured {where}."
            return self._answer(index, Rating(Category.NOT_EVALUABLE, (epoch.words, words)), baseline)
        earlier = {i: one for i, one in diseases.items() if one is not None and i < index}
        nadir = min(earlier, key=lambda i: (earlier[i].value, i))
        refers = _Reference(baseline, nadir)
        rating = self._rate(now, first, earlier[nadir], str(self.course.day(nadir)))
        rating = replace(rating, reasons=(epoch.words, *rating.reasons))
        rating = self._with_other_disease(rating, index, refers)
        rating = self._with_new_lesions(rating, index, baseline)
        rating = self._with_clinic(rating, index, baseline)
        answer = self._answer(index, rating, baseline, nadir)
        return _with_probabilities(answer, now, first, earlier[nadir], self.course.profile)

    def _rate(self, now: Disease, first: Disease, nadir: Disease, nadir_on: str) -> Rating:
        profile = self.course.profile
        limits = profile.volume if now.estimate is not None else profile.area
        return rate(now, first, nadir, limits, has_minor=profile.has_minor_response, nadir_on=nadir_on)

    def _with_other_disease(self, rating: Rating, index: int, refers: _Reference) -> Rating:
        """Disease without enhancement, where the profile asks for it and volumes are compared."""
        rule = self.course.profile.non_enhancing
        if rule == NonEnhancing.NEVER or self.measure != Measure.VOLUME:
            return rating
        surgeries = self.course.dates(EventKind.SURGERY)
        after_surgery = any(on < self.course.day(refers.baseline) for on in surgeries)
        found = {
            i: nonenhancing_volume(self.course.visits[i], after_surgery=after_surgery)
            for i in range(refers.baseline, index + 1)
        }
        known = {i: one for i, one in found.items() if one is not None}
        if index not in known or refers.baseline not in known:
            return rating
        nadir = min((i for i in known if i < index), key=lambda i: (known[i].value, i))
        if rule == NonEnhancing.ALWAYS:
            other = self._rate(
                known[index], known[refers.baseline], known[nadir], str(self.course.day(nadir))
            )
            return together(rating, other)
        grown = reaches(known[index].value, self.course.profile.volume.progression, known[nadir].value)
        if self.course.bevacizumab(self.course.day(index)) and grown and known[index].value > 0:
            return rating.noting(
                f"Under bevacizumab: {known[index].what} went from {known[nadir].words} to {known[index].words}. "
                "A reader has to judge whether that is progression; the volume alone is not taken for it."
            )
        return rating

    def _with_new_lesions(self, rating: Rating, index: int, baseline: int) -> Rating:
        """A measurable lesion that no earlier scan since the baseline shows, or that was too small until now."""
        visits, profile = self.course.visits, self.course.profile
        then, now = visits[baseline].lesions, visits[index].lesions
        if not now or then is None or any(one.number is None for one in (*then, *now)):
            return rating
        known = {number for one in then for number in (one.number, *one.parents)}
        new = [
            one
            for one in now
            if is_measurable(one, profile) and one.number not in known and not known & set(one.parents)
        ]
        if not new:
            return rating
        names = ", ".join(str(one.number) for one in new)
        return rating.because(Category.PROGRESSION, f"New measurable lesion (number {names}): PD.")

    def _with_clinic(self, rating: Rating, index: int, baseline: int) -> Rating:
        if rating.category == Category.PROGRESSION:
            return rating
        if self.course.status(index) == ClinicalStatus.WORSE:
            worse = rating.because(
                Category.PROGRESSION, "Clinically worse, not explained by anything else: PD."
            )
            return replace(worse, by_images=False)
        if self.course.has(EventKind.NONTARGET_PROGRESSION, index):
            words = "A reader saw clear worsening of disease that is not measured: PD."
            return rating.because(Category.PROGRESSION, words)
        return self._with_steroids(rating, index, baseline)

    def _with_steroids(self, rating: Rating, index: int, baseline: int) -> Rating:
        dose = self.course.steroid_mg(self.course.day(index))
        reference = self.course.steroid_mg(self.course.day(baseline))
        if dose is None or reference is None or rating.category == Category.NOT_EVALUABLE:
            return rating
        if dose > reference:
            words = f"Dexamethasone {dose:g} mg a day, {reference:g} at the baseline: more steroids alone are no PD,"
            return rating.because(
                Category.NOT_EVALUABLE,
                f"{words} but {rating.category} cannot be told until the dose is back.",
            )
        allowed_mg = self.course.profile.physiological_steroid_mg
        if rating.category == Category.COMPLETE and dose > allowed_mg:
            return rating.because(
                Category.PARTIAL,
                f"CR allows no more than {allowed_mg:g} mg dexamethasone, {dose:g} are given: PR.",
            )
        return rating

    def _answer(
        self, index: int, rating: Rating, baseline: int | None = None, nadir: int | None = None
    ) -> Assessment:
        visit, on = self.course.visits[index], self.course.day(index)
        window, words = self.course.window(on)
        rated = baseline is not None and index != baseline
        progressed = rating.category == Category.PROGRESSION
        caution = (words,) if progressed and rating.by_images else ()
        return Assessment(
            study_uid=visit.study_uid,
            result_id=visit.result_id,
            on=on,
            measure=self.measure,
            profile=self.course.profile.name,
            category=rating.category,
            reasoning=(*rating.reasons, *caution),
            window=window,
            burden=_burden(self._disease(index)),
            baseline_uid=self.course.visits[baseline].study_uid if baseline is not None else "",
            nadir_uid=self.course.visits[nadir].study_uid if nadir is not None else "",
            ratio_to_baseline=rating.ratio_to_baseline,
            ratio_to_nadir=rating.ratio_to_nadir,
            progressed_on=self._progressed_on(index, baseline, rating) if progressed else None,
            is_preliminary=progressed and rating.by_images,
            missing=self._missing(index) if rated else (),
        )

    def _progressed_on(self, index: int, baseline: int | None, rating: Rating) -> date:
        """The visit's day; a deterioration that follows a rise of steroids counts from that rise."""
        on = self.course.day(index)
        if rating.by_images or baseline is None:
            return on
        return self.course.first_raised_dose_on(self.course.day(baseline), on) or on

    def _missing(self, index: int) -> tuple[str, ...]:
        on = self.course.day(index)
        lacks = {
            STEROID: self.course.steroid_mg(on) is None,
            STATUS: self.course.status(index) is None,
            RADIOTHERAPY: not self.course.dates(EventKind.RADIOTHERAPY_END),
        }
        return tuple(name for name, lacking in lacks.items() if lacking)


def _burden(disease: Disease | None) -> Burden | None:
    if disease is None:
        return None
    estimate = disease.estimate
    low, high = (estimate.low_ml, estimate.high_ml) if estimate else (None, None)
    return Burden(disease.value, low, high, disease.what)


def _with_probabilities(
    answer: Assessment, now: Disease, first: Disease, nadir: Disease, profile: Profile
) -> Assessment:
    """How far measurement error could make the answer, for volumes, whose errors are known."""
    if now.estimate is None or first.estimate is None or nadir.estimate is None:
        return answer
    noise = _probability_of_noise(answer.category, now.estimate, first.estimate, nadir.estimate, profile)
    words = (
        "" if noise is None else f"Chance that measurement error alone explains the change: {chance(noise)}."
    )
    return replace(
        answer,
        probability_of_noise=noise,
        probability_of_progression=probability_ratio_at_least(
            nadir.estimate, now.estimate, profile.volume.progression
        ),
        probability_of_response=probability_ratio_at_most(
            first.estimate, now.estimate, profile.volume.partial
        ),
        reasoning=(*answer.reasoning, words) if words else answer.reasoning,
    )


def _probability_of_noise(
    category: Category, now: VolumeEstimate, first: VolumeEstimate, nadir: VolumeEstimate, profile: Profile
) -> float | None:
    """That the true enhancing tumour did not move this way; None where it is not what made the category."""
    if category == Category.PROGRESSION and reaches(now.ml, profile.volume.progression, nadir.ml):
        return probability_ratio_at_most(nadir, now, 1.0)
    limit = profile.volume.minor if profile.has_minor_response else profile.volume.partial
    if category in RESPONSES and is_down_to(now.ml, limit, first.ml):
        return probability_ratio_at_least(first, now, 1.0)
    return None
