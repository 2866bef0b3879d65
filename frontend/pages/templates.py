"""Report templates: the list, and one to edit with its preview on a real study. For admins."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from frontend.permissions import admins_only
from review.macros import save_template
from review.models import ReportTemplate, Result
from review.report import LISTS, VARIABLES, TemplateMistakeError, render_report
from review.report_facts import facts_of

PREVIEWED = 30


class TemplateForm(forms.ModelForm):
    """A template with its words."""

    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 26, "spellcheck": "false"}), label="Words", strip=False
    )

    class Meta:
        model = ReportTemplate
        fields = ["name", "language", "phase", "site", "enabled"]


@admins_only
def listed(request: HttpRequest) -> HttpResponse:
    """All templates."""
    templates = ReportTemplate.objects.prefetch_related("versions")
    return render(request, "frontend/templates.html", {"templates": templates})


@admins_only
def edit(request: HttpRequest, template_id: int | None = None) -> HttpResponse:
    """One template; what cannot be rendered is refused with line and word, and nothing is saved."""
    template = get_object_or_404(ReportTemplate, pk=template_id) if template_id else ReportTemplate()
    words = template.current.text if template_id else ""
    form = TemplateForm(request.POST or None, instance=template, initial={"text": words})
    if request.method == "POST" and form.is_valid():
        try:
            version = save_template(form.instance, form.cleaned_data["text"], by=request.user.get_username())
        except TemplateMistakeError as error:
            form.add_error("text", str(error))
        else:
            messages.success(request, f"Saved as version {version.number}.")
            return redirect("template", version.template_id)
    context = {
        "form": form,
        "template": template,
        "versions": template.versions.all() if template_id else [],
        "results": _previewed(),
        "variables": VARIABLES,
        "lists": LISTS,
    }
    return render(request, "frontend/template.html", context)


@admins_only
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """What the words in the form say of the chosen study."""
    result = Result.objects.filter(pk=request.POST.get("result") or 0).select_related("study", "job").first()
    context: dict[str, object] = {"result": result}
    if result is not None:
        language = "de" if request.POST.get("language") == "de" else "en"
        try:
            context["text"] = render_report(request.POST.get("text", ""), facts_of(result, language))
        except TemplateMistakeError as error:
            context["mistake"] = str(error)
    return render(request, "frontend/parts/template_preview.html", context)


def _previewed() -> list[Result]:
    rows = Result.objects.filter(superseded_by=None, study__is_heartbeat=False).select_related("study")
    return list(rows[:PREVIEWED])
