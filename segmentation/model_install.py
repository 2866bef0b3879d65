"""Installing a model that came as a folder or as a zip of one: checked whole before it is there. Loads no torch."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

from segmentation.errors import BadModelError
from segmentation.model_description import (
    CARD,
    DESCRIPTION,
    WEIGHTS,
    ModelDescription,
    installed_models,
    read_description,
)

FILES = (DESCRIPTION, WEIGHTS, CARD)
NEEDED = (DESCRIPTION, WEIGHTS)
LARGEST_BYTES = 4 * 1024**3
CHUNK_BYTES = 1024 * 1024
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def install_model(source: Path, root: Path, sha256: str = "") -> tuple[Path, ModelDescription]:
    """Put a model under `root`, where it appears whole or not at all; its folder and what it says of itself.

    Args:
        sha256: checksum that the zip, or of a folder its weights, must have; empty: none was told.

    Raises:
        BadModelError: it is damaged, not a model, too large, or this version is there already.
    """
    root.mkdir(parents=True, exist_ok=True)
    _check_told(source, sha256)
    with tempfile.TemporaryDirectory(dir=root, prefix=".arriving-") as scratch:
        # One level deeper than where installed models are looked for.
        arrived = Path(scratch, "a", "model")
        arrived.mkdir(parents=True)
        _unpack(source, arrived) if source.is_file() else _copy(source, arrived)
        description, checksum = read_description(arrived)
        if digest_of(arrived / WEIGHTS) != checksum:
            raise BadModelError(f"{WEIGHTS} is damaged: its checksum is not the one in {DESCRIPTION}.")
        identity = description.identity
        if not NAME.fullmatch(identity.name) or not NAME.fullmatch(identity.version):
            raise BadModelError(
                "Name and version need letters, digits, dots, hyphens or underscores, at most 64."
            )
        _refuse_double(root, description)
        place = root / f"{identity.name}-{identity.version}"
        arrived.rename(place)
    return place, description


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _check_told(source: Path, sha256: str) -> None:
    told = sha256.strip().lower()
    if not told:
        return
    path = source if source.is_file() else source / WEIGHTS
    if not path.is_file() or digest_of(path) != told:
        raise BadModelError(f"{path.name} does not have the SHA-256 that was told. Fetch it again.")


def _copy(source: Path, folder: Path) -> None:
    for name in FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
        elif name in NEEDED:
            raise BadModelError(f"{source} is not a model folder: {name} is missing.")


def _unpack(source: Path, folder: Path) -> None:
    """The three files of a model, by their names alone: where the archive says they lie does not matter."""
    try:
        with zipfile.ZipFile(source) as archive:
            members = [
                one for one in archive.infolist() if Path(one.filename).name in FILES and not one.is_dir()
            ]
            names = [Path(one.filename).name for one in members]
            if doubled := sorted({name for name in names if names.count(name) > 1}):
                raise BadModelError(f"The archive holds {' and '.join(doubled)} more than once.")
            if missing := [name for name in NEEDED if name not in names]:
                raise BadModelError(f"The archive holds no {' and no '.join(missing)}.")
            if sum(one.file_size for one in members) > LARGEST_BYTES:
                raise BadModelError(f"The archive unpacks to more than {LARGEST_BYTES // 1024**3} GB.")
            for member, name in zip(members, names, strict=True):
                _unpack_one(archive, member, folder / name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BadModelError(f"The archive cannot be read ({error}).") from error


def _unpack_one(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    """The size in the directory of an archive may be a lie."""
    left = member.file_size
    with archive.open(member) as source, path.open("wb") as target:
        while chunk := source.read(CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                raise BadModelError("The archive unpacks to more than it says.")
            target.write(chunk)


def _refuse_double(root: Path, description: ModelDescription) -> None:
    identity = description.identity
    for folder, known in installed_models([root]).items():
        if (known.identity.name, known.identity.version) == (identity.name, identity.version):
            raise BadModelError(f"{identity.name} {identity.version} is installed already, in {folder.name}.")
