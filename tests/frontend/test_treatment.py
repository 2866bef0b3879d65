"""Treatment in words and in the lanes of the chart."""

from __future__ import annotations

from datetime import date

from frontend.treatment import KIND_WORDS, LANES, event_words, treatment_lanes
from review.course_facts import ClinicalStatus, Event, EventKind, Histology, IdhStatus

UNTIL = date(2025, 12, 31)


def on(month: int, day: int = 1) -> date:
    return date(2025, month, day)


def lanes(*events: Event) -> dict[str, list[tuple[str, str, bool, str]]]:
    return {
        lane["name"]: [
            (one["from"][5:], one["to"][5:], one["is_open"], one["label"]) for one in lane["items"]
        ]
        for lane in treatment_lanes(events, UNTIL)
    }


def test_every_kind_of_event_has_words_and_exactly_one_lane() -> None:
    assert set(KIND_WORDS) == set(EventKind)
    assert sorted(kind for kinds in LANES.values() for kind in kinds) == sorted(EventKind)


def test_a_period_reaches_from_its_start_to_its_end_or_to_today() -> None:
    drawn = lanes(
        Event(EventKind.RADIOTHERAPY_START, on(2)),
        Event(EventKind.RADIOTHERAPY_END, on(3)),
        Event(EventKind.BEVACIZUMAB_START, on(5)),
    )
    assert drawn == {
        "Radiotherapy": [("02-01", "03-01", False, "")],
        "Bevacizumab": [("05-01", "12-31", True, "")],
    }


def test_an_end_without_a_start_is_a_day_and_a_start_twice_leaves_the_first_open() -> None:
    assert lanes(Event(EventKind.RADIOTHERAPY_END, on(3))) == {
        "Radiotherapy": [("03-01", "03-01", False, "")]
    }
    twice = lanes(
        Event(EventKind.RADIOTHERAPY_START, on(2)),
        Event(EventKind.RADIOTHERAPY_START, on(4)),
        Event(EventKind.RADIOTHERAPY_END, on(5)),
    )
    assert twice["Radiotherapy"] == [("02-01", "12-31", True, ""), ("04-01", "05-01", False, "")]


def test_a_steroid_dose_lasts_until_the_next_and_nothing_is_drawn_after_it_ended() -> None:
    doses = ((1, 8.0), (2, 2.5), (3, 0.0))
    drawn = lanes(*(Event(EventKind.STEROID_DOSE, on(month), dose_mg=dose) for month, dose in doses))
    assert drawn["Steroids"] == [
        ("01-01", "02-01", False, "8 mg"),
        ("02-01", "03-01", False, "2.5 mg"),
        ("03-01", "03-01", False, "0 mg"),
    ]


def test_a_dose_that_goes_on_is_open_to_the_end() -> None:
    assert lanes(Event(EventKind.STEROID_DOSE, on(1), dose_mg=4.0))["Steroids"] == [
        ("01-01", "12-31", True, "4 mg")
    ]


def test_words_say_all_that_was_entered() -> None:
    surgery = Event(
        EventKind.SURGERY, on(1), histology=Histology.TUMOUR, idh=IdhStatus.MUTANT, note="left frontal"
    )
    assert event_words(surgery) == "Surgery: tissue shows tumour; IDH mutant; left frontal"
    assert event_words(Event(EventKind.STEROID_DOSE, on(1), dose_mg=0.0)) == "Steroid dose: 0 mg a day"
    status = Event(EventKind.CLINICAL_STATUS, on(1), status=ClinicalStatus.STABLE)
    assert event_words(status) == "Clinical status: stable"
    assert event_words(Event(EventKind.CHEMOTHERAPY, on(1))) == "Chemotherapy cycle"
