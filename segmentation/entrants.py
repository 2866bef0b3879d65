"""What competes in an evaluation: a model, or a cross-validation with one model per fold.

A model of a cross-validation may only be asked about the cases it was not trained on; each case goes to the fold
that held it out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segmentation.case_folder import read_case_note, write_json
from segmentation.errors import BadInputError, BadModelError
from segmentation.model_description import DESCRIPTION
from segmentation.registry import Device, Model, load_model

FOLD_FILE = "fold.json"


@dataclass(frozen=True, slots=True)
class Fold:
    """One model of a cross-validation and the cases that it never saw, by their folders' names."""

    model: Model
    held_out: frozenset[str]


@dataclass(frozen=True, slots=True)
class Entrant:
    """One column of an evaluation."""

    name: str
    model: Model
    """Whose identity and interval the report names; of a cross-validation, the first fold's."""
    folds: tuple[Fold, ...] = ()

    def model_for(self, case: Path) -> Model:
        """The model that may be asked about a case folder.

        Raises:
            BadInputError: every fold was trained on the case, or on the one it was made from.
        """
        if not self.folds:
            return self.model
        names = {case.name, read_case_note(case).source}
        for fold in self.folds:
            if names & fold.held_out:
                return fold.model
        raise BadInputError(f"No fold of {self.name} held {case.name} out: each may have been trained on it.")

    def folds_content(self) -> list[dict[str, Any]]:
        """What the JSON says about the folds."""
        return [
            {
                "fold": fold.model.folder.name,
                "model": asdict(fold.model.identity),
                "held_out": sorted(fold.held_out),
            }
            for fold in self.folds
        ]


def one_model(folder: Path, device: Device) -> Entrant:
    """An installed model as it is.

    Raises:
        BadModelError: it cannot be read.
    """
    model = load_model(folder, device)
    return Entrant(f"{model.identity.name} {model.identity.version}", model)


def cross_validation(root: Path, device: Device) -> Entrant:
    """The models under a folder, each with a `fold.json`: {"held_out": [case, ...]}.

    Raises:
        BadModelError: there are none, one cannot be read, or two held out the same case.
    """
    folders = [path.parent for path in sorted(root.glob(f"*/{FOLD_FILE}"))]
    folders = [folder for folder in folders if (folder / DESCRIPTION).is_file()]
    if not folders:
        raise BadModelError(f"{root} holds no folds (model folders with a {FOLD_FILE}).")
    folds = tuple(Fold(load_model(folder, device), held_out_of(folder)) for folder in folders)
    _check_disjoint(folds)
    return Entrant(f"cross-validation {root.name}", folds[0].model, folds)


def distinct_names(entrants: Sequence[Entrant]) -> list[str]:
    """The entrants' names; with their model's folder where two have the same one.

    Raises:
        BadInputError: one is given twice.
    """
    names = [entrant.name for entrant in entrants]
    full = [
        name if names.count(name) == 1 else f"{name} ({entrant.model.folder})"
        for name, entrant in zip(names, entrants, strict=True)
    ]
    if len(set(full)) < len(full):
        raise BadInputError("The same model is given twice; give two different ones to compare.")
    return full


def write_held_out(folder: Path, cases: Iterable[str]) -> None:
    """Say in a model's folder which cases its training never saw: `held_out_of` reads it."""
    write_json(folder / FOLD_FILE, {"held_out": sorted(cases)})


def held_out_of(folder: Path) -> frozenset[str]:
    """The cases that a model's training never saw, by its `fold.json`; none where it is no fold.

    Raises:
        BadModelError: the file is damaged.
    """
    path = folder / FOLD_FILE
    if not path.is_file():
        return frozenset()
    try:
        held_out = json.loads(path.read_text())["held_out"]
        if not isinstance(held_out, list) or not all(isinstance(name, str) for name in held_out):
            raise TypeError("held_out must be a list of names of cases")
        return frozenset(held_out)
    except (ValueError, KeyError, TypeError) as error:
        raise BadModelError(f"{path} is damaged ({error}). Train the fold again.") from error


def _check_disjoint(folds: Sequence[Fold]) -> None:
    seen: dict[str, str] = {}
    for fold in folds:
        for name in sorted(fold.held_out):
            if name in seen:
                raise BadModelError(
                    f"{name} was held out by two folds, {seen[name]} and {fold.model.folder.name}: they are "
                    "not of one cross-validation."
                )
            seen[name] = fold.model.folder.name
