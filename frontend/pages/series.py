"""Choosing other series of a study by hand: all series with what they were taken for, and one choice per role."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from frontend.pages.study import find_study
from frontend.permissions import workers_only
from orthanc.types import NEEDED_ROLES
from review import services
from review.models import Series, Study


@dataclass(frozen=True, slots=True)
class Slot:
    """A role: the series that fills it now, and the one that a person named, with who it was."""

    role: str
    now: Series | None
    told: str
    by: str


@workers_only
def page(request: HttpRequest, study_uid: str) -> HttpResponse:
    """The form; what was sent is done, or refused with the reason on the same page."""
    study = find_study(study_uid)
    if request.method == "POST":
        assigned = {role: uid for role in NEEDED_ROLES if (uid := request.POST.get(role.value, ""))}
        try:
            services.assign_series(study, assigned, by=request.user.get_username())
        except services.CannotAssignError as error:
            messages.warning(request, str(error))
            return redirect("study-series", study_uid)
        messages.success(request, "These series are used now.")
        return redirect("study", study_uid)
    able = [one for one in study.series.all() if one.modality == "MR" and not one.is_ours]
    return render(request, "frontend/series.html", {"study": study, "able": able, "slots": slots_of(study)})


def slots_of(study: Study) -> list[Slot]:
    """The four roles as they are filled now."""
    now = {one.role: one for one in study.series.all() if one.is_chosen}
    told = {one.role: one for one in study.overrides.all()}
    return [
        Slot(
            role.value,
            now.get(role.value),
            told[role.value].series_uid if role.value in told else "",
            told[role.value].by if role.value in told else "",
        )
        for role in NEEDED_ROLES
    ]
