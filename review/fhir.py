"""A result as a FHIR R4 bundle: ImagingStudy, an Observation for each volume, and a DiagnosticReport over them.

The interval of a volume stands in two components, because R4's referenceRange is about what is normal. The report
carries the site's report text. UIDs are `urn:oid:` identifiers (FHIR R4, ImagingStudy); nothing is measured or rounded
anew here.
"""

from __future__ import annotations

import base64
import uuid
from typing import Any

from orthanc.codes import FINDINGS
from orthanc.sr import RESEARCH_STATEMENT
from orthanc.types import MeasuredRegion
from review.macros import templates_for, text_of
from review.models import Measurement, Result, Study

OURS = "urn:glioma-review"
SNOMED, UCUM, LOINC = "http://snomed.info/sct", "http://unitsofmeasure.org", "http://loinc.org"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
MR_BRAIN = {"coding": [{"system": LOINC, "code": "24590-2", "display": "MR Brain"}]}

Resource = dict[str, Any]


def bundle_of(study: Study, result: Result) -> Resource:
    """The bundle of a study and the result that speaks for it; the same rows give the same bundle."""
    observations = [_observation(study, result, row) for row in result.volumes.values()]
    resources = [_imaging_study(study), *observations, _report(study, result, observations)]
    entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "collection", "timestamp": _at(result), "entry": entries}


def _id(*words: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, words))))


def _at(result: Result) -> str:
    return result.created_at.isoformat()


def _subject(study: Study) -> Resource:
    system = {"system": f"{OURS}:{study.patient_id_issuer}"} if study.patient_id_issuer else {}
    return {"identifier": {**system, "value": study.patient_id or "unknown"}}


def _imaging_study(study: Study) -> Resource:
    started = {"started": study.study_date.isoformat()} if study.study_date else {}
    return {
        "resourceType": "ImagingStudy",
        "id": _id(study.study_uid),
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{study.study_uid}"}],
        "status": "available",
        "modality": [{"system": DCM, "code": "MR"}],
        "subject": _subject(study),
        **started,
    }


def _observation(study: Study, result: Result, row: Measurement) -> Resource:
    finding = FINDINGS[MeasuredRegion(row.compartment)]
    return {
        "resourceType": "Observation",
        "id": _id(study.study_uid, result.pk, row.compartment),
        "status": "preliminary",
        "code": {
            "coding": [{"system": SNOMED, "code": "118565006", "display": "Volume"}],
            "text": f"{finding.text} ({row.compartment}), volume",
        },
        "bodySite": {"coding": [{"system": SNOMED, "code": "12738006", "display": "Brain"}]},
        "subject": _subject(study),
        "effectiveDateTime": study.study_date.isoformat() if study.study_date else _at(result),
        "derivedFrom": [{"reference": f"urn:uuid:{_id(study.study_uid)}"}],
        "method": {"text": f"{result.model_name} {result.model_version}"},
        "valueQuantity": _millilitres(row.ml),
        "component": [
            _limit("VOL95LOW", "Lower limit of the 95 % interval", row.low_ml),
            _limit("VOL95HIGH", "Upper limit of the 95 % interval", row.high_ml),
        ],
    }


def _limit(code: str, text: str, ml: Any) -> Resource:
    coded = {"coding": [{"system": f"{OURS}:codes", "code": code, "display": text}], "text": text}
    return {"code": coded, "valueQuantity": _millilitres(ml)}


def _millilitres(ml: Any) -> Resource:
    return {"value": float(ml), "unit": "mL", "system": UCUM, "code": "mL"}


def _report(study: Study, result: Result, observations: list[Resource]) -> Resource:
    return {
        "resourceType": "DiagnosticReport",
        "id": _id(study.study_uid, result.pk, "report"),
        "status": "preliminary",
        "code": MR_BRAIN,
        "subject": _subject(study),
        "issued": _at(result),
        "imagingStudy": [{"reference": f"urn:uuid:{_id(study.study_uid)}"}],
        "result": [{"reference": f"urn:uuid:{one['id']}"} for one in observations],
        "conclusion": _conclusion(result),
        **_presented(result),
    }


def _presented(result: Result) -> Resource:
    """The site's report text as it is at this moment; none where no template fits."""
    template = templates_for(result).first()
    if template is None:
        return {}
    text = text_of(template.current, result)
    attachment = {
        "contentType": "text/plain; charset=utf-8",
        "language": template.language,
        "data": base64.b64encode(text.encode()).decode(),
        "title": f"{template.current}, {_review(result)}",
    }
    return {"presentedForm": [attachment]}


def _review(result: Result) -> str:
    names = ", ".join(result.reviewed_by)
    return f"reviewed by {names}" if names else "not reviewed by a radiologist"


def _conclusion(result: Result) -> str:
    """Plain words of the stored measurement, with everything that limits it."""
    lines = [
        f"{FINDINGS[MeasuredRegion(row.compartment)].text}: {row.ml:.2f} mL "
        f"(95 % interval {row.low_ml:.2f} to {row.high_ml:.2f})."
        for row in result.volumes.values()
    ]
    if result.is_flagged:
        lines.insert(0, "A reader flagged this result as poor.")
    limits = [f"Not validated for this: {one['words']}" for one in result.not_validated]
    last = [result.model_statement, f"{_review(result).capitalize()}.", RESEARCH_STATEMENT]
    return "\n".join([*lines, *limits, *result.warnings, *last])
