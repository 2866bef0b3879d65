"""The table of a drill as a file: every row is kept as soon as it is known, so that a drill can be resumed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tests.drills.drill import Outcome


class Ledger:
    """Fault -> its row. The file appears whole or not at all."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        self.rows: dict[str, Outcome] = {}
        if resume and path.is_file():
            self.rows = {row["fault"]: Outcome(**row) for row in json.loads(path.read_text())}

    def keep(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """Keep rows, new ones and those that are known better now; those that are new or changed."""
        changed = [one for one in outcomes if self.rows.get(one.fault) != one]
        if changed:
            self.rows |= {one.fault: one for one in changed}
            self._path.parent.mkdir(parents=True, exist_ok=True)
            scratch = self._path.with_name(f".{self._path.name}")
            scratch.write_text(json.dumps([one.as_dict() for one in self.rows.values()], indent=2) + "\n")
            scratch.replace(self._path)
        return changed
