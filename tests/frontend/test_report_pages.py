"""Report texts on the pages, and the editor of templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client

from review.default_templates import install_default_templates
from review.macros import macros_for, record_copy
from review.models import ReportTemplate, Result, TemplateVersion
from review.services_of_review import flag_as_poor
from tests.frontend.test_patient_pages import make_visit, treat
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


def test_the_text_tells_the_change_with_the_same_figures_as_the_page_of_the_patient(
    as_role: LogIn, result: Result
) -> None:
    treat("PAT-C")
    days = (date(2026, 1, 10), date(2026, 3, 2), date(2026, 6, 1))
    visits = [
        make_visit(n, day, ml, patient_id="PAT-C")
        for n, (day, ml) in enumerate(zip(days, ("6.80", "0.40", "2.10"), strict=True))
    ]
    page = as_role("viewer").get(f"/patients/{visits[0].study_id}/").content.decode()
    since_nadir = [cell.split("<")[0] for cell in page.split("<span data-change>")[1:]][-1]
    assert since_nadir.startswith("+1.70 mL (+")
    in_percent = page.split("<span data-change>")[-1].split("<small>")[1].split("</small>")[0]
    first, _, last = (macros_for(Result.objects.get(pk=one.pk)) for one in visits)
    english, german = (
        next(one.text for one in last if one.version.template.language == code) for code in ("en", "de")
    )
    told = since_nadir.replace(")", " mL)")
    assert f"Enhancing tumour since the nadir of 2026-03-02: {told}, {with_signs(in_percent)}." in english
    assert f"vom 2026-03-02: {told.replace('mL', 'ml').replace(' to ', ' bis ')}, " in german
    # Since the visit before, which is that nadir here: the line of the region says the same.
    assert f"on 2026-03-02: 0.40 mL (0.20 to 0.80 mL); change {told}" in english
    assert "change +" not in first[0].text
    assert "nadir of" not in first[0].text
    flag_as_poor(visits[1], reason="motion", by="ann")
    now = macros_for(Result.objects.get(pk=visits[2].pk))[0].text
    assert told not in now
    assert "on 2026-01-10: 6.80 mL (3.40 to 13.60 mL); change -4.70 mL (-" in now


def with_signs(in_percent: str) -> str:
    """As the page says it, with the sign of percent at the lower end too."""
    return in_percent.replace(" to ", " % to ")


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
