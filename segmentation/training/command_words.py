"""The `train` command as a reader would type it again: for cards, and for what a search found."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Collection
from pathlib import Path

from segmentation.training.options import add_arguments

ONLY_HERE = ("help", "work", "resume", "minutes", "threads", "search")
"""Options that say where and for how long, not what is trained."""


def command_line(
    args: argparse.Namespace, leave_out: Collection[str] = ONLY_HERE, whole_paths: bool = False
) -> str:
    """What was asked for, in one line; of paths the last part alone unless `whole_paths`."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["python", "-m", "segmentation", "train"]
    for action in parser._actions:
        value = getattr(args, action.dest, action.default)
        if action.dest in leave_out or value == action.default or not action.option_strings:
            continue
        words.append(action.option_strings[-1])
        if action.nargs != 0:
            values = value if isinstance(value, list) else [value]
            words.extend(str(one) if whole_paths else _last_part(one) for one in values)
    return shlex.join(words)


def _last_part(value: object) -> str:
    return Path(value).name if isinstance(value, Path) or "/" in str(value) else str(value)  # type: ignore[arg-type]
