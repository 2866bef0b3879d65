"""`python -m webapp.stack up | demo | down | status | backup | restore | keep NAME`: all of it on one machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from webapp.stack import supervisor
from webapp.stack.errors import StackError
from webapp.stack.plan import PROCESSES, load_plan


def main() -> int:
    """Run one command; a StackError is one clear line and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m webapp.stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in (
        ("up", "start everything in the background and return when it is ready"),
        ("demo", "the same, then send a synthetic patient and wait for its results"),
        ("down", "stop everything"),
        ("status", "say what runs"),
        ("supervise", "the supervisor itself, in the foreground"),
    ):
        commands.add_parser(name, help=words)
    keep = commands.add_parser("keep", help="run one process of the Procfile and start it again when it dies")
    keep.add_argument("name", choices=PROCESSES)
    save = commands.add_parser("backup", help="save everything while it runs")
    save.add_argument("--to", type=Path, help="a folder that is not there yet (default: var/backups/<time>)")
    load = commands.add_parser("restore", help="put a backup in the place of what is here")
    load.add_argument("source", type=Path)
    arguments = parser.parse_args()
    try:
        return _run(arguments)
    except StackError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno is None:
            raise
        print(f"Error: {error.strerror}: {error.filename or ''}", file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "keep":
        from webapp.stack.processes import keep

        return keep(arguments.name)
    if arguments.command == "supervise":
        return supervisor.supervise()
    if arguments.command == "down":
        print("Stopped." if supervisor.stop() else "Nothing was running.")
        return 0
    if arguments.command == "status":
        return _status()
    if arguments.command in ("backup", "restore"):
        return _backup_or_restore(arguments)
    return _up(with_demo=arguments.command == "demo")


def _up(*, with_demo: bool) -> int:
    from webapp.stack.demo import run_demo
    from webapp.stack.up import print_summary, up

    plan = up()
    if with_demo:
        run_demo(plan)
    print_summary(plan)
    return 0


def _backup_or_restore(arguments: argparse.Namespace) -> int:
    from webapp.stack.backup import back_up, restore

    if arguments.command == "backup":
        print(
            f"Saved in {back_up(arguments.to)}. It holds patient data and secrets: keep it as safe as the system."
        )
        return 0
    aside = restore(arguments.source)
    print("Restored; start with: make up" + (f" (what was here before: {aside})" if aside else ""))
    return 0


def _status() -> int:
    pid = supervisor.running_pid()
    print(f"running, supervisor {pid}: {', '.join(load_plan().processes)}" if pid else "not running")
    return 0 if pid else 3


if __name__ == "__main__":
    sys.exit(main())
