"""What a reader should know of a model before believing its numbers: linked from panel, study page and report text."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from frontend.model_cards import card_html, part_html
from frontend.model_figures import coverage_figure, dice_figure
from frontend.permissions import readers_only
from review.active_model import active_model
from review.model_facts import ModelFacts, UnknownModelError, facts_of_model
from segmentation.errors import BadModelError
from segmentation.types import Phase

LEARNED = ("What it learned from", "Training data", "Trained on")
LIMITS = ("Limits", "Known limits", "Limitations")


@readers_only
def page(request: HttpRequest) -> HttpResponse:
    """The page of the version that is named, or of the model that new studies get."""
    try:
        facts = _asked(request)
    except (UnknownModelError, BadModelError) as error:
        raise Http404(str(error)) from error
    return render(request, "frontend/about_model.html", {"model": facts, **_told(facts)})


def _asked(request: HttpRequest) -> ModelFacts:
    if "name" in request.GET:
        return facts_of_model(request.GET["name"], request.GET.get("version", ""))
    identity = active_model().identity
    return facts_of_model(identity.name, identity.version)


def _told(facts: ModelFacts) -> dict[str, object]:
    description = facts.description
    return {
        "learned": part_html(facts.card, *LEARNED),
        "limits": part_html(facts.card, *LIMITS),
        "card": card_html(facts.card),
        "described": description,
        "unseen_phases": _unseen(description.phases) if description else [],
        "dice": dice_figure(description) if description else None,
        "coverage": coverage_figure(description.interval) if description else None,
    }


def _unseen(phases: tuple[Phase, ...]) -> list[str]:
    """Phases that a model which names its phases was not trained on."""
    return [phase.value for phase in (Phase.PREOP, Phase.POSTOP) if phases and phase not in phases]
