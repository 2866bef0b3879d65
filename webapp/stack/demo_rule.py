"""The routing rule of the demo's patient: its model is the one whose intervals were seen to hold this patient's truth.

Two of its three visits are after surgery, which the published weights never saw; and so the demo shows the same on a
machine with them and without.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import yaml

from webapp.stack.plan import Plan
from webapp.stack.tool import run_tool

NAME = "The demo's patient"
MODEL = "arca"


def add_demo_rule(plan: Plan, patient_id: str) -> None:
    """Put the rule before all others, once; nothing where the operator named a model for everything.

    Raises:
        StackError: the rules could not be read or saved.
    """
    if os.environ.get("MODEL"):
        return
    rules: list[dict[str, Any]] = yaml.safe_load(_rules(plan, "export"))
    if any(rule["name"] == NAME for rule in rules):
        return
    demo = {
        "name": NAME,
        "comment": "Made by the demo. It may be removed.",
        "conditions": [{"tag": "PatientID", "test": "equals", "value": patient_id}],
        "model": MODEL,
    }
    _rules(plan, "import", "-", "--why", "The demo was started", sent=yaml.safe_dump([demo, *rules]))


def _rules(plan: Plan, *words: str, sent: str = "") -> str:
    return run_tool(plan, [sys.executable, "manage.py", "rules", *words], sent)
