"""`python -m tests.benchmarks.roles`: how many of the hand-written headers get their role, and which do not."""

from __future__ import annotations

import sys
from collections import Counter

from orthanc.series import choose_series
from orthanc.types import Role
from tests.orthanc.role_table.read_table import KnownStudy, known_studies

Tally = Counter[tuple[str, str]]


def role_table(studies: tuple[KnownStudy, ...]) -> str:
    """Accuracy per part and vendor, confusion of roles, and every wrong row."""
    confusion: Counter[tuple[Role, Role]] = Counter()
    right: Tally = Counter()
    total: Tally = Counter()
    wrong: list[str] = []
    for study in studies:
        guesses = choose_series(one.header for one in study.series).guesses
        for known in study.series:
            guess = guesses[known.header.series_uid]
            confusion[known.role, guess.role] += 1
            for key in (("part", study.part), ("vendor", study.vendor), ("all", "rows")):
                total[key] += 1
                right[key] += guess.role is known.role
            if guess.role is not known.role:
                wrong.append(f"  {known.header.series_uid} is {known.role}, got {guess.role}: {guess.reason}")
    lines = ["Series roles on hand-written headers (true role: taken for)"]
    for role in Role:
        taken = ", ".join(f"{other} {confusion[role, other]}" for other in Role if confusion[role, other])
        lines.append(f"  {role:<6} {taken}")
    lines += [
        f"  {kind:<7}{name:<10} {right[kind, name]:>4} of {total[kind, name]:<4} "
        f"{right[kind, name] / total[kind, name]:7.1%}"
        for kind, name in sorted(total)
    ]
    return "\n".join([*lines, *wrong])


def main() -> int:
    """Print the table."""
    print(role_table(known_studies()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
