"""Category of one amount of disease against its baseline and nadir, and how two amounts are read together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from review.response_burden import Disease, is_down_to, reaches
from review.response_types import Category, Thresholds

RESPONSES = (Category.COMPLETE, Category.PARTIAL, Category.MINOR)
_BEST_FIRST = (Category.PARTIAL, Category.MINOR, Category.STABLE)


@dataclass(frozen=True, slots=True)
class Rating:
    """What one comparison says, step by step."""

    category: Category
    reasons: tuple[str, ...]
    ratio_to_baseline: float | None = None
    ratio_to_nadir: float | None = None
    by_images: bool = True
    """False where the clinic, not the images, made it progression."""

    def because(self, category: Category, words: str) -> Rating:
        """Another category, for one more reason."""
        return replace(self, category=category, reasons=(*self.reasons, words))

    def noting(self, words: str) -> Rating:
        """The same, with one more line."""
        return replace(self, reasons=(*self.reasons, words))


def rate(
    now: Disease, baseline: Disease, nadir: Disease, limits: Thresholds, *, has_minor: bool, nadir_on: str
) -> Rating:
    """Compare an amount with the baseline and with the smallest since."""
    to_baseline = now.value / baseline.value if baseline.value > 0 else None
    to_nadir = now.value / nadir.value if nadir.value > 0 else None
    rating = Rating(Category.STABLE, (f"Now {now.words} {now.what}.",), to_baseline, to_nadir)
    rating = rating.noting(_compared("nadir", nadir, to_nadir, f" on {nadir_on}"))
    grown = _growth(rating, now, baseline, nadir, limits)
    if grown is not None:
        return grown
    rating = rating.noting(_compared("baseline", baseline, to_baseline, ""))
    return _fall(rating, now, baseline, limits, has_minor=has_minor)


def _compared(name: str, reference: Disease, ratio: float | None, when: str) -> str:
    if ratio is None:
        return f"The {name}{when} was nothing: there is no ratio."
    return f"{name.capitalize()}{when}: {reference.words}; ratio {ratio:.3f}."


def _growth(
    rating: Rating, now: Disease, baseline: Disease, nadir: Disease, limits: Thresholds
) -> Rating | None:
    """Progression, or that it cannot be told; None where there is none."""
    if now.value <= 0 or now.is_measurable is False:
        return None
    if nadir.value <= 0:
        return _reappeared(rating, now)
    if not reaches(now.value, limits.progression, nadir.value):
        return None
    if baseline.is_measurable is False:
        words = f"Grown to measurable size, {limits.progression:.2f} times the nadir or more: PD."
    else:
        words = f"At or above {limits.progression:.2f} times the nadir: PD."
    return rating.because(Category.PROGRESSION, words)


def _reappeared(rating: Rating, now: Disease) -> Rating:
    if now.is_measurable:
        return rating.because(Category.PROGRESSION, "Measurable disease where there was none: PD.")
    words = "Disease is back, of a shape that was not measured: whether it is measurable is unknown."
    return rating.because(Category.NOT_EVALUABLE, words)


def _fall(rating: Rating, now: Disease, baseline: Disease, limits: Thresholds, *, has_minor: bool) -> Rating:
    if now.value > 0 and now.is_measurable is False:
        rating = rating.noting("Not measurable by shape: watched; PD once it has grown to measurable size.")
    if baseline.value <= 0 or baseline.is_measurable is False:
        return rating.noting("The baseline had no measurable disease: PR and CR are impossible. SD.")
    if now.value <= 0:
        return rating.because(Category.COMPLETE, "All of it is gone: CR.")
    if is_down_to(now.value, limits.partial, baseline.value):
        return rating.because(Category.PARTIAL, f"At or below {limits.partial:.2f} of the baseline: PR.")
    if has_minor and is_down_to(now.value, limits.minor, baseline.value):
        return rating.because(Category.MINOR, f"At or below {limits.minor:.2f} of the baseline: MR.")
    words = f"Above {limits.partial:.2f} of the baseline and no growth to {limits.progression:.2f} times the nadir: SD."
    return rating.noting(words)


def together(enhancing: Rating, other: Rating) -> Rating:
    """Enhancing and non-enhancing disease read in parallel, as in IDH-mutant glioma.

    PD with anything is PD; CR needs both; MR or PR with SD stays MR or PR; CR with another is that other.
    """
    categories = {enhancing.category, other.category}
    reasons = (*enhancing.reasons, *other.reasons)
    if Category.PROGRESSION in categories:
        category = Category.PROGRESSION
    elif Category.NOT_EVALUABLE in categories:
        category = Category.NOT_EVALUABLE
    elif categories == {Category.COMPLETE}:
        category = Category.COMPLETE
    else:
        category = next(one for one in _BEST_FIRST if one in categories)
    words = f"Enhancing {enhancing.category} and non-enhancing {other.category} together: {category}."
    return replace(enhancing, category=category, reasons=(*reasons, words))
