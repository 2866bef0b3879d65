"""Name, disclaimer and retention of the site, with what the retention would remove now."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import SimpleLazyObject

from frontend.permissions import admins_only
from review.models import SiteSettings
from review.retention import overdue
from review.site import change_site

LISTED = 50


class SiteForm(forms.ModelForm):
    """The one row."""

    class Meta:
        model = SiteSettings
        fields = ["name", "disclaimer", "artefact_days", "study_days", "only_listed_senders"]


def in_templates(request: HttpRequest) -> dict[str, object]:
    """The site, for every page; asked for only where a page names it."""
    return {"site": SimpleLazyObject(SiteSettings.load)}


@admins_only
def page(request: HttpRequest) -> HttpResponse:
    """The settings; with "try", what they would remove, and nothing is kept."""
    form = SiteForm(request.POST or None, instance=SiteSettings.load())
    if request.method == "POST" and form.is_valid() and "try" not in request.POST:
        change_site(form.cleaned_data, by=request.user.get_username())
        messages.success(request, "Kept. It holds from now on.")
        return redirect("site")
    # The form has put what was typed onto its row, which is not stored: so this is the dry run of the form.
    tried = None if form.errors else overdue(form.instance)
    context = {"form": form, "tried": tried, "listed": tried.studies[:LISTED] if tried else []}
    return render(request, "frontend/site.html", context, status=400 if form.errors else 200)
