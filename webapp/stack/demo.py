"""The demo: a synthetic patient with three visits, sent by C-STORE, followed until its results are there."""

from __future__ import annotations

import json
import sys
import time

import httpx

from webapp.stack.demo_rule import add_demo_rule
from webapp.stack.demo_treatment import tell_treatment
from webapp.stack.errors import StackError
from webapp.stack.plan import Plan, var_dir
from webapp.stack.tool import run_tool
from webapp.stack.up import api, say, web_url

RESULTS_WITHIN_S = 30 * 60
ENDED = {"done", "failed", "incomplete", "not_wanted"}


def run_demo(plan: Plan) -> None:
    """Make the patient once, send it, and show progress until every visit has its result.

    Raises:
        StackError: a visit did not end in a result.
    """
    folder = var_dir() / "phantom"
    if not (folder / "truth.json").is_file():
        say("Making a synthetic patient with three visits")
        run_tool(plan, [sys.executable, "manage.py", "phantom", str(folder), "--visits", "3"])
    truth = json.loads((folder / "truth.json").read_text())
    add_demo_rule(plan, truth["patient_id"])
    say("Sending it by C-STORE")
    address = f"{plan.variables['DICOM_AET']}@127.0.0.1:{plan.variables['DICOM_PORT']}"
    for visit in sorted(folder.glob("visit-*")):
        run_tool(plan, [sys.executable, "-m", "orthanc", "send", str(visit), "--to", address])
    wanted = {visit["study_uid"] for visit in truth["visits"]}
    say("Segmenting")
    studies = _wait_for_results(plan, wanted)
    for study in studies:
        _say_result(study)
    tell_treatment(plan, studies)
    say(f"\nLook at: {web_url(plan)}/  (worklist; open a visit to see the overlay in the viewer)")


def _wait_for_results(plan: Plan, wanted: set[str]) -> list[dict]:
    deadline = time.monotonic() + RESULTS_WITHIN_S
    said = ""
    while time.monotonic() < deadline:
        studies = _read_studies(plan, wanted)
        line = "  " + "   ".join(_progress(study) for study in studies)
        if line != said and studies:
            say(line)
            said = line
        if len(studies) == len(wanted) and all(study["state"] in ENDED for study in studies):
            return _checked(studies)
        time.sleep(1)
    raise StackError(f"No results after {RESULTS_WITHIN_S // 60} minutes. See {var_dir() / 'log'}.")


def _read_studies(plan: Plan, wanted: set[str]) -> list[dict]:
    found = []
    try:
        with api(plan) as client:
            for uid in wanted:
                answer = client.get(f"studies/{uid}/")
                if answer.status_code == 200:
                    found.append(answer.json())
    except httpx.TransportError:
        return []  # the web process is being restarted; the next round asks again
    return sorted(found, key=lambda study: study["study_date"] or "")


def _progress(study: dict) -> str:
    job = study["jobs"][0] if study["jobs"] else {}
    stage = job.get("progress") or job.get("stage") or study["reason"]
    words = study["state"] if study["state"] in ENDED else f"{study['state']}: {stage}"
    return f"{study['study_date']} {words}"


def _checked(studies: list[dict]) -> list[dict]:
    bad = [study for study in studies if study["state"] != "done"]
    if bad:
        raise StackError(
            "; ".join(f"{study['study_date']}: {study['state']}: {study['reason']}" for study in bad)
        )
    return studies


def _say_result(study: dict) -> None:
    result = study["result"]
    volumes = result["volumes"]
    words = ", ".join(
        f"{name} {volumes[name]['ml']} mL [{volumes[name]['low_ml']} to {volumes[name]['high_ml']}]"
        for name in ("WT", "TC", "ET")
    )
    say(f"  {study['study_date']}  {words}  ({result['model']['name']} {result['model']['version']})")
