"""`python -m tests.benchmarks.rules`: 10,000 studies' headers and 50 rules: matching one study, a dry run over all."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orthanc.types import SeriesHeader

N_STUDIES, N_RULES = 10_000, 50
SCANNERS = (("SIEMENS", "Prisma"), ("GE", "Signa Premier"), ("Philips", "Ingenia"))
EXTRA = ("LOCALIZER", "DWI b1000", "ADC", "SWI")


def rules(count: int = N_RULES) -> list[dict[str, Any]]:
    """Rules of which none but the last fits, each with three conditions, a group and a pattern among them."""
    from review.routing_documents import complete, new_key

    made = []
    for number in range(count):
        conditions: list[dict[str, Any]] = [
            {"tag": "Modality", "test": "equals", "value": "MR"},
            {"any": [
                {"tag": "SeriesDescription", "test": "matches", "value": f"(brain|head) .*{number}[a-z]+$"},
                {"tag": "StudyDescription", "test": "contains", "value": f"protocol {number}"},
            ]},
            {"one_series": [
                {"tag": "SliceThickness", "test": "between", "value": [None, 1 + number]},
                {"tag": "Role", "test": "equals", "value": "T1CE"},
            ]},
        ]  # fmt: skip
        made.append(complete({"key": new_key(), "name": f"Rule {number}", "conditions": conditions}))
    made[-1]["conditions"] = conditions[:1]
    return made


def store_studies(count: int = N_STUDIES) -> None:
    """Study and series rows, eight series each, as intake would have written them."""
    from review.models import Series, Study

    random = Random(5)
    studies = [
        Study(study_uid=f"1.9.{place}", description=f"MRI BRAIN protocol x{place % 7}", patient_sex="F")
        for place in range(count)
    ]
    Study.objects.bulk_create(studies, batch_size=2000)
    rows = (row for place, study in enumerate(studies) for row in _series_of(study, place, random))
    Series.objects.bulk_create(rows, batch_size=2000)


def _series_of(study: Any, place: int, random: Random) -> Iterator[Any]:
    from review.models import Series
    from tests.review.factories import FLAIR, T1, T1CE, T2

    maker, scanner = SCANNERS[place % 3]
    four: dict[str, SeriesHeader] = {"T1": T1, "T2": T2, "FLAIR": FLAIR, "T1CE": T1CE}
    others = {name: replace(T1, description=name) for name in EXTRA}
    for number, (name, header) in enumerate((four | others).items()):
        known = replace(
            header,
            series_uid=f"{study.study_uid}.{number}",
            study_uid=study.study_uid,
            series_number=number,
            manufacturer=maker,
            manufacturer_model=scanner,
            repetition_time_ms=(header.repetition_time_ms or 0.0) * random.uniform(0.98, 1.02),
        )
        role = name if name in four else "none"
        yield Series(
            study=study, series_uid=known.series_uid, header=known.to_dict(), modality="MR",
            description=known.description, role=role, role_confidence=0.9, is_chosen=role != "none",
        )  # fmt: skip


def matching_ms(document: list[dict[str, Any]]) -> float:
    """Median milliseconds to find the rule of one study as intake does: rows to rules, roles worked out, all asked."""
    from review.routing import find_rule, rule_from
    from tests.review.factories import study_header

    times = []
    for place in range(200):
        study = study_header(description=f"BRAIN {place}")
        start = time.perf_counter()
        find_rule([rule_from(rule, number) for number, rule in enumerate(document)], study)
        times.append(1000 * (time.perf_counter() - start))
    return median(times)


def measure() -> str:
    """The figures, on rows of a database that goes away."""
    from django.utils import timezone

    from review.routing_documents import complete, new_key
    from review.rule_sets import save_rule_set
    from review.rule_trial import try_rules
    from review.rule_versions import current_number

    document = rules()
    lines = [f"matching one study against {N_RULES} rules: {matching_ms(document):.2f} ms (median of 200)"]
    store_studies()
    save_rule_set(document, by="benchmark", why="benchmark", based_on=current_number() or 1)
    told = {"role": "FLAIR", "series": [{"tag": "SeriesDescription", "test": "equals", "value": "SWI"}]}
    timed = complete(
        {
            "key": new_key(),
            "name": "Slow",
            "conditions": [{"tag": "RepetitionTime", "test": "between", "value": [9200, None]}],
        }
    )
    drafts = {
        "one rule enters": [
            *document[:3],
            complete({"key": new_key(), "name": "New", "destinations": ["P"]}),
        ],
        "a role is told in every study": [*document[:-1], {**document[-1], "role_overrides": [told]}],
        "every study differs in what is asked": [timed, *document],
    }
    for words, draft in drafts.items():
        start, work = time.perf_counter(), time.process_time()
        trial = try_rules(draft, since=timezone.now() - timedelta(days=30))
        seconds, work_s = time.perf_counter() - start, time.process_time() - work
        counts = ", ".join(f"{count} {kind}" for kind, count in trial.counts().items() if count)
        lines.append(
            f"dry run, {words}: {trial.n_studies} studies in {seconds:.1f} s ({work_s:.1f} s computing; {counts})"
        )
    return "\n".join(lines)


def main() -> int:
    """Print the figures."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.test.utils import get_runner, setup_test_environment

    setup_test_environment()
    runner = get_runner_class(get_runner)
    databases = runner.setup_databases()
    try:
        print(measure())
    finally:
        runner.teardown_databases(databases)
    return 0


def get_runner_class(get_runner: Any) -> Any:
    """Django's own test runner: it makes and removes the database."""
    from django.conf import settings

    return get_runner(settings)(verbosity=0, interactive=False)


if __name__ == "__main__":
    sys.exit(main())
