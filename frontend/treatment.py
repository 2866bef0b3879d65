"""Treatment as people read it: words for every event, and the lanes in which the chart draws them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from review.course_facts import ClinicalStatus, Event, EventKind, Histology, IdhStatus

KIND_WORDS = {
    EventKind.DIAGNOSIS: "Diagnosis",
    EventKind.SURGERY: "Surgery",
    EventKind.BIOPSY: "Biopsy",
    EventKind.RADIOTHERAPY_START: "Radiotherapy, start",
    EventKind.RADIOTHERAPY_END: "Radiotherapy, end",
    EventKind.CHEMOTHERAPY: "Chemotherapy cycle",
    EventKind.BEVACIZUMAB_START: "Bevacizumab, start",
    EventKind.BEVACIZUMAB_END: "Bevacizumab, end",
    EventKind.NEW_THERAPY: "New line of therapy",
    EventKind.STEROID_DOSE: "Steroid dose",
    EventKind.CLINICAL_STATUS: "Clinical status",
    EventKind.NONTARGET_PROGRESSION: "Unmeasured disease clearly worse",
}
STATUS_WORDS = {
    ClinicalStatus.IMPROVED: "improved",
    ClinicalStatus.STABLE: "stable",
    ClinicalStatus.WORSE: "worse, not explained by anything but the tumour",
    ClinicalStatus.WORSE_EXPLAINED: "worse, explained otherwise",
}
HISTOLOGY_WORDS = {
    Histology.TUMOUR: "tissue shows tumour",
    Histology.TREATMENT_EFFECT: "tissue shows treatment effect",
}
IDH_WORDS = {
    IdhStatus.UNKNOWN: "IDH status unknown",
    IdhStatus.WILDTYPE: "IDH wild type",
    IdhStatus.MUTANT: "IDH mutant",
}
STATUS_MARKS = {
    ClinicalStatus.IMPROVED: "better",
    ClinicalStatus.STABLE: "stable",
    ClinicalStatus.WORSE: "worse",
    ClinicalStatus.WORSE_EXPLAINED: "worse (other cause)",
}

LANES: dict[str, tuple[EventKind, ...]] = {
    "Diagnosis": (EventKind.DIAGNOSIS,),
    "Surgery": (EventKind.SURGERY, EventKind.BIOPSY),
    "Radiotherapy": (EventKind.RADIOTHERAPY_START, EventKind.RADIOTHERAPY_END),
    "Chemotherapy": (EventKind.CHEMOTHERAPY, EventKind.NEW_THERAPY),
    "Bevacizumab": (EventKind.BEVACIZUMAB_START, EventKind.BEVACIZUMAB_END),
    "Steroids": (EventKind.STEROID_DOSE,),
    "Clinic": (EventKind.CLINICAL_STATUS, EventKind.NONTARGET_PROGRESSION),
}
"""From top to bottom; a lane without an event is not drawn."""
PERIODS = {
    EventKind.RADIOTHERAPY_START: EventKind.RADIOTHERAPY_END,
    EventKind.BEVACIZUMAB_START: EventKind.BEVACIZUMAB_END,
}


def event_words(event: Event) -> str:
    """An event in one line, without its day: "Steroid dose: 4 mg a day"."""
    details = [
        f"{event.dose_mg:g} mg a day" if event.dose_mg is not None else "",
        STATUS_WORDS[event.status] if event.status else "",
        HISTOLOGY_WORDS[event.histology] if event.histology else "",
        IDH_WORDS[event.idh] if event.idh else "",
        event.note,
    ]
    told = "; ".join(one for one in details if one)
    return f"{KIND_WORDS[event.kind]}: {told}" if told else KIND_WORDS[event.kind]


def treatment_lanes(events: Sequence[Event], until: date) -> list[dict[str, Any]]:
    """The events by lane; what has begun and not ended reaches to `until`."""
    return [
        {"name": name, "items": items}
        for name, kinds in LANES.items()
        if (items := list(_items([event for event in events if event.kind in kinds], until)))
    ]


def _items(events: Sequence[Event], until: date) -> Iterator[dict[str, Any]]:
    ended: set[int] = set()
    for place, event in enumerate(events):
        if event.kind in PERIODS:
            end = _end_of(event, events[place + 1 :])
            ended |= {id(end)}
            yield _item(event, end.on if end else until, "", is_open=end is None)
        elif event.kind == EventKind.STEROID_DOSE:
            later = next((one.on for one in events[place + 1 :]), None)
            to = (later or until) if event.dose_mg else event.on
            yield _item(event, to, f"{event.dose_mg:g} mg", is_open=bool(event.dose_mg) and later is None)
        elif id(event) not in ended:
            yield _item(event, event.on, _mark(event), is_open=False)


def _end_of(start: Event, later: Iterable[Event]) -> Event | None:
    """What ends a period; a new start without an end in between leaves the first one open."""
    following = next((one for one in later if one.kind in (start.kind, PERIODS[start.kind])), None)
    return following if following is not None and following.kind == PERIODS[start.kind] else None


def _mark(event: Event) -> str:
    return STATUS_MARKS[event.status] if event.status else ""


def _item(event: Event, to: date, label: str, *, is_open: bool) -> dict[str, Any]:
    return {
        "from": event.on.isoformat(),
        "to": max(to, event.on).isoformat(),
        "is_open": is_open,
        "label": label,
        "words": event_words(event),
    }
