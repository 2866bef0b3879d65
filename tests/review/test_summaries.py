"""The one-page summary: drawn of stored values, and kept in a real Orthanc as a document that is sent nowhere."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from orthanc.client import OrthancClient
from review import lesion_transforms, summaries, tasks
from review.default_templates import install_default_templates
from review.longitudinal import key_of
from review.models import AuditEntry, Delivery, Flag, ReportTemplate, Result, TemplateVersion
from review.services_of_review import flag_as_poor
from review.summaries import NoSummaryError, keep_summary, summary_of
from review.summary_page import MOST_LINES, MOST_ROWS, CurvePoint, KeyImage, SummaryPage, summary_pdf
from segmentation.errors import BadGeometryError
from tests.review.head_visits import Ball, publish_visit

POINTS = (CurvePoint(date(2026, 1, 5), 20.0, 17.0, 24.0), CurvePoint(date(2026, 3, 9), 4.0, 3.0, 5.5))
PAGE = SummaryPage(
    title="Roe Rita",
    subtitle="PAT-9",
    curves={"ET": POINTS},
    columns=("Date", "ET"),
    rows=(("2026-01-05", "20.00"), ("2026-03-09", "4.00")),
    images=(KeyImage("T1CE", np.zeros((20, 20, 3), np.uint8)),),
    report="Enhancing tumour 4.00 mL.",
    footer="demo 1",
)


def n_pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_it_is_one_page_and_the_same_page_gives_the_same_bytes() -> None:
    pdf = summary_pdf(PAGE)
    assert pdf.startswith(b"%PDF-")
    assert n_pages(pdf) == 1
    assert summary_pdf(PAGE) == pdf


def test_thirty_visits_and_a_long_report_stay_on_one_page_and_say_what_is_left_out() -> None:
    long = replace(PAGE, rows=(("2026-01-05", "20.00"),) * 30, report="A sentence of some length. " * 400)
    assert n_pages(summary_pdf(long)) == 1
    assert summary_pdf(long) != summary_pdf(replace(long, rows=long.rows[: MOST_ROWS + 1]))
    assert MOST_LINES < 40


def test_dollar_signs_in_names_and_texts_are_no_formulas() -> None:
    words = r"Price $\broken{ of $5"
    odd = replace(
        PAGE,
        title=words,
        subtitle=words,
        rows=((words, "20.00"),),
        report=words,
        images=(KeyImage(words, PAGE.images[0].rgb),),
    )
    assert n_pages(summary_pdf(odd)) == 1


@pytest.fixture
def visits(
    orthanc: OrthancClient, tmp_path: Path, artefacts: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Result]:
    """Two visits; lesions are not followed here."""

    def unaligned(*_: object) -> None:
        raise BadGeometryError("not here")

    monkeypatch.setattr(lesion_transforms, "align", unaligned)
    for actor in (tasks.follow, tasks.note):
        monkeypatch.setattr(actor, "send", lambda _: None)
    install_default_templates(ReportTemplate, TemplateVersion)
    return [
        publish_visit(orthanc, tmp_path, date(2026, 1, 5), [Ball((30, 10, 10), 12)]),
        publish_visit(orthanc, tmp_path, date(2026, 3, 9), [Ball((30, 10, 10), 18)]),
    ]


@pytest.mark.django_db
@pytest.mark.stack
def test_it_is_kept_as_a_document_of_the_last_visit_and_sent_nowhere(
    visits: list[Result], orthanc: OrthancClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[SummaryPage] = []
    monkeypatch.setattr(
        summaries,
        "summary_pdf",
        lambda page: drawn.append(page) or summary_pdf(page),  # type: ignore[func-returns-value]
    )
    item = keep_summary(key_of(visits[0].study), by="ray")
    found = orthanc.find_instance(item.sop_uid)
    assert found is not None
    document = dcmread(BytesIO(orthanc.instance_bytes(found)))
    assert document.StudyInstanceUID == visits[1].study.study_uid
    assert document.EncapsulatedDocument.startswith(b"%PDF-")
    assert (item.result, item.kind) == (visits[1], "PDF")
    assert not Delivery.objects.exists()
    assert AuditEntry.objects.filter(by="ray", action="exported").exists()
    (page,) = drawn
    assert [row[0] for row in page.rows] == ["2026-01-05", "2026-03-09"]
    stored = visits[1].volumes["ET"]
    assert page.rows[1][1] == f"{stored.ml} ({stored.low_ml} to {stored.high_ml})"
    assert [point.ml for point in page.curves["ET"]] == [float(one.volumes["ET"].ml) for one in visits]
    assert len(page.images) == 2
    red = page.images[1].rgb.astype(int)
    assert ((red[..., 0] - red[..., 1]) > 60).any()
    assert f"{stored.ml}" in page.report


@pytest.mark.django_db
@pytest.mark.stack
def test_without_a_visit_that_counts_there_is_no_summary(visits: list[Result]) -> None:
    for one in visits:
        flag_as_poor(one, reason=Flag.Reason.MOTION, by="ray")
    with pytest.raises(NoSummaryError, match="No visit"):
        summary_of(key_of(visits[0].study))
