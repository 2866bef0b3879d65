"""Who may do what: one table over every address of pages, API and DICOMweb. An address in no row fails the test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from review.models import Flag
from review.services_of_review import flag_as_poor
from tests.review import factories

pytestmark = pytest.mark.django_db

LogIn = Callable[[str], Client]
UID = factories.STUDY_UID

READ = frozenset({"viewer", "radiologist", "admin", "service"})
WORK = frozenset({"radiologist", "admin", "service"})
REVIEW = frozenset({"radiologist"})
ADMIN = frozenset({"admin"})

TABLE: dict[str, dict[str, frozenset[str]]] = {
    # address pattern: method: roles
    "": {"get": READ},
    "worklist/rows/": {"get": READ},
    "worklist/flagged.csv": {"get": READ},
    "worklist/flagged.zip": {"get": ADMIN},
    "worklist/views/": {"post": READ},
    "worklist/views/<int:view_id>/remove/": {"post": READ},
    "break-glass/": {"get": READ, "post": READ},
    "upload/": {"get": WORK},
    "problems/": {"get": READ},
    "system/": {"get": READ},
    "system/live/": {"get": READ},
    "dashboard/": {"get": READ},
    "drift/": {"get": READ},
    "audit/": {"get": ADMIN},
    "audit/export.csv": {"get": ADMIN},
    "patients/": {"get": READ},
    "patients/<int:key>/links/": {"get": ADMIN, "post": ADMIN},
    "patients/<int:key>/links/<int:link_id>/": {"post": ADMIN},
    "cohort/": {"get": READ},
    "cohort/cohort.csv": {"get": READ},
    "cohort/research.csv": {"get": ADMIN},
    "patients/<int:key>/": {"get": READ},
    "patients/<int:key>/live/": {"get": READ},
    "patients/<int:key>/volumes.csv": {"get": READ},
    "patients/<int:key>/summary.pdf": {"get": READ},
    "patients/<int:key>/film/": {"get": READ},
    "patients/<int:key>/film/<int:frame_id>/<int:result_id>.jpg": {"get": READ},
    "patients/<int:key>/film/<int:frame_id>/<int:result_id>.png": {"get": READ},
    "patients/<int:key>/summary/": {"post": WORK},
    "studies/<str:study_uid>/": {"get": READ},
    "studies/<str:study_uid>/live/": {"get": READ},
    "studies/<str:study_uid>/retry/": {"post": WORK},
    "studies/<str:study_uid>/series/": {"get": WORK, "post": WORK},
    "deliveries/<int:delivery_id>/retry/": {"post": WORK},
    "templates/": {"get": ADMIN},
    "templates/new/": {"get": ADMIN, "post": ADMIN},
    "templates/preview/": {"post": ADMIN},
    "templates/<int:template_id>/": {"get": ADMIN, "post": ADMIN},
    "inbox/": {"get": ADMIN},
    "inbox/decide/": {"post": ADMIN},
    "rules/": {"get": ADMIN},
    "rules/new/": {"get": ADMIN, "post": ADMIN},
    "rules/edit/<str:key>/": {"get": ADMIN, "post": ADMIN},
    "rules/switch/": {"post": ADMIN},
    "rules/remove/": {"post": ADMIN},
    "rules/order/": {"post": ADMIN},
    "rules/discard/": {"post": ADMIN},
    "rules/values.json": {"get": ADMIN},
    "rules/review/": {"get": ADMIN},
    "rules/save/": {"post": ADMIN},
    "rules/move/": {"get": ADMIN},
    "rules/explain/": {"get": ADMIN},
    "rules/versions/": {"get": ADMIN},
    "rules/versions/<int:number>/": {"get": ADMIN},
    "rules/versions/<int:number>/restore/": {"post": ADMIN},
    "administration/": {"get": ADMIN},
    "administration/users/new/": {"get": ADMIN, "post": ADMIN},
    "administration/users/<int:user_id>/": {"get": ADMIN, "post": ADMIN},
    "administration/users/<int:user_id>/<str:step>/": {"post": ADMIN},
    "administration/tokens/": {"get": ADMIN, "post": ADMIN},
    "administration/tokens/<int:token_id>/revoke/": {"post": ADMIN},
    "administration/scanners/": {"get": ADMIN, "post": ADMIN},
    "administration/scanners/<int:scanner_id>/<str:step>/": {"post": ADMIN},
    "administration/destinations/": {"get": ADMIN, "post": ADMIN},
    "administration/destinations/try/": {"post": ADMIN},
    "administration/destinations/<int:node_id>/remove/": {"post": ADMIN},
    "administration/models/": {"get": ADMIN},
    "administration/models/install/": {"post": ADMIN},
    "administration/models/back/": {"post": ADMIN},
    "administration/models/<int:model_id>/": {"get": ADMIN},
    "administration/models/<int:model_id>/<str:step>/": {"post": ADMIN},
    "administration/site/": {"get": ADMIN, "post": ADMIN},
    "models/": {"get": READ},
    "viewer/<str:study_uid>/": {"get": READ},
    "viewer/<str:study_uid>/roles.json": {"get": READ},
    "viewer/<str:study_uid>/uncertainty/": {"get": READ},
    "compare/": {"get": READ},
    "compare/<str:study_uid>/<str:prior_uid>/": {"get": READ, "post": READ},
    "compare/<str:study_uid>/<str:prior_uid>/parts.json": {"get": READ},
    "compare/<str:study_uid>/<str:prior_uid>/remove/": {"post": WORK},
    "compare/<str:study_uid>/<str:prior_uid>/panel/": {"get": READ},
    "panel/<str:study_uid>/": {"get": READ},
    "panel/<str:study_uid>/live/": {"get": READ},
    "api/schema/": {"get": READ},
    "api/docs/": {"get": READ},
    "api/studies/": {"get": READ},
    "api/studies/<str:study_uid>/": {"get": READ},
    "api/studies/<str:study_uid>/fhir/": {"get": READ},
    "api/studies/<str:study_uid>/uncertainty/": {"get": READ},
    "api/studies/<str:study_uid>/retry/": {"post": WORK},
    "api/studies/<str:study_uid>/series-roles/": {"put": WORK},
    "api/studies/<str:study_uid>/model/": {"post": WORK},
    "api/studies/<str:study_uid>/reports/": {"get": READ, "post": READ},
    "api/results/<int:result_id>/flags/": {"get": READ, "post": REVIEW},
    "api/results/<int:result_id>/acceptance/": {"post": REVIEW, "delete": REVIEW},
    "api/flags/<int:flag_id>/undo/": {"post": REVIEW},
    "api/flags/<int:flag_id>/opinions/": {"post": REVIEW},
    "api/studies/<str:study_uid>/corrections/": {"get": READ},
    "api/corrections/<int:correction_id>/undo/": {"post": REVIEW},
    "dicomweb/results/<int:result_id>/studies": {"post": REVIEW},
    "api/deliveries/<int:delivery_id>/retry/": {"post": WORK},
    "api/patients/<str:study_uid>/timeline/": {"get": READ},
    "api/patients/<str:study_uid>/events/": {"get": READ, "post": WORK},
    "api/patients/<str:study_uid>/reading/": {"put": WORK},
    "api/patients/<str:study_uid>/links/": {"get": ADMIN, "post": ADMIN},
    "api/events/<int:event_id>/": {"put": WORK, "delete": WORK},
    "api/links/<int:link_id>/": {"delete": ADMIN},
    "api/cohort/": {"get": READ},
    "api/upload/": {"post": WORK},
    "api/problems/": {"get": READ},
    "api/alerts/": {"get": READ},
    "api/health/": {"get": READ},
    "dicomweb/(?P<path>.*?)/?$": {"get": READ, "post": WORK},
    "dicom-web/(?P<path>.*?)/?$": {"get": READ, "post": WORK},
}
"""Strangers and accounts without a role get nothing of all this."""

ELSEWHERE = {
    "favicon.ico", "login/", "sign-on/", "sign-on/back/", "password/", "logout/", "health", "ready", "metrics",
    "api/nudge/", "ohif/(?P<path>.*)$",
}  # fmt: skip
"""Open by purpose, or under a token of its own."""

REFUSED = {302, 401, 403}
PLACE_OF_TABLES = re.compile(r"<[^>]*>|\(\?P.*\)")


def patterns(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for one in resolver.url_patterns:
        address = before + str(one.pattern).lstrip("^")
        if isinstance(one, URLPattern):
            yield address
        elif one.namespace != "admin":
            yield from patterns(one, address)


def test_every_address_is_in_the_table() -> None:
    assert set(patterns(get_resolver())) == set(TABLE) | ELSEWHERE


def tables_to_look_at() -> list[str]:
    """The addresses of Django's administration, whatever app registers there, but for the ways in and out."""
    (tables,) = [one for one in get_resolver().url_patterns if getattr(one, "namespace", "") == "admin"]
    assert isinstance(tables, URLResolver)
    found = {PLACE_OF_TABLES.sub("1", one.removesuffix("$")) for one in patterns(tables, "/admin/")}
    found = {one.replace("/admin/1/", "/admin/auth/") for one in found}
    return sorted(found - {"/admin/logout/"})


