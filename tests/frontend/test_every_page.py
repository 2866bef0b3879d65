"""What holds for every page: WCAG 2.2 AA as far as axe can tell, nothing cut off at 1280; one list names them all."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Group, User
from django.test import Client
from playwright.sync_api import Page

from review.default_templates import install_default_templates
from review.models import FollowerState, ReportTemplate, Study, TemplateVersion
from review.services_of_review import accept, flag_as_poor, undo_flag
from tests.every_page import Places, page_addresses, rule_named_in
from tests.frontend.conftest import PASSWORD
from tests.frontend.test_access_table import TABLE
from tests.review import factories

LogIn = Callable[[str], Client]
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def fill(admin: User) -> Places:
    """A study with everything that the pages can show of it, and one that failed."""
    FollowerState.load().beat()
    install_default_templates(ReportTemplate, TemplateVersion)
    rule = factories.default_rule()
    client = Client()
    client.force_login(admin)
    result = factories.make_result(
        warnings=["T2: the patient moved."], trust=0.8, trust_low=0.6, trust_high=0.9, trust_grade="check"
    )
    undo_flag(flag_as_poor(result, reason="motion", by="ben"), by="ben")
    flag_as_poor(result, compartment="ET", reason="ventricle", by="ann", text="Left ventricle")
    accept(result, by="ann")
    Study.objects.filter(pk=result.study_id).update(study_date="2026-02-03", matched_rule=rule)
    failed = factories.make_study(
        "1.9", state="failed", reason="T1CE: image 14 is cut off.", patient_id="PAT-8"
    )
    factories.make_job(failed)
    Study.objects.filter(pk=failed.pk).update(state="failed")
    template = ReportTemplate.objects.first()
    assert template is not None
    rules = client.get("/rules/").content.decode()
    return Places(result.study.study_uid, result.study_id, template.pk, rule_named_in(rules))


def serious(found: dict[str, Any]) -> list[str]:
    return [
        f"{one['id']}: {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.browser
@pytest.mark.stack
@pytest.mark.django_db(transaction=True)
def test_no_page_fails_axe_and_none_is_wider_than_1280(page: Page, accounts: dict[str, User]) -> None:
    accounts["admin"].groups.add(Group.objects.get(name="radiologist"))
    places, axe = fill(accounts["admin"]), Axe()
    wrong = {}
    # That axe sees anything at all.
    page.set_content(
        "<html><body><img src=x><p style='color: #777; background: #666'>faint</p></body></html>"
    )
    assert len(serious(axe.run(page, options={"runOnly": AXE_TAGS}).response)) >= 3
    page.goto("/login/")
    wrong["login"] = serious(axe.run(page, options={"runOnly": AXE_TAGS}).response)
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile(r"/$"))
    for name, address in {**page_addresses(places), "not found": "/nothing/"}.items():
        answer = page.goto(address)
        assert answer is not None
        assert answer.status in {200, 404}, (name, answer.status)
        wrong[name] = serious(axe.run(page, options={"runOnly": AXE_TAGS}).response)
        too_wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        if too_wide:
            wrong[name].append("wider than 1280")
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.django_db
def test_the_list_names_every_page(as_role: LogIn, accounts: dict[str, User]) -> None:
    accounts["admin"].groups.add(Group.objects.get(name="radiologist"))
    places, client = fill(accounts["admin"]), as_role("admin")
    listed = set()
    for address in page_addresses(places).values():
        found = client.get(address)
        assert found.status_code == 200, address
        listed.add(found.resolver_match.route.removeprefix("^"))
    client.raise_request_exception = False
    values = {
        "<int:key>": places.patient,
        "<str:study_uid>": places.study_uid,
        "<int:template_id>": places.template,
        "<str:key>": places.rule,
        "<int:number>": 1,
    }
    missing = set()
    for pattern, methods in TABLE.items():
        address = pattern
        for place, value in values.items():
            address = address.replace(place, str(value))
        if "get" in methods and "<" not in address and not pattern.startswith("api/"):
            answer = client.get(f"/{address}")
            is_whole = answer.status_code == 200 and not answer.streaming
            is_page = is_whole and answer.content.startswith(b"<!doctype html>")
            if is_page and pattern not in listed and pattern != "templates/new/":
                missing.add(pattern)
    assert missing == set()
