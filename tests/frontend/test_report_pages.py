"""Report texts on the pages, and the editor of templates."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from review.default_templates import install_default_templates
from review.macros import macros_for, record_copy
from review.models import ReportTemplate, Result, TemplateVersion
from review.services_of_review import flag_as_poor
from tests.review import factories

pytestmark = pytest.mark.django_db

UID = factories.STUDY_UID
LogIn = Callable[[str], Client]


@pytest.fixture
def result(db: None) -> Result:
    install_default_templates(ReportTemplate, TemplateVersion)
    return factories.make_result()


@pytest.mark.parametrize("address", [f"/studies/{UID}/", f"/panel/{UID}/"])
def test_the_text_stands_there_to_be_copied_and_a_stale_copy_is_named(
    as_role: LogIn, result: Result, address: str
) -> None:
    macro = macros_for(result)[0]
    record_copy(result, macro.version, macro.text, by="ben")
    client = as_role("viewer")
    page = client.get(address).content.decode()
    assert "Whole tumour: 30.20 mL (25.10 to 36.00 mL)" in page
    assert "no longer holds" not in page
    flag_as_poor(result, reason="motion", by="ann")
    page = client.get(address).content.decode()
    assert "A copied text no longer holds." in page
    assert "30.20 mL (25.10" not in page.partition('id="copies"')[0].partition("macro-title")[2]


@pytest.mark.parametrize("address", ["/templates/", "/templates/new/"])
def test_only_admins_edit_templates(as_role: LogIn, result: Result, address: str) -> None:
    for role, status in (("viewer", 403), ("radiologist", 403), ("service", 403), ("admin", 200)):
        assert as_role(role).get(address).status_code == status
    assert as_role("radiologist").post("/templates/preview/").status_code == 403


def test_an_admin_sees_the_preview_and_mistakes_with_their_place(as_role: LogIn, result: Result) -> None:
    admin = as_role("admin")
    asked = {
        "result": result.pk,
        "language": "de",
        "text": "{% for v in volumes %}{{ v.name }} {{ v.ml }}\n{% endfor %}",
    }
    assert "Ödem 20.90" in admin.post("/templates/preview/", asked).content.decode()
    wrong = admin.post("/templates/preview/", {**asked, "text": "\n{{ volume }}"}).content.decode()
    assert "Line 2, “volume”: there is no such variable." in wrong


def test_an_admin_saves_a_template_and_a_wrong_one_is_refused(as_role: LogIn, result: Result) -> None:
    admin = as_role("admin")
    words = {
        "name": "Short",
        "language": "en",
        "phase": "",
        "site": "",
        "enabled": "on",
        "text": "{{ wrong }}",
    }
    refused = admin.post("/templates/new/", words)
    assert "Line 1, “wrong”" in refused.content.decode()
    assert not ReportTemplate.objects.filter(name="Short").exists()
    saved = admin.post("/templates/new/", {**words, "text": "{{ study_date }}"}, follow=True)
    assert "Saved as version 1." in saved.content.decode()
    assert ReportTemplate.objects.get(name="Short").current.text == "{{ study_date }}"