@pytest.fixture
def flag(db: None) -> Flag:
    return flag_as_poor(factories.make_result(), compartment="ET", reason="motion", by="ann")


def filled(address: str, flag: Flag) -> str:
    values: dict[str, Any] = {
        "<int:key>": flag.result.study_id,
        "<str:study_uid>": UID,
        "<str:prior_uid>": "1.2.3",
        "<int:result_id>": flag.result_id,
        "<int:frame_id>": flag.result_id,
        "<int:flag_id>": flag.pk,
        "<int:view_id>": 1,
        "<int:delivery_id>": 1,
        "<int:correction_id>": 1,
        "<int:template_id>": 1,
        "<int:number>": 1,
        "<int:event_id>": 1,
        "<int:link_id>": 1,
        "<str:key>": 1,
        "<int:user_id>": 0,
        "<str:step>": "lock",
        "<int:token_id>": 0,
        "<int:scanner_id>": 0,
        "<int:node_id>": 0,
        "<int:model_id>": 0,
        "(?P<path>.*?)/?$": "studies/none",
    }
    for place, value in values.items():
        address = address.replace(place, str(value))
    return f"/{address}"


@pytest.mark.parametrize("role", ["viewer", "radiologist", "admin", "service", "nobody"])
def test_a_role_gets_exactly_what_the_table_gives_it(as_role: LogIn, flag: Flag, role: str) -> None:
    client = as_role(role)
    client.raise_request_exception = False
    wrong = {}
    for address, methods in TABLE.items():
        for method, roles in methods.items():
            answer = getattr(client, method)(filled(address, flag))
            got_in = answer.status_code not in {401, 403}
            if got_in != (role in roles):
                wrong[f"{method} {address}"] = answer.status_code
    assert wrong == {}


