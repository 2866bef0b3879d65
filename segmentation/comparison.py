"""Models against each other on the same cases: paired tests per phase, tables of what they scored.

Reference: Wilcoxon F. Individual comparisons by ranking methods. Biometrics Bulletin 1945;1:80-83. Signed ranks, two
sided: overlaps are neither normal nor independent between models, and each case is its own control.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from scipy.stats import wilcoxon

from segmentation.evaluate import REGIONS, CaseEvaluation

MEASURES = ("dice", "jaccard")
ALL_PHASES = "all"


@dataclass(frozen=True, slots=True)
class Scored:
    """What one model scored."""

    name: str
    cases: tuple[CaseEvaluation, ...]


@dataclass(frozen=True, slots=True)
class PairedTest:
    """One measure of one region, model b against model a, over the cases that both have."""

    a: str
    b: str
    phase: str
    """Or "all"."""
    region: str
    measure: str
    n: int
    mean_a: float
    mean_b: float
    median_difference: float
    """Of b minus a, case by case."""
    better: int
    """Cases in which b scored higher."""
    worse: int
    p_value: float


def paired_tests(models: Sequence[Scored]) -> list[PairedTest]:
    """Every pair of models, per phase and over all phases, where they share a case."""
    return [
        _paired_test(a, b, phase, region, measure)
        for a, b in combinations(models, 2)
        for phase in _phases(a, b)
        for region in REGIONS
        for measure in MEASURES
    ]


def comparison_content(reports: Sequence[dict[str, Any]], models: Sequence[Scored]) -> dict[str, Any]:
    """The JSON of several models: the report of each, as of one model, and the paired tests."""
    named = [{"name": model.name, **report} for model, report in zip(models, reports, strict=True)]
    return {"models": named, "comparisons": [asdict(test) for test in paired_tests(models)]}


def case_table(models: Sequence[Scored], measure: str = "dice") -> str:
    """One line a case, the regions of each model side by side; '-' where a model has no result."""
    by_name = [{case.case: case for case in model.cases} for model in models]
    names = sorted({name for cases in by_name for name in cases})
    width = max((len(name) for name in names), default=0)
    heads = [f"  {model.name:^{len(REGIONS) * 6 - 1}.{len(REGIONS) * 6 - 1}}" for model in models]
    lines = [
        f"{'':{width}}{''.join(heads)}",
        f"{measure:{width}}" + "".join("  " + _row(REGIONS) for _ in models),
    ]
    for name in names:
        cells = [_row(_values(cases[name], measure) if name in cases else ["-"] * 3) for cases in by_name]
        lines.append(f"{name:{width}}  " + "  ".join(cells))
    return "\n".join(lines)


def phase_table(models: Sequence[Scored]) -> str:
    """Mean (SD) of Dice and Jaccard per phase and model, as markdown."""
    heads = [f"{measure.capitalize()} {region}" for measure in MEASURES for region in REGIONS]
    lines = [f"| phase | model | n | {' | '.join(heads)} |", "|---|---|---|" + "---|" * len(heads)]
    for phase in sorted({case.phase.value for model in models for case in model.cases}):
        for model in models:
            cases = [case for case in model.cases if case.phase.value == phase]
            cells = [
                _mean_and_sd([getattr(case, measure)[region] for case in cases])
                for measure in MEASURES
                for region in REGIONS
            ]
            lines.append(f"| {phase} | {model.name} | {len(cases)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def in_words(tests: Sequence[PairedTest], measure: str = "dice") -> str:
    """The paired tests in words, one line each."""
    return "\n".join(
        f"{test.phase} {test.region} {measure}: {test.a} {test.mean_a:.3f}, {test.b} {test.mean_b:.3f}, "
        f"median difference {test.median_difference:+.4f}, better in {test.better} and worse in {test.worse} "
        f"of {test.n}, p = {test.p_value:.2g}"
        for test in tests
        if test.measure == measure
    )


def signed_rank_p(differences: Sequence[float]) -> float:
    """Two-sided p of Wilcoxon's signed ranks; ties in zero are split (Pratt), 1 where nothing differs."""
    if not any(differences):
        return 1.0
    return float(wilcoxon(differences, zero_method="pratt").pvalue)


def _paired_test(a: Scored, b: Scored, phase: str, region: str, measure: str) -> PairedTest:
    pairs = [
        (getattr(one, measure)[region], getattr(other, measure)[region])
        for one, other in _shared_cases(a, b)
        if phase in (ALL_PHASES, one.phase.value)
    ]
    differences = [of_b - of_a for of_a, of_b in pairs]
    return PairedTest(
        a=a.name,
        b=b.name,
        phase=phase,
        region=region,
        measure=measure,
        n=len(pairs),
        mean_a=statistics.fmean(of_a for of_a, _ in pairs),
        mean_b=statistics.fmean(of_b for _, of_b in pairs),
        median_difference=statistics.median(differences),
        better=sum(difference > 0 for difference in differences),
        worse=sum(difference < 0 for difference in differences),
        p_value=signed_rank_p(differences),
    )


def _shared_cases(a: Scored, b: Scored) -> list[tuple[CaseEvaluation, CaseEvaluation]]:
    of_b = {case.case: case for case in b.cases}
    return [(case, of_b[case.case]) for case in a.cases if case.case in of_b]


def _phases(a: Scored, b: Scored) -> list[str]:
    """The phases that the shared cases have; "all" too where they are several."""
    phases = sorted({case.phase.value for case, _ in _shared_cases(a, b)})
    return phases if len(phases) < 2 else [*phases, ALL_PHASES]


def _values(case: CaseEvaluation, measure: str) -> list[str]:
    return [f"{getattr(case, measure)[region]:.3f}" for region in REGIONS]


def _row(cells: Sequence[str]) -> str:
    return " ".join(f"{cell:>5}" for cell in cells)


def _mean_and_sd(values: Sequence[float]) -> str:
    if not values:
        return "-"
    sd = f" ({statistics.stdev(values):.3f})" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{sd}"
