"""Compose files and units name only what is there. They are read here, not run: no Docker engine is needed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from review import tasks

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = ("compose.yaml", "compose.workers.yaml")
# Read by Dramatiq and by Orthanc's own start, not by our settings.
OTHERS_READ = {"dramatiq_queue_prefetch"}
FOREIGN = {"postgres", "redis"}


def services(name: str) -> dict[str, dict[str, Any]]:
    return yaml.safe_load((ROOT / name).read_text())["services"]


def ours(name: str) -> dict[str, dict[str, Any]]:
    return {key: one for key, one in services(name).items() if key not in FOREIGN}


def settings_read() -> set[str]:
    text = (ROOT / "webapp" / "settings.py").read_text()
    return set(re.findall(r'env\.(?:text|number|flag|words)\(\s*f?"([A-Z_]+)"', text))


@pytest.mark.parametrize("name", COMPOSE)
def test_every_variable_is_one_that_something_reads(name: str) -> None:
    for service in ours(name).values():
        assert set(service.get("environment", {})) <= settings_read() | OTHERS_READ


@pytest.mark.parametrize("name", COMPOSE)
def test_no_secret_has_a_default(name: str) -> None:
    text = (ROOT / name).read_text()
    for variable in re.findall(r"\$\{([A-Z_]*(?:PASSWORD|SECRET|TOKEN)[A-Z_]*)[^}]*\}", text):
        assert f"${{{variable}:?}}" in text or f"${{{variable}:-}}" in text, variable
    for service in services(name).values():
        for key, value in service.get("environment", {}).items():
            if any(word in key for word in ("PASSWORD", "SECRET", "NUDGE_TOKEN")):
                assert value == f"${{{'PG_PASSWORD' if key == 'POSTGRES_PASSWORD' else key}:?}}"


def test_only_dicom_and_the_pages_on_loopback_are_published() -> None:
    published = {name: one["ports"] for name, one in services("compose.yaml").items() if "ports" in one}
    assert published == {"orthanc": ["4242:4242"], "web": ["127.0.0.1:8000:8000"]}


def test_every_process_and_every_queue_has_its_service() -> None:
    lines = {name: " ".join(one.get("command", [])) for name, one in ours("compose.yaml").items()}
    assert "manage.py follow" in lines["follower"]
    assert "orthanc serve" in lines["orthanc"]
    served = {
        word for line in lines.values() if "--queues" in line for word in line.split("--queues ")[1].split()
    }
    assert served == {actor.queue_name for actor in vars(tasks).values() if hasattr(actor, "queue_name")}


@pytest.mark.parametrize("name", COMPOSE)
def test_what_a_service_waits_for_and_mounts_is_there(name: str) -> None:
    whole = yaml.safe_load((ROOT / name).read_text())
    for service in whole["services"].values():
        assert set(service.get("depends_on", {})) <= set(whole["services"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith("$") or source in whole["volumes"]


def test_the_image_copies_what_is_there_and_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    for line in lines:
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
    assert any(line.startswith("USER ") and line != "USER root" for line in lines)
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages <= {line.split()[1] for line in lines if line.startswith("COPY ")}


@pytest.mark.parametrize("unit", sorted((ROOT / "docs" / "systemd").iterdir()), ids=lambda path: path.name)
def test_systemd_finds_nothing_wrong_with_a_unit(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    # The folder and user of the example are not here: any program and user will do.
    text = re.sub(r"(Exec\w+=)/srv\S+", r"\1/bin/true", unit.read_text()).replace("User=glioma", "User=root")
    text = re.sub(r"(WorkingDirectory|EnvironmentFile)=-?\S+\n", "", text)
    place = tmp_path / unit.name.replace("@.", "@gpu.")
    place.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(place)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if place.name in line]
    assert complaints == []
