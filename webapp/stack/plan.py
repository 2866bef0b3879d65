"""What runs where: ports, secrets and addresses of one installation, kept in `stack.env` of its data folder."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from webapp.environment import read_env_file
from webapp.stack import postgres, redis
from webapp.stack.errors import StackError
from webapp.stack.ports import choose_port, is_free

REPOSITORY = Path(__file__).resolve().parent.parent.parent
FREE_SPACE_NEEDED_GB = 2.0
DEFAULT_PORTS = {"PORT": 8000, "ORTHANC_PORT": 8042, "DICOM_PORT": 4242, "PG_PORT": 5442, "REDIS_PORT": 6389}
OPEN_TO_OTHERS = {"DICOM_PORT"}  # Orthanc's DICOM server listens on every interface
PROCESSES = ("postgres", "redis", "orthanc", "web", "follower", "worker_cpu", "worker_gpu")


def var_dir() -> Path:
    """The data folder of this installation: GLIOMA_VAR, else `var` in the checkout."""
    return Path(os.environ.get("GLIOMA_VAR") or REPOSITORY / "var").resolve()


def env_file() -> Path:
    """The file that holds what was generated for this installation."""
    return var_dir() / "stack.env"


@dataclass(frozen=True, slots=True)
class Plan:
    """One installation: its variables, and which services are its own."""

    variables: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def private(self) -> frozenset[str]:
        """Services that no variable of the process replaces by an external one."""
        replaced = {
            "postgres": self._is_replaced("DATABASE_URL"),
            "redis": self._is_replaced("REDIS_URL") or self._is_replaced("BROKER_URL"),
            "orthanc": self._is_replaced("ORTHANC_URL"),
        }
        return frozenset(name for name, elsewhere in replaced.items() if not elsewhere)

    def _is_replaced(self, variable: str) -> bool:
        # The processes of the stack are given the generated addresses in these same variables.
        address = os.environ.get(variable)
        return bool(address) and address != self.variables.get(variable)

    @property
    def processes(self) -> tuple[str, ...]:
        """Names in the Procfile that this installation runs."""
        return tuple(
            name for name in PROCESSES if name not in {"postgres", "redis", "orthanc"} - self.private
        )

    def port(self, name: str) -> int:
        """A port by the name of its variable."""
        return int(self.variables[name])

    def environment(self) -> dict[str, str]:
        """The variables for every process of the stack; those of the caller win."""
        generated = {key: value for key, value in self.variables.items() if not os.environ.get(key)}
        return {
            **os.environ,
            **generated,
            "GLIOMA_VAR": str(var_dir()),
            "PYTHONUNBUFFERED": "1",
            # Without it each C-STORE to Orthanc takes 88 ms instead of 2.
            "TCP_NODELAY": "1",
            # The Procfile says `python`, which is the one that runs this.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        }


def load_plan() -> Plan:
    """The plan of an installation that was started before.

    Raises:
        StackError: there is none yet.
    """
    variables = read_env_file(env_file())
    if not variables:
        raise StackError("Nothing is installed here yet: run `make up` (or `make demo`) first.")
    return Plan(variables)


def make_plan() -> Plan:
    """Choose ports and secrets, keeping those of an earlier start where they still work; write `stack.env`."""
    folder = var_dir()
    _check_folder(folder)
    before = read_env_file(env_file())
    variables = {name: before.get(name) or secrets.token_urlsafe(32) for name in SECRETS}
    variables["ORTHANC_USER"] = "glioma"
    variables["DICOM_AET"] = os.environ.get("DICOM_AET") or before.get("DICOM_AET") or "GLIOMA"
    variables["DICOMWEB_SERVERS"] = os.environ.get("DICOMWEB_SERVERS", before.get("DICOMWEB_SERVERS", ""))
    notes = _choose_ports(variables, before)
    variables["DATABASE_URL"] = postgres.url(int(variables["PG_PORT"]), variables["PG_PASSWORD"])
    variables["REDIS_URL"] = redis.url(int(variables["REDIS_PORT"]), variables["REDIS_PASSWORD"])
    variables["ORTHANC_URL"] = f"http://127.0.0.1:{variables['ORTHANC_PORT']}"
    path = env_file()
    path.touch(mode=0o600)
    path.write_text("".join(f"{key}={value}\n" for key, value in variables.items()))
    return Plan(variables, tuple(notes))


SECRETS = ("SECRET_KEY", "PG_PASSWORD", "REDIS_PASSWORD", "ORTHANC_PASSWORD", "NUDGE_TOKEN")


def _check_folder(folder: Path) -> None:
    try:
        for part in ("log", "run", "artefacts", "models"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(f"The data folder {folder} cannot be written: {error.strerror}.") from error
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < FREE_SPACE_NEEDED_GB:
        raise StackError(
            f"Only {free_gb:.1f} GB free in {folder}; {FREE_SPACE_NEEDED_GB:g} GB are needed. "
            "Free some space, or name another folder: GLIOMA_VAR=... make up"
        )


def _choose_ports(variables: dict[str, str], before: dict[str, str]) -> list[str]:
    notes: list[str] = []
    taken: set[int] = set()
    for name, default in DEFAULT_PORTS.items():
        host = "" if name in OPEN_TO_OTHERS else "127.0.0.1"
        old = int(before.get(name, 0))
        keep_old = old and not os.environ.get(name) and old not in taken and is_free(old, host)
        port = old if keep_old else choose_port(name, default, taken, host=host)
        taken.add(port)
        variables[name] = str(port)
        if port != default and not os.environ.get(name):
            notes.append(f"{name}: {default} is in use or was before, so {port} is taken")
    return notes
