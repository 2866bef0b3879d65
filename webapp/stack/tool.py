"""Running one of the project's own commands within a stack."""

from __future__ import annotations

import subprocess

from webapp.stack.errors import StackError
from webapp.stack.plan import REPOSITORY, Plan


def run_tool(plan: Plan, line: list[str], sent: str = "") -> str:
    """What the command wrote; `sent` is what it reads from standard input.

    Raises:
        StackError: it failed; with the last line that it said.
    """
    done = subprocess.run(
        line, cwd=REPOSITORY, env=plan.environment(), input=sent, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise StackError(f"{' '.join(line[1:4])}: {last}")
    return done.stdout
