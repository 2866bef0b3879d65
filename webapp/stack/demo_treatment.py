"""What was done to the demo's patient, entered over the API, so that the response has its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from webapp.stack.errors import StackError
from webapp.stack.plan import Plan
from webapp.stack.up import api, say

TREATMENT: tuple[tuple[int, dict[str, Any]], ...] = (
    (4, {"kind": "diagnosis", "idh": "wildtype", "note": "Glioblastoma (synthetic)"}),
    (4, {"kind": "surgery", "histology": "tumour"}),
    (23, {"kind": "radiotherapy_start", "note": "40 Gy in 15 fractions"}),
    (44, {"kind": "radiotherapy_end"}),
    (70, {"kind": "steroid_dose", "dose_mg": 2}),
    (72, {"kind": "clinical_status", "status": "stable"}),
    (151, {"kind": "clinical_status", "status": "stable"}),
)
"""Days after the first visit: the phantom is seen at 0, operated within a week, seen again at 72 and 151."""


def tell_treatment(plan: Plan, studies: Sequence[dict[str, Any]]) -> None:
    """Enter the events once, and say what the rules make of the visits.

    Raises:
        StackError: the API refused one.
    """
    first, address = studies[0], f"patients/{studies[0]['study_uid']}"
    with api(plan) as client:
        if not client.get(f"{address}/events/").raise_for_status().json():
            for days, event in TREATMENT:
                on = date.fromisoformat(first["study_date"]) + timedelta(days=days)
                answer = client.post(f"{address}/events/", json={"on": on.isoformat(), **event})
                if answer.status_code != 201:
                    raise StackError(f"The event {event['kind']} was refused: {answer.text}")
        course = client.get(f"{address}/timeline/").raise_for_status().json()
    words = ", ".join(f"{one['on']} {one['category']}" for one in course["volumetric"])
    say(f"  suggested response ({course['profile']}): {words}")
