"""Scanners that may send, with a C-ECHO; destinations of results, with a test picture that goes there."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.validators import RegexValidator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from frontend.permissions import admins_only
from orthanc.errors import HopelessError, OrthancUnavailableError
from review import destinations as known_destinations
from review import scanners as known_scanners
from review.models import DestinationNode, Scanner, SiteSettings
from review.sealing import CannotUnsealError, seal

TROUBLE = (OrthancUnavailableError, HopelessError, CannotUnsealError)


class ScannerForm(forms.ModelForm):
    """A node that sends."""

    class Meta:
        model = Scanner
        fields = ["name", "aet", "host", "port", "is_allowed", "comment"]


class DestinationForm(forms.ModelForm):
    """A node that takes results; which fields are needed goes by its kind."""

    url = forms.URLField(
        label="Address",
        required=False,
        max_length=300,
        assume_scheme="https",
        validators=[RegexValidator(r"\Ahttps?://", "It begins with https:// or http://.")],
        help_text="https://vna.example.org/dicom-web",
    )
    password = forms.CharField(
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Empty keeps the one that is known",
    )

    class Meta:
        model = DestinationNode
        fields = ["name", "kind", "aet", "host", "port", "url", "username"]

    def clean(self) -> dict[str, Any]:
        """Name what is missing at its field."""
        values = super().clean() or {}
        is_web = values.get("kind") == DestinationNode.Kind.WEB
        for name in ("url",) if is_web else ("aet", "host", "port"):
            if not values.get(name) and name not in self.errors:
                self.add_error(name, "It is needed for this kind of destination.")
        return values

    def as_node(self) -> DestinationNode:
        """The row with its password sealed, not saved."""
        node: DestinationNode = self.instance
        if self.cleaned_data["password"]:
            node.sealed_password = seal(self.cleaned_data["password"])
        return node


@admins_only
def scanners(request: HttpRequest) -> HttpResponse:
    """Listed scanners, AE titles that were seen, and the form of one."""
    chosen = Scanner.objects.filter(pk=_number(request.GET.get("edit"))).first()
    form = ScannerForm(
        request.POST or None, instance=chosen, initial={"aet": request.GET.get("aet", "")[:16]}
    )
    if request.method == "POST" and form.is_valid():
        known_scanners.save_scanner(form.instance, by=request.user.get_username())
        messages.success(request, f"{form.instance} is kept.")
        return redirect("scanners")
    context = {
        "form": form,
        "chosen": chosen,
        "scanners": Scanner.objects.all(),
        "senders": known_scanners.senders_seen(),
        "only_listed": SiteSettings.load().only_listed_senders,
    }
    return render(request, "frontend/scanners.html", context, status=400 if form.errors else 200)


@admins_only
@require_POST
def scanner_step(request: HttpRequest, scanner_id: int, step: str) -> HttpResponse:
    """C-ECHO, or forget it."""
    scanner = get_object_or_404(Scanner, pk=scanner_id)
    if step == "echo":
        said = known_scanners.try_scanner(scanner, by=request.user.get_username())
        messages.info(request, f"{scanner}: {said}")
    elif step == "remove":
        known_scanners.remove_scanner(scanner, by=request.user.get_username())
    else:
        raise Http404("There is no such step.")
    return redirect("scanners")


@admins_only
def destinations(request: HttpRequest) -> HttpResponse:
    """What Orthanc knows and what was entered here, with the rules that name it; and the form of one."""
    chosen = DestinationNode.objects.filter(pk=_number(request.GET.get("edit"))).first()
    form = DestinationForm(request.POST or None, instance=chosen)
    if request.method == "POST" and form.is_valid():
        try:
            known_destinations.save_destination(form.as_node(), by=request.user.get_username())
        except TROUBLE as error:
            form.add_error(None, f"Not kept: {error}")
        else:
            messages.success(request, f"{form.instance} is kept. Send a test picture to try it.")
            return redirect("destinations")
    context: dict[str, Any] = {"form": form, "chosen": chosen}
    try:
        context["known"] = known_destinations.all_destinations()
    except OrthancUnavailableError as error:
        context["trouble"] = str(error)
    return render(request, "frontend/destinations.html", context, status=400 if form.errors else 200)


@admins_only
@require_POST
def try_out(request: HttpRequest) -> HttpResponse:
    """Send a test picture to a destination."""
    name = request.POST.get("name", "").replace("\x00", "")[:80]
    said = known_destinations.try_destination(name, by=request.user.get_username())
    messages.info(request, f"{name}: {said}")
    return redirect("destinations")


@admins_only
@require_POST
def remove(request: HttpRequest, node_id: int) -> HttpResponse:
    """Forget a destination that no rule names."""
    node = get_object_or_404(DestinationNode, pk=node_id)
    try:
        known_destinations.remove_destination(node, by=request.user.get_username())
    except TROUBLE as error:
        messages.error(request, str(error))
    return redirect("destinations")


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 9 else 0
