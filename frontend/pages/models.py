"""Models for admins: installed from a zip, tried in the shadow of results, activated, rolled back."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from frontend.model_cards import card_html
from frontend.permissions import admins_only
from review.model_choice import CannotActivateError, activate, roll_back, scan_models
from review.model_facts import card_in
from review.models import Activation, Algorithm, Result, ShadowRun
from review.models_admin import install, try_in_shadow
from segmentation.errors import BadModelError

OFFERED = 40
"""Newest results that can be chosen for a comparison."""

COMPARED = ("WT", "TC", "ET")
TROUBLE = (BadModelError, CannotActivateError)


@admins_only
def page(request: HttpRequest) -> HttpResponse:
    """What is installed now, and what was decided."""
    try:
        scan_models()
    except TROUBLE as error:
        messages.error(request, str(error))
    context = {
        "models": Algorithm.objects.all(),
        "activations": Activation.objects.select_related("algorithm", "previous")[:20],
    }
    return render(request, "frontend/models.html", context)


@admins_only
@require_POST
def install_zip(request: HttpRequest) -> HttpResponse:
    """Install a zip of a model folder."""
    sent = request.FILES.get("archive")
    try:
        if not isinstance(sent, UploadedFile):
            raise BadModelError("Choose the zip of a model folder.")
        with tempfile.TemporaryDirectory() as scratch:
            archive = Path(scratch, "model.zip")
            with archive.open("wb") as file:
                file.writelines(sent.chunks())
            made = install(archive, by=_by(request), sha256=request.POST.get("sha256", ""))
    except BadModelError as error:
        messages.error(request, f"Nothing was installed. {error}")
        return redirect("models")
    messages.success(request, f"{made} is installed. Try it in the shadow before you activate it.")
    return redirect("model", made.pk)


@admins_only
def one(request: HttpRequest, model_id: int) -> HttpResponse:
    """One model: its card, and how it compares with results that are there."""
    model = get_object_or_404(Algorithm, pk=model_id)
    current = Result.objects.filter(superseded_by=None, study__deleted_at=None, edited_by="")
    context = {
        "model": model,
        "card": card_html(card_in(Path(model.folder))),
        "runs": [
            _compared(run)
            for run in ShadowRun.objects.filter(algorithm=model).select_related("result__study")
        ],
        "offered": current.select_related("study").order_by("-created_at")[:OFFERED],
    }
    return render(request, "frontend/model.html", context)


def _compared(run: ShadowRun) -> dict[str, object]:
    """One run beside the result in whose shadow it ran: numbers as they are stored."""
    present = run.result.volumes
    regions = [(name, present.get(name), run.volumes.get(name), run.dice.get(name)) for name in COMPARED]
    return {"run": run, "study": run.result.study, "regions": regions}


@admins_only
@require_POST
def act(request: HttpRequest, model_id: int, step: str) -> HttpResponse:
    """Activate it, or try it in the shadow of the results that are ticked."""
    model = get_object_or_404(Algorithm, pk=model_id)
    if step == "activate":
        try:
            activate(model.name, model.version, _by(request))
        except TROUBLE as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"New jobs get {model}. Jobs already made keep their model.")
    elif step == "shadow":
        ticked = [int(one) for one in request.POST.getlist("result") if one.isdecimal() and len(one) < 15]
        n = try_in_shadow(model, Result.objects.filter(pk__in=ticked[:OFFERED]), by=_by(request))
        messages.success(request, f"{n} queued, behind all that is clinical. Nothing of it is published.")
    else:
        raise Http404("There is no such step.")
    return redirect("model", model.pk)


@admins_only
@require_POST
def back(request: HttpRequest) -> HttpResponse:
    """Undo the last activation."""
    try:
        row = roll_back(_by(request))
    except TROUBLE as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"New jobs get {row or 'the best installed model'} again.")
    return redirect("models")


def _by(request: HttpRequest) -> str:
    return request.user.get_username()
