"""Report texts of results: which templates are offered, what they say, who copied what, and whether it still holds."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet

from review.audit import record
from review.models import AuditAction, CopiedReport, ReportTemplate, Result, Study, TemplateVersion
from review.report import as_rich_text, check_template, render_report
from review.report_facts import facts_of

log = logging.getLogger(__name__)


class StaleTextError(Exception):
    """The text is not what the result says now; the words say so."""


@dataclass(frozen=True, slots=True)
class Macro:
    """A template that fits a result, and what it says of it."""

    version: TemplateVersion
    text: str

    @property
    def rich(self) -> str:
        """The same words as HTML, escaped."""
        return as_rich_text(self.text)


@dataclass(frozen=True, slots=True)
class Copy:
    """A text that was copied, and why it no longer holds; empty where it does."""

    report: CopiedReport
    stale: str


def templates_for(result: Result) -> QuerySet[ReportTemplate]:
    """The templates offered for a result: of its phase and site or of any, the closer ones first."""
    fitting = ReportTemplate.objects.filter(
        Q(phase="") | Q(phase=result.phase),
        Q(site="") | Q(site__iexact=result.study.institution),
        enabled=True,
    )
    return fitting.order_by("-site", "-phase", "-language", "name")


def macros_for(result: Result) -> list[Macro]:
    """The report texts of a result as they are at this moment."""
    versions = [template.current for template in templates_for(result)]
    return [Macro(version, text_of(version, result)) for version in versions]


def text_of(version: TemplateVersion, result: Result) -> str:
    """What a version of a template says of a result now."""
    facts = facts_of(result, version.template.language)
    text, added = render_report(version.text, facts), facts["disclaimer"]
    return text if added in text else f"{text}{added}\n"


@transaction.atomic
def record_copy(result: Result, version: TemplateVersion, text: str, *, by: str) -> CopiedReport:
    """Keep the exact text that somebody copied.

    Raises:
        StaleTextError: the result was superseded, or says something else by now; nothing is kept.
    """
    Study.everything.select_for_update().get(pk=result.study_id)
    result = Result.objects.get(pk=result.pk)
    if why := stale_because(result, version, text):
        raise StaleTextError(f"{why} Do not use the copied text; copy it again.")
    copied = CopiedReport.objects.create(result=result, version=version, text=text, by=by)
    record(AuditAction.MACRO_COPIED, by, study=result.study, result=result.pk, template=str(version))
    log.info("result %s: report text copied", result.pk)
    return copied


def copies_of(study: Study) -> list[Copy]:
    """The texts that were copied of a study's results, newest first, with why they no longer hold."""
    rows = CopiedReport.objects.filter(result__study=study).select_related("result", "version__template")
    results: dict[int, Result] = {}
    same = [(one, results.setdefault(one.result_id, one.result)) for one in rows[:20]]
    return [Copy(one, stale_because(result, one.version, one.text)) for one, result in same]


def stale_because(result: Result, version: TemplateVersion, text: str) -> str:
    """Why a text no longer holds: the same template would say something else of the study now."""
    if result.superseded_by_id is not None:
        return "A newer result took the place of the one in this text."
    if text_of(version, result) == text:
        return ""
    if result.is_flagged:
        return "The result was flagged as poor, or its flags changed."
    return "The result, its review or the course of the patient changed."


@transaction.atomic
def save_template(template: ReportTemplate, text: str, *, by: str) -> TemplateVersion:
    """Save a template; words that differ from the newest version become the next one.

    Raises:
        TemplateMistakeError: the words cannot be rendered; nothing is saved.
    """
    text = text.replace("\r\n", "\n")
    check_template(text)
    template.save()
    newest = template.versions.select_for_update().first()
    if newest is not None and newest.text == text:
        return newest
    number = newest.number + 1 if newest else 1
    record(AuditAction.TEMPLATE_CHANGED, by, template=template.name, version=number)
    return TemplateVersion.objects.create(template=template, number=number, text=text, by=by)
