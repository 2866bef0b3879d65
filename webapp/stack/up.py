"""Bring the whole stack up: data folder, database, accounts, static files, model, supervisor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import httpx

from webapp.stack import postgres, supervisor
from webapp.stack.errors import StackError
from webapp.stack.plan import REPOSITORY, Plan, load_plan, make_plan, var_dir

READY_WITHIN_S = 240  # a loaded machine starts seven processes slowly
OUR_LABEL = "  "


def say(text: str) -> None:
    """One line for the person at the terminal."""
    print(text, flush=True)


def up() -> Plan:
    """Start everything and return when the web pages and Orthanc answer. Does nothing when it runs already."""
    if supervisor.running_pid() is not None:
        plan = load_plan()
        say("Already running.")
        _wait_ready(plan)
        return plan
    supervisor.stop()  # what a killed supervisor left behind
    plan = make_plan()
    for note in plan.notes:
        say(OUR_LABEL + note)
    _prepare_database(plan)
    _import_published_model(plan)
    supervisor.start(plan)
    say(OUR_LABEL + "starting " + ", ".join(plan.processes))
    _wait_ready(plan)
    return plan


def _prepare_database(plan: Plan) -> None:
    """Migrations, accounts and static files, before any process of the stack needs them."""
    var = var_dir()
    private = "postgres" in plan.private
    if private:
        say(OUR_LABEL + f"PostgreSQL: private, in {var / 'postgres'}")
    server = (
        postgres.running(
            var / "postgres",
            plan.port("PG_PORT"),
            plan.variables["PG_PASSWORD"],
            var / "log" / "postgres.log",
        )
        if private
        else nullcontext()
    )
    with server:
        _manage(plan, "preparing the database", "migrate", "--noinput", "--verbosity", "0")
        _manage(plan, "making the accounts", "accounts", "--file", str(accounts_file()))
        _manage(plan, "collecting static files", "collectstatic", "--noinput", "--verbosity", "0")


def _manage(plan: Plan, label: str, *words: str) -> None:
    say(OUR_LABEL + label)
    _run(plan, label, [sys.executable, str(REPOSITORY / "manage.py"), *words])


def _run(plan: Plan, label: str, line: list[str]) -> str:
    done = subprocess.run(
        line, cwd=REPOSITORY, env=plan.environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        log = var_dir() / "log" / "up.log"
        log.write_text(done.stdout + done.stderr)
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise StackError(f"While {label}: {last} (everything it said: {log})")
    return done.stdout


def published_weights() -> Path | None:
    """The CA-CNN weights of Wang et al., if somebody put them where we look: CACNN_WEIGHTS, or ../shared."""
    named = os.environ.get("CACNN_WEIGHTS")
    place = Path(named) if named else REPOSITORY.parent / "shared" / "weights" / "cacnn17.safetensors"
    if named and not place.is_file():
        raise StackError(f"CACNN_WEIGHTS names {place}, which is not there.")
    return place if place.is_file() else None


def _import_published_model(plan: Plan) -> None:
    target = var_dir() / "models" / "cacnn17"
    weights = published_weights()
    if weights is None or (target / "model.json").is_file():
        return
    line = [sys.executable, "-m", "segmentation", "import-cacnn", str(weights), str(target)]
    say(OUR_LABEL + "importing the published CA-CNN weights")
    _run(plan, "importing the published CA-CNN weights", line)


def accounts_file() -> Path:
    """Where the generated accounts are kept, readable by the owner only."""
    return var_dir() / "accounts.json"


def accounts() -> dict[str, dict[str, str]]:
    """One account per role and the service's token."""
    found: dict[str, dict[str, str]] = json.loads(accounts_file().read_text())
    return found


def web_url(plan: Plan) -> str:
    """The address of the pages on this machine."""
    return f"http://localhost:{plan.variables['PORT']}"


def api(plan: Plan) -> httpx.Client:
    """The API as the service account."""
    return httpx.Client(
        base_url=web_url(plan) + "/api/",
        headers={"Authorization": f"Token {accounts()['service']['token']}"},
        timeout=30,
    )


def _wait_ready(plan: Plan) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    waiting = "web"
    while time.monotonic() < deadline:
        waiting = _not_ready(plan)
        if not waiting:
            return
        if supervisor.running_pid() is None:
            raise StackError(f"The supervisor ended: see {var_dir() / 'log' / 'supervisor.log'}.")
        time.sleep(0.3)
    raise StackError(f"Not ready after {READY_WITHIN_S} s: {waiting}. See {var_dir() / 'log'}.")


def _not_ready(plan: Plan) -> str:
    """What is still missing, in words; empty when everything answers."""
    try:
        with api(plan) as client:
            health = client.get("health/").json()
    except (httpx.TransportError, ValueError):
        return "the web server does not answer"
    if health.get("ok"):
        return ""
    troubles = [health.get(f"{part}_trouble") for part in ("broker", "orthanc", "follower")]
    return "; ".join(trouble for trouble in troubles if trouble) or "follower and workers are not there yet"


def print_summary(plan: Plan, out: Callable[[str], None] = say) -> None:
    """Addresses and accounts."""
    known = accounts()
    host = "this-machine"
    out("")
    out(f"  Open         {web_url(plan)}")
    for role in ("radiologist", "admin", "viewer"):
        out(f"  {role:<13}{known[role]['username']} / {known[role]['password']}")
    out(f"  API          {web_url(plan)}/api/docs/   Authorization: Token {known['service']['token']}")
    if "orthanc" in plan.private:
        out(f"  DICOM        {plan.variables['DICOM_AET']}@{host}:{plan.variables['DICOM_PORT']} (C-STORE)")
    out(f"  Logs         {var_dir() / 'log'}    stop with: make down")
    out("  Research use only, not a medical device.")
