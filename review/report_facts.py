"""The facts of a result as report templates name them: stored numbers, written out, nothing computed anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from orthanc.types import MeasuredRegion
from review.course_changes import change_since_prior, visit_of
from review.german import all_in_german
from review.german_course import PROFILES_DE
from review.longitudinal import timeline_of
from review.models import Measurement, Result, SiteSettings, Study
from review.patients import key_of
from review.report_changes import since_nadir, written_change
from review.response_types import Timeline
from segmentation.change import VolumeChange

NAMES: dict[str, dict[str, str]] = {
    "en": {
        MeasuredRegion.WHOLE_TUMOUR: "Whole tumour",
        MeasuredRegion.TUMOUR_CORE: "Tumour core",
        MeasuredRegion.ENHANCING_TUMOUR: "Enhancing tumour",
        MeasuredRegion.OEDEMA: "Oedema",
        MeasuredRegion.NONENHANCING_CORE: "Non-enhancing core (necrosis, tumour or cavity)",
    },
    "de": {
        MeasuredRegion.WHOLE_TUMOUR: "Gesamter Tumor",
        MeasuredRegion.TUMOUR_CORE: "Tumorkern",
        MeasuredRegion.ENHANCING_TUMOUR: "Anreichernder Tumor",
        MeasuredRegion.OEDEMA: "Ödem",
        MeasuredRegion.NONENHANCING_CORE: "Nicht anreichernder Kern (Nekrose, Tumor oder Höhle)",
    },
}
GATES = {
    "en": "{passed} of {all} quality gates passed",
    "de": "{passed} von {all} Qualitätsprüfungen bestanden",
}

PRELIMINARY = {"en": " (preliminary)", "de": " (vorläufig)"}


def facts_of(result: Result, language: str) -> dict[str, Any]:
    """Everything that a template may name, of one result; `review.report.VARIABLES` says what each is."""
    study, site = result.study, SiteSettings.load()
    prior = prior_of(result)
    names = NAMES[language]
    counted = {code: one for code, one in result.volumes.items() if code not in result.struck}
    changes = _changes(result)
    passed = sum(gate["passed"] for gate in result.gates)
    return {
        "patient_name": _spoken(study.patient_name),
        "patient_id": study.patient_id,
        "study_date": _date(study),
        "study_description": study.description,
        "accession_number": study.accession_number,
        "volumes": [
            {**_volume(names[code], one, prior), **written_change(changes.get(MeasuredRegion(code)))}
            for code, one in counted.items()
        ],
        "left_out": [names[code] for code in result.volumes if code in result.struck],
        "prior_date": _date(prior.study) if prior else "",
        **_response(result, language),
        "quality": GATES[language].format(passed=passed, all=len(result.gates)) if result.gates else "",
        "warnings": _said(result.warnings, language),
        "not_validated": _said([str(one["words"]) for one in result.not_validated], language),
        "series": _series(result),
        "model": f"{result.model_name} {result.model_version}",
        "model_page": model_page(result.model_name, result.model_version),
        "model_statement": result.model_statement,
        "is_demo": result.model_is_demo,
        "reviewed_by": ", ".join(result.reviewed_by),
        "made_at": f"{result.created_at:%Y-%m-%d %H:%M}",
        "site_name": site.name,
        "disclaimer": site.disclaimer,
    }


def model_page(name: str, version: str) -> str:
    """Where this site says what a model is, on what it was measured, and what it is not for."""
    return f"{settings.SITE_URL}/models/?{urlencode({'name': name, 'version': version})}"


def prior_of(result: Result) -> Result | None:
    """The result of the visit before that counts, under any linked ID; None where no date tells which that is."""
    on = result.study.study_date
    if on is None:
        return None
    earlier = [visit for visit in _course_of(result).counted if visit.on is not None and visit.on < on]
    key = earlier[-1].result_id if earlier else None
    return Result.objects.select_related("study").get(pk=key) if key is not None else None


def _changes(result: Result) -> Mapping[MeasuredRegion, VolumeChange]:
    """What changed since the visit before that counts, as the patient's page shows it."""
    course = _course_of(result)
    mine = visit_of(course, result.study.study_uid)
    since = change_since_prior(course, result.study.study_uid)
    return since.volumes if mine and mine.result_id == result.pk and since else {}


def _said(sentences: list[str], language: str, where: str = "auf der Seite der Untersuchung") -> list[str]:
    """Sentences of the product in the language of the text, without their full stops."""
    return all_in_german(sentences, where) if language == "de" else [one.rstrip(".") for one in sentences]


def _response(result: Result, language: str) -> dict[str, Any]:
    """What the rules suggest for this visit; nothing where it does not count or there is nothing to compare with."""
    course = _course_of(result)
    mine = next((one for one in course.volumetric if one.result_id == result.pk), None)
    if mine is None or result.struck:
        empty = {"response": "", "response_rule": "", "response_reasons": [], "nadir_date": ""}
        return {**empty, **since_nadir(course, None, language)}
    nadir = next((visit.on for visit in course.visits if visit.study_uid == mine.nadir_uid), None)
    title = course.profile.title
    preliminary = PRELIMINARY[language] if mine.is_preliminary else ""
    return {
        "response": f"{mine.category.value}{preliminary}",
        "response_rule": PROFILES_DE[title] if language == "de" else title,
        "response_reasons": _said(list(mine.reasoning), language, "auf der Seite des Patienten"),
        "nadir_date": nadir.isoformat() if nadir else "",
        **since_nadir(course, mine, language),
    }


def _course_of(result: Result) -> Timeline:
    """The patient's course, read once for all the texts of one result."""
    known: Timeline | None = getattr(result, "_course", None)
    if known is None:
        known = timeline_of(key_of(result.study))
        result._course = known  # type: ignore[attr-defined]
    return known


def _volume(name: str, one: Measurement, prior: Result | None) -> dict[str, str]:
    before = prior.volumes.get(one.compartment) if prior and one.compartment not in prior.struck else None
    return {
        "name": name,
        "code": one.compartment,
        "ml": f"{one.ml:.2f}",
        "low_ml": f"{one.low_ml:.2f}",
        "high_ml": f"{one.high_ml:.2f}",
        "prior_ml": f"{before.ml:.2f}" if before else "",
        "prior_low_ml": f"{before.low_ml:.2f}" if before else "",
        "prior_high_ml": f"{before.high_ml:.2f}" if before else "",
    }


def _series(result: Result) -> list[dict[str, str]]:
    return [
        {
            "role": role,
            "number": str(one.get("series_number") or ""),
            "description": one.get("description", ""),
        }
        for role, one in sorted(result.job.chosen.items())
    ]


def _spoken(name: str) -> str:
    parts = [part.strip() for part in name.split("=")[0].split("^") if part.strip()]
    return ", ".join([parts[0], " ".join(parts[1:3])]) if len(parts) > 1 else "".join(parts)


def _date(study: Study) -> str:
    return study.study_date.isoformat() if study.study_date else ""