def test_strangers_get_nothing(client: Client, flag: Flag) -> None:
    answers = {
        f"{method} {address}": getattr(client, method)(filled(address, flag)).status_code
        for address, methods in TABLE.items()
        for method in methods
    }
    assert {name: status for name, status in answers.items() if status not in REFUSED} == {}


@pytest.mark.parametrize("role", ["viewer", "radiologist", "admin", "service", "nobody", ""])
def test_tables_of_the_administration_are_for_admins_and_only_to_look_at(
    as_role: LogIn, flag: Flag, role: str
) -> None:
    client = as_role(role) if role else Client()
    client.raise_request_exception = False
    rows = [list(model.objects.order_by("pk").values()) for model in (User, Group, Flag)]
    addresses = tables_to_look_at()
    assert "/admin/auth/user/" in addresses
    for address in addresses:
        looked = client.get(address)
        assert looked.status_code < 500, address
        if role != "admin":
            assert looked.status_code in REFUSED, address
            assert looked.status_code == 403 or "/login/" in looked["Location"], address
        everyone = [str(user.pk) for user in User.objects.all()]
        client.post(address, {"post": "yes", "action": "delete_selected", "_selected_action": everyone})
    seen = client.get("/admin/auth/user/").status_code
    assert seen == (200 if role == "admin" else 302)
    kept = [list(model.objects.order_by("pk").values()) for model in (User, Group, Flag)]
    assert kept == rows


def test_no_table_of_the_administration_can_be_written(as_role: LogIn, accounts: dict[str, User]) -> None:
    asked = RequestFactory().get("/admin/")
    asked.user = accounts["admin"]
    accounts["admin"].is_staff = accounts["admin"].is_superuser = True
    for model, shown in admin.site._registry.items():
        may = (shown.has_add_permission, shown.has_change_permission, shown.has_delete_permission)
        assert not any(ask(asked) for ask in may), model
        assert set(shown.get_actions(asked)) <= {"make_active", "go_back"}, model
