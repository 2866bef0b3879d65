"""What changed, as report templates name it: the same figures as on the patient's page, written out."""

from __future__ import annotations

from collections.abc import Mapping

from review.change_figures import chance, percent_more, signed_ml
from review.changes import change_since_nadir
from review.response_types import Assessment, Timeline
from segmentation.change import VolumeChange

CHANGE_FIELDS = {
    "change_ml": "the change in mL with its sign, +1.70; empty where there is nothing to compare with",
    "change_low_ml": "the lower end of the 95 % interval of the change",
    "change_high_ml": "the upper end",
    "change_percent": "the change in percent, +40; empty where there was nothing before",
    "change_low_percent": "the lower end of its 95 % interval",
    "change_high_percent": "the upper end; empty where it has none, because there may have been nothing before",
}
NADIR_WORDS = "of the enhancing tumour as the rules take it, since the nadir: "
NADIR_VARIABLES = {
    **{f"nadir_{name}": f"{NADIR_WORDS}{words}" for name, words in CHANGE_FIELDS.items()},
    "noise_chance": "the probability that error of measurement alone explains the suggested response, 3.1 %",
}


def written_change(change: VolumeChange | None) -> dict[str, str]:
    """One change, field by field; empty texts where there is none."""
    if change is None:
        return dict.fromkeys(CHANGE_FIELDS, "")
    ratios = (change.ratio, change.low_ratio, change.high_ratio)
    amounts = (change.difference_ml, change.low_ml, change.high_ml)
    texts = [
        *(signed_ml(one) for one in amounts),
        *(percent_more(one) if one is not None else "" for one in ratios),
    ]
    return dict(zip(CHANGE_FIELDS, texts, strict=True))


def since_nadir(course: Timeline, answer: Assessment | None, language: str) -> Mapping[str, str]:
    """The change since the nadir that the suggested response stands on; empty texts without a response."""
    found = change_since_nadir(course, answer) if answer else None
    noise = answer.probability_of_noise if answer else None
    told = "" if noise is None else chance(noise, language)
    return {
        **{f"nadir_{name}": text for name, text in written_change(found.volume if found else None).items()},
        "noise_chance": told,
    }
