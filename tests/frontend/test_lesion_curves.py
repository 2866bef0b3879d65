"""Each lesion under its own number, on the chart and in the table; what became of it in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.test import Client

from review.models import Following, Result, TrackedLesion
from tests.frontend.test_patient_pages import curve_of, make_visit

LogIn = Callable[[str], Client]
pytestmark = pytest.mark.django_db

LESION: dict[str, Any] = {
    "nonenhancing_core_ml": 1.0, "oedema_ml": 5.0, "long_diameter_mm": 21.4, "perpendicular_diameter_mm": 14.6,
    "n_slices": 5, "is_measurable": True, "hemisphere": "left", "lobe": "frontal",
}  # fmt: skip


def show(result: Result, **lesions: tuple[float, str, list[str]]) -> None:
    """Give a result lesions by tracking UID: what enhances in mL, the fate, and the parents."""
    Following.objects.create(result=result, state=Following.State.FOLLOWED)
    stored = []
    for component, (uid, (ml, fate, parents)) in enumerate(lesions.items(), start=1):
        stored.append({**LESION, "number": component, "enhancing_ml": ml})
        TrackedLesion.objects.create(
            result=result, component=component, tracking_uid=uid, fate=fate, parents=parents
        )
    Result.objects.filter(pk=result.pk).update(lesions=stored)


@pytest.fixture
def course() -> list[Result]:
    """One lesion; a second appears, then grows into the first; at last nothing is left."""
    results = [make_visit(n, date(2026, 1 + n, 1)) for n in range(4)]
    show(results[0], a=(6.8, "first", []))
    show(results[1], a=(4.0, "same", []), b=(1.25, "new", []))
    show(results[2], a=(7.0, "merged", ["b"]))
    show(results[3])
    return results


def test_every_lesion_has_one_number_and_colour_and_its_own_line(
    as_role: LogIn, course: list[Result]
) -> None:
    first, second = curve_of(as_role("viewer"), course[0])["lesions"]
    assert (first["number"], second["number"]) == (1, 2)
    assert first["colour"] != second["colour"]
    assert [(one["date"], one["ml"], one["fate"]) for one in first["points"]] == [
        ("2026-01-01", "6.80", ""),
        ("2026-02-01", "4.00", ""),
        ("2026-03-01", "7.00", "merged with 2"),
        ("2026-04-01", "0.00", "gone"),
    ]
    assert [(one["date"], one["ml"], one["fate"]) for one in second["points"]] == [
        ("2026-02-01", "1.25", "new")
    ]


def test_the_table_says_the_same_and_where_a_lesion_went(as_role: LogIn, course: list[Result]) -> None:
    client = as_role("viewer")
    page = client.get(f"/patients/{course[0].study_id}/").content.decode()
    table = page[page.index("lesions-table") : page.index("Lesions have no intervals")]
    colours = [one["colour"] for one in curve_of(client, course[0])["lesions"]]
    assert all(f'fill="{colour}"' in table for colour in colours)
    for words in ("left frontal", "6.80", "21 x 15 mm", "merged into 1", "merged with 2", "gone", ">new<"):
        assert words in table, words


def test_lesions_that_could_not_be_followed_say_why(as_role: LogIn, course: list[Result]) -> None:
    TrackedLesion.objects.filter(result=course[1]).delete()
    words = "The heads could not be laid together."
    Following.objects.filter(result=course[1]).update(state=Following.State.UNSURE, words=words)
    client = as_role("viewer")
    assert words in client.get(f"/patients/{course[0].study_id}/").content.decode()
    (only,) = curve_of(client, course[0])["lesions"]
    assert [one["date"] for one in only["points"]] == ["2026-01-01", "2026-03-01", "2026-04-01"]


def test_a_course_without_followed_lesions_has_no_table_of_them(as_role: LogIn) -> None:
    result = make_visit(1, date(2026, 1, 1))
    client = as_role("viewer")
    assert curve_of(client, result)["lesions"] == []
    assert "Lesions over visits" not in client.get(f"/patients/{result.study_id}/").content.decode()
