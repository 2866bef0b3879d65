"""Which patient IDs are one person's: an admin compares, links, and takes a link back. Nothing is merged by itself."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from frontend.formatting import patient_name
from frontend.pages.patient import find_patient
from frontend.permissions import admins_only
from review.course_facts import PatientKey
from review.longitudinal import linked_with, links_of
from review.models import IdentityLink, Study
from review.patients import PatientRow, key_of, patient_list, rows_of
from review.services_of_course import CannotRecordError, link_patients, unlink_patients


@dataclass(frozen=True, slots=True)
class Candidate:
    """Another patient, beside the one that the page is about."""

    row: PatientRow
    differs: list[str]
    """What does not agree, in words; empty where name, birth date and sex are the same."""


@admins_only
def page(request: HttpRequest, key: int) -> HttpResponse:
    """The standing links, and patients found by a search: at first by the family name."""
    study = find_patient(key)
    if request.method == "POST":
        return _link(request, study)
    search = request.GET.get("q", _family_name(study)).replace("\0", "").strip()[:200]
    mine = linked_with(key_of(study))
    listed = patient_list(search) if search else []
    found = [_candidate(study, row) for row in rows_of(listed) if _key(row) not in mine]
    context = {"patient": study, "search": search, "links": links_of(key_of(study)), "found": found}
    return render(request, "frontend/identities.html", context)


def _family_name(study: Study) -> str:
    return study.patient_name.split("=")[0].split("^")[0]


def _key(row: PatientRow) -> PatientKey | None:
    return PatientKey(row.patient_id, row.issuer) if row.patient_id else None


def _candidate(study: Study, row: PatientRow) -> Candidate:
    pairs = {
        "name": (patient_name(study.patient_name).casefold(), patient_name(row.name).casefold()),
        "birth date": (study.patient_birth_date, row.birth_date),
        "sex": (study.patient_sex, row.sex),
    }
    return Candidate(row, [what for what, (here, there) in pairs.items() if here != there])


def _link(request: HttpRequest, study: Study) -> HttpResponse:
    other = request.POST.get("other", "")
    found = Study.objects.filter(pk=int(other)).first() if other.isdecimal() and len(other) < 18 else None
    if found is None:
        messages.error(request, "Choose a patient from the list.")
        return redirect("patient-links", study.pk)
    try:
        link_patients(key_of(study), key_of(found), by=request.user.get_username())
    except CannotRecordError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, f"{found.patient_id} is linked: its visits and events belong to this course now."
        )
    return redirect("patient-links", study.pk)


@admins_only
def unlink(request: HttpRequest, key: int, link_id: int) -> HttpResponse:
    """Take a link of this patient back."""
    study = find_patient(key)
    link = next((one for one in links_of(key_of(study)) if one.pk == link_id), None)
    if link is None or request.method != "POST":
        raise Http404("There is no such link.")
    _take_back(request, link)
    return redirect("patient-links", study.pk)


def _take_back(request: HttpRequest, link: IdentityLink) -> None:
    try:
        unlink_patients(link, by=request.user.get_username())
    except CannotRecordError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{link.patient_id} and {link.other_id} are two courses again.")
