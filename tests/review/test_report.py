"""Report texts: what templates may say, what they say of a result, and when a copied text no longer holds."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from rest_framework.test import APIClient

from review.default_templates import install_default_templates
from review.longitudinal import timeline_of
from review.macros import StaleTextError, copies_of, macros_for, record_copy, save_template, text_of
from review.models import AuditEntry, CopiedReport, ReportTemplate, Result, Study, TemplateVersion
from review.patients import key_of
from review.report import TemplateMistakeError, as_rich_text, check_template, render_report
from review.report_changes import written_change
from review.report_facts import facts_of
from review.services_of_review import accept, flag_as_poor, undo_flag
from segmentation.change import change_between
from segmentation.types import VolumeEstimate
from tests.review.factories import STUDY_UID, VOLUMES, make_job, make_result, make_study


@pytest.mark.parametrize(
    ("template", "where", "why"),
    [
        ("one\n{{ patinet_name }}", "Line 2, “patinet_name”", "no such variable"),
        ("{{ settings.SECRET_KEY }}", "Line 1, “settings.SECRET_KEY”", "no such variable"),
        ("{{ patient_name.encode }}", "“patient_name.encode”", "no such variable"),
        ("{% include 'x' %}", "“include”", "no such tag"),
        ("{% load static %}", "“load”", "no such tag"),
        ("{% for one in secrets %}{% endfor %}", "“one in secrets”", "a loop goes"),
        ("{% for one in volumes %}{{ one.colour }}{% endfor %}", "“one.colour”", "no such variable"),
        ("{% for one in volumes %}{% endfor %}{{ one.ml }}", "“one.ml”", "no such variable"),
        ("{{ volumes.0.ml }}", "“volumes.0.ml”", "no such variable"),
        ("{% if study_date == model.x %}{% endif %}", "“model.x”", "no such variable"),
        ("a\nb\n{% if study_date %}open", "Line 3", "endif"),
        ("{{ model|safe }}", "Line 1", "safe"),
        ("{{ model|default:reviewed }}", "“reviewed”", "no such variable"),
    ],
)
def test_a_mistake_in_a_template_is_told_with_line_and_word(template: str, where: str, why: str) -> None:
    with pytest.raises(TemplateMistakeError) as caught:
        check_template(template)
    assert where in str(caught.value)
    assert why in str(caught.value)


def test_a_template_says_what_it_is_given_without_escapes() -> None:
    facts: dict[str, Any] = {"study_date": "2026-01-10", "model": "a < b", "warnings": ["x", "y"]}
    text = "{% comment %}{{ nothing }}{% endcomment %}{{ study_date }}  \n\n\n\n{{ model }}: {{ warnings|join:', ' }}"
    assert render_report(text, facts) == "2026-01-10\n\na < b: x, y\n"


def test_rich_text_holds_the_same_words_and_no_markup_of_patients() -> None:
    assert as_rich_text("Title\nA <b> & c\n\nEnd\n") == "<p><b>Title</b><br>A &lt;b&gt; &amp; c</p><p>End</p>"


@pytest.fixture
def templates(db: None) -> None:
    install_default_templates(ReportTemplate, TemplateVersion)


def result_of(uid: str, day: date, **fields: Any) -> Result:
    study = make_study(uid, study_date=day, description="MRI BRAIN")
    return make_result(make_job(study, **fields))


def english(result: Result) -> str:
    return next(one.text for one in macros_for(result) if one.version.template.language == "en")


def test_the_default_templates_give_the_stored_numbers_in_both_languages(templates: None) -> None:
    result = result_of(STUDY_UID, date(2026, 1, 10))
    told = {one.version.template.name: one.text for one in macros_for(result)}
    assert set(told) == {"English", "Deutsch"}
    for ml, low, high in VOLUMES.values():
        assert f"{ml} mL ({low} to {high} mL)" in told["English"]
        assert f"{ml} ml ({low} bis {high} ml)" in told["Deutsch"]
    assert "DEMONSTRATION MODEL" in told["English"]
    assert "NOT REVIEWED by a radiologist." in told["English"]
    assert "NICHT ärztlich GEPRÜFT." in told["Deutsch"]
    assert "Model demo 1" in told["English"]


def test_templates_for_another_phase_or_site_are_not_offered(templates: None) -> None:
    postop = result_of(STUDY_UID, date(2026, 1, 10), phase="postop")
    assert [one.version.template.phase for one in macros_for(postop)][:2] == ["postop", "postop"]
    ReportTemplate.objects.filter(name="English").update(site="Elsewhere")
    ReportTemplate.objects.filter(name="Deutsch").update(enabled=False)
    preop = result_of("1.2.8", date(2026, 1, 11), phase="preop")
    assert macros_for(preop) == []


def test_the_text_carries_the_visit_before_reviewers_and_what_is_not_validated(templates: None) -> None:
    result_of("1.2.7", date(2025, 10, 2)).measurements.filter(compartment="ET").update(
        ml=Decimal("1.11"), low_ml=Decimal("1.00"), high_ml=Decimal("1.30")
    )
    result = result_of(STUDY_UID, date(2026, 1, 10))
    Result.objects.filter(pk=result.pk).update(
        not_validated=[{"code": "paediatric", "words": "The patient is 9 years old."}]
    )
    accept(result, by="ann")
    text = english(Result.objects.get(pk=result.pk))
    assert "on 2025-10-02: 1.11 mL (1.00 to 1.30 mL)" in text
    assert "NOT VALIDATED FOR THIS STUDY: The patient is 9 years old." in text
    assert "Reviewed by ann." in text


def test_the_change_and_its_probability_are_variables_and_a_change_from_nothing_has_no_percent() -> None:
    text = (
        "{% for v in volumes %}{{ v.code }} {{ v.change_ml }} {{ v.change_percent|default:'from nothing' }}\n"
        "{% endfor %}{{ nadir_change_ml }} {{ nadir_change_low_percent }} {{ noise_chance }}"
    )
    check_template(text)
    grown = change_between(VolumeEstimate(0.0, 0.0, 0.2), VolumeEstimate(3.0, 2.0, 4.0))
    facts = written_change(grown)
    assert (facts["change_ml"], facts["change_percent"], facts["change_high_percent"]) == ("+3.00", "", "")
    assert set(written_change(None).values()) == {""}
    assert render_report(text, {"volumes": [{"code": "ET", **facts}]}).startswith("ET +3.00 from nothing")


def test_a_flag_takes_numbers_out_of_the_text_at_once_also_those_of_the_visit_before(templates: None) -> None:
    before = result_of("1.2.7", date(2025, 10, 2))
    result = result_of(STUDY_UID, date(2026, 1, 10))
    flag_as_poor(result, compartment="ET", reason="ventricle", by="ann")
    text = english(Result.objects.get(pk=result.pk))
    assert "6.80" not in text
    assert "30.20 mL" not in text
    assert "Oedema: 20.90 mL" in text
    assert "flagged them as poor: Whole tumour, Tumour core, Enhancing tumour" in text
    assert "2025-10-02" in text
    flag_as_poor(before, reason="motion", by="ann")
    assert "2025-10-02" not in english(Result.objects.get(pk=result.pk))


def test_a_copied_text_is_kept_exactly_and_said_to_be_stale_after_a_flag_or_a_new_result(
    templates: None,
) -> None:
    result = result_of(STUDY_UID, date(2026, 1, 10))
    macro = macros_for(result)[0]
    copied = record_copy(result, macro.version, macro.text, by="ben")
    assert (copied.text, copied.by) == (macro.text, "ben")
    assert AuditEntry.objects.filter(action="macro_copied", by="ben").exists()
    assert [one.stale for one in copies_of(result.study)] == [""]
    flag = flag_as_poor(result, reason="motion", by="ann")
    assert "flagged as poor" in copies_of(result.study)[0].stale
    with pytest.raises(StaleTextError, match="copy it again"):
        record_copy(result, macro.version, macro.text, by="ben")
    undo_flag(flag, by="ann")
    assert copies_of(result.study)[0].stale == ""
    make_result(make_job(result.study, series_key="k2"), seg_sop_uid="1.9.9")
    assert "newer result" in copies_of(result.study)[0].stale
    assert CopiedReport.objects.count() == 1


def test_a_saved_template_is_a_new_version_and_copies_keep_theirs(templates: None) -> None:
    result = result_of(STUDY_UID, date(2026, 1, 10))
    template = ReportTemplate.objects.get(name="English")
    old = template.current
    record_copy(result, old, text_of(old, result), by="ben")
    save_template(template, "{{ study_date }} only\r\n", by="ada")
    assert (template.current.number, template.current.text) == (2, "{{ study_date }} only\n")
    save_template(template, "{{ study_date }} only\n", by="ada")
    assert template.versions.count() == 2
    with pytest.raises(TemplateMistakeError):
        save_template(template, "{{ nonsense }}", by="ada")
    assert copies_of(Study.objects.get())[0].stale == ""
    assert english(result) == "2026-01-10 only\n"


def test_facts_are_all_that_templates_may_name(templates: None) -> None:
    from review.report import VARIABLES

    assert set(facts_of(result_of(STUDY_UID, date(2026, 1, 10)), "en")) == set(VARIABLES)


def test_the_api_gives_the_texts_and_keeps_copies(templates: None) -> None:
    result = result_of(STUDY_UID, date(2026, 1, 10))
    client = APIClient()
    address = f"/api/studies/{STUDY_UID}/reports/"
    assert client.get(address).status_code == 401
    user = User.objects.create_user("olga")
    user.groups.add(Group.objects.get_or_create(name="viewer")[0])
    client.force_authenticate(user)
    told = client.get(address).json()
    assert told["result"] == result.pk
    macro = told["macros"][0]
    copy = {"result": result.pk, "template_version": macro["template_version"], "text": macro["text"]}
    assert client.post(address, copy, format="json").status_code == 201
    assert client.post(address, {**copy, "text": "Other words"}, format="json").status_code == 409
    assert client.post(address, {**copy, "result": 99999}, format="json").status_code == 404
    (kept,) = client.get(address).json()["copies"]
    assert (kept["copied"]["text"], kept["copied"]["by"], kept["stale"]) == (macro["text"], "olga", "")


def test_the_text_carries_the_suggested_response_with_its_rule_and_not_for_a_flagged_result(
    templates: None,
) -> None:
    result_of("1.2.7", date(2025, 10, 2))
    result = result_of(STUDY_UID, date(2026, 1, 10))
    for one in result.measurements.all():
        one.ml, one.low_ml, one.high_ml = one.ml * 3, one.low_ml * 3, one.high_ml * 3
        one.save()
    result = Result.objects.get(pk=result.pk)
    course = timeline_of(key_of(result.study))
    answer = next(one for one in course.volumetric if one.result_id == result.pk)
    text = english(result)
    assert f"Suggested response: {answer.category}" in text
    assert course.profile.title in text
    for reason in answer.reasoning:
        assert reason.rstrip(".") in text
    flag_as_poor(result, compartment="ET", reason="motion", by="ann")
    assert "Suggested response" not in english(Result.objects.get(pk=result.pk))
