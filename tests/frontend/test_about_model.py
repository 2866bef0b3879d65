"""The page about a model: its own figures, pictures of known failures, and nothing of a card that runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from PIL import Image
from pytest_django.fixtures import Settings as DjangoSettings

from frontend.model_cards import card_html, part_html
from frontend.model_figures import LEFT, RIGHT, coverage_figure, dice_figure
from frontend.pitfall_pictures import FOLDER, drawn
from review.macros import macros_for, save_template
from review.models import ReportTemplate, Study
from review.report_facts import model_page
from segmentation.model_description import (
    CARD,
    PACKAGED_ROOT,
    describe_model,
    read_description,
    write_description,
)
from segmentation.phantom.pitfalls import pitfalls
from segmentation.types import Phase, Tissue
from tests.review import factories
from tests.review.conftest import install_model, model  # noqa: F401

LogIn = Callable[[str], Client]


def shown(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


@pytest.mark.django_db
def test_every_packaged_model_is_shown_with_the_figures_of_its_own_files(
    as_role: LogIn, settings: DjangoSettings
) -> None:
    settings.MODEL_DIRS = [PACKAGED_ROOT]
    client = as_role("viewer")
    for folder in PACKAGED_ROOT.glob("*/"):
        told = describe_model(folder)
        page = shown(client, f"/models/?name={told.identity.name}&version={told.identity.version}")
        assert told.accuracy is not None
        assert told.interval is not None
        for row in told.accuracy.rows:
            assert f">{row.mean:.3g}</td>" in page
        for share in told.interval.coverage.values():
            assert f"{share * 100:.1f} %" in page
        assert told.accuracy.cases in page
        assert page.count("/pitfalls/") == 4
        assert "our synthetic phantom" in page
        assert "&lt;" not in page
        # The bar that names an account's sites, for one that is limited to none.
        assert 'class="limits"' not in page
    assert "arca 1</h1>" in shown(client, "/models/")  # the one that new studies get


def test_the_description_and_the_card_of_a_model_say_the_same() -> None:
    card = (PACKAGED_ROOT / "arca" / CARD).read_text()
    told = describe_model(PACKAGED_ROOT / "arca").accuracy
    assert told is not None
    written = re.findall(r"\| (preop|postop) \| (\w\w) \| (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", card)
    stored = [(one.phase, one.compartment, one.n_cases, one.mean, one.median, one.sd) for one in told.rows]
    assert [(a, b, int(c), float(d), float(e), float(f)) for a, b, c, d, e, f in written] == stored


@pytest.mark.django_db
def test_a_model_without_figures_or_card_says_so(as_role: LogIn, model: Path) -> None:  # noqa: F811
    page = shown(as_role("viewer"), "/models/?name=demo&version=1")
    assert "Its files hold no figure of its accuracy." in page
    assert "Its intervals are not calibrated" in page
    assert "came without a card" in page
    assert "Patients of any kind: it is a demonstration model." in page


@pytest.mark.django_db
def test_a_model_that_is_gone_is_told_by_its_results_and_an_unknown_one_is_not_found(
    as_role: LogIn,
    model: Path,  # noqa: F811
) -> None:
    factories.make_result(model_name="old", model_version="2/b", model_statement="Said in 2020.")
    client = as_role("viewer")
    page = shown(client, "/models/?name=old&version=2%2Fb")
    assert "no longer installed" in page
    assert "Said in 2020." in page
    assert "It made 1 of the current results here." in page
    for address in ("/models/?name=none&version=1", "/models/?name=demo"):
        assert client.get(address).status_code == 404


@pytest.mark.django_db
def test_panel_study_page_and_report_text_lead_to_it(as_role: LogIn, accounts: dict[str, User]) -> None:
    template = ReportTemplate(name="Link")
    save_template(template, "{{ model_page }}", by="admin")
    result = factories.make_result(model_name="a & b", model_version="2/b")
    client = as_role("radiologist")
    for address in (f"/panel/{factories.STUDY_UID}/", f"/studies/{factories.STUDY_UID}/"):
        assert shown(client, address).count('href="/models/?name=a%20%26%20b&amp;version=2%2Fb"') == 2
    macro = next(one for one in macros_for(result) if one.version.template.name == "Link")
    address = f"{settings.SITE_URL}/models/?name=a+%26+b&version=2%2Fb"
    assert macro.text == f"{address}\n"
    assert model_page("a & b", "2/b") == address
    assert f'<a href="{address.replace("&", "&amp;")}">' in macro.rich
    assert "a &amp; b 2/b</h1>" in shown(client, address.removeprefix(settings.SITE_URL))
    assert Study.objects.count() == 1


def test_nothing_in_a_card_runs_loads_or_leads_elsewhere_than_the_web() -> None:
    card = (
        "# Title\n<script>alert(1)</script>\n\n<img src=x onerror=alert(1)> ![a](https://a.example/b.png)\n\n"
        "[x](javascript:alert(1)) [y](data:text/html,a) [z](https://z.example/) <b onclick=a>bold</b>\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    html = card_html(card)
    assert not re.search(r"<(script|img|b)\b|href=\"(?!https://)", html)
    assert "&lt;script&gt;" in html
    assert "<h2>Title</h2>" in html
    assert "<td>2</td>" in html


def test_a_part_of_a_card_ends_where_the_next_begins() -> None:
    card = "# M\n## Limits\none\n### More\ntwo\n## Licence\nthree\n"
    assert part_html(card, "limits") == "<p>one</p>\n<h4>More</h4>\n<p>two</p>\n"
    assert part_html(card, "Training data") == ""


def test_figures_lie_where_their_numbers_say() -> None:
    told = describe_model(PACKAGED_ROOT / "arca")
    dice, coverage = dice_figure(told), coverage_figure(told.interval)
    assert dice is not None
    assert coverage is not None
    assert told.accuracy is not None
    first, mean = dice.rows[0], told.accuracy.rows[0].mean
    assert first.mark == pytest.approx(LEFT + mean * (RIGHT - LEFT), abs=0.1)
    assert first.label == "Whole tumour, before surgery"
    assert coverage.target == pytest.approx(LEFT + 0.9 * (RIGHT - LEFT), abs=0.1)
    assert all(row.low is None or LEFT <= row.low <= row.mark for row in dice.rows)


def test_each_pitfall_is_planted_on_the_structure_that_it_is_about() -> None:
    found = {one.name: one for one in pitfalls(spacing_mm=2.0)}
    inside = {
        name: {tissue: float(np.median(one.grey_yx[one.labels_yx == tissue])) for tissue in Tissue
               if (one.labels_yx == tissue).any()}
        for name, one in found.items()
    }  # fmt: skip
    plexus, ventricle = (inside["ventricle"][one] for one in (Tissue.ENHANCING, Tissue.NONENHANCING_CORE))
    assert ventricle < 0.5  # dark
    assert plexus > 2 * ventricle  # takes up contrast; a thin thing of which voxels of 2 mm hold a part
    assert inside["blood"][Tissue.ENHANCING] > 1.1  # bright
    assert inside["air"][Tissue.NONENHANCING_CORE] < 0.1  # without any signal
    assert inside["meningioma"][Tissue.ENHANCING] > 1.5
    for name, one in found.items():
        with Image.open(FOLDER / f"{name}.png") as picture:
            kept = picture.size
        wide, high = drawn(one).size
        assert (wide * 2, high * 2) == pytest.approx(kept, abs=8)


@pytest.mark.django_db
def test_a_phase_that_a_model_never_saw_is_named(as_role: LogIn, model: Path) -> None:  # noqa: F811
    told, checksum = read_description(model)
    write_description(model, replace(told, phases=(Phase.PREOP,)), checksum)
    page = shown(as_role("viewer"), "/models/")
    assert "<b>None after surgery.</b>" in page
    assert "Studies after surgery: it has seen none in training." in page
