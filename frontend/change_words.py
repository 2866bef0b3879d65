"""Changes and suggested responses as people read them: on the page, on hovering over the chart, in files."""

from __future__ import annotations

from frontend.formatting import day
from review.change_figures import chance, percent_more, signed_ml
from review.changes import ChangeSinceNadir
from review.response_types import Assessment, Profile
from segmentation.change import VolumeChange


def change_ml(change: VolumeChange) -> str:
    """A change in mL with its 95 % interval: "+1.70 mL (+0.90 to +3.00)"."""
    amount, low, high = (signed_ml(one) for one in (change.difference_ml, change.low_ml, change.high_ml))
    return f"{amount} mL ({low} to {high})"


def change_percent(change: VolumeChange) -> str:
    """The same in percent of the earlier amount; empty where there was none."""
    if change.ratio is None or change.low_ratio is None:
        return ""
    upwards = f"{percent_more(change.high_ratio)} %" if change.high_ratio is not None else "no upper limit"
    return f"{percent_more(change.ratio)} % ({percent_more(change.low_ratio)} to {upwards})"


def response_words(answer: Assessment) -> str:
    """The suggested category, and what is still open about it."""
    category = answer.category.value
    return f"{category}, preliminary" if answer.is_preliminary else category


def change_lines(answer: Assessment, change: ChangeSinceNadir | None, profile: Profile) -> list[str]:
    """The arithmetic behind a suggested response, a line for each step: what hovering over a point shows."""
    lines = []
    if change is not None:
        in_percent = change_percent(change.volume)
        lines.append(f"Since the nadir of {day(change.nadir_on)}: {change_ml(change.volume)}")
        limit = f"PD from {percent_more(profile.volume.progression)} %"
        lines.append(f"{in_percent}; {limit}" if in_percent else f"No disease at the nadir; {limit}")
    lines.append(f"Suggested: {response_words(answer)}")
    if answer.probability_of_noise is not None:
        lines.append(f"Chance that noise alone explains it: {chance(answer.probability_of_noise)}")
    return lines
