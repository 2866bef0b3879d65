"""A model comes as a zip or folder and is there whole, or not at all, with the reason."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from segmentation.errors import BadModelError
from segmentation.model_description import (
    DESCRIPTION,
    WEIGHTS,
    CascadeConfig,
    ModelDescription,
    installed_models,
    write_description,
)
from segmentation.model_install import digest_of, install_model
from segmentation.types import ModelIdentity

DATA = b"weights of no network"


def model_folder(place: Path, name: str = "own", version: str = "1", data: bytes = DATA) -> Path:
    """A model folder whose weights have the checksum that it states."""
    place.mkdir(parents=True)
    (place / WEIGHTS).write_bytes(data)
    identity = ModelIdentity(name, version, is_demo=False, statement="For a test.")
    write_description(
        place, ModelDescription(identity, 10, CascadeConfig()), hashlib.sha256(DATA).hexdigest()
    )
    return place


def zipped(folder: Path, inside: str = "own-1/") -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for one in folder.iterdir():
            archive.write(one, f"{inside}{one.name}")
        archive.writestr("../../evil.py", "print()")
    return path


def test_a_zip_becomes_a_folder_of_its_name_and_version_and_nothing_else_is_unpacked(tmp_path: Path) -> None:
    archive = zipped(model_folder(tmp_path / "made"), inside="some/where/")
    folder, description = install_model(archive, tmp_path / "models", digest_of(archive).upper())
    assert (folder.name, description.identity.name) == ("own-1", "own")
    assert sorted(one.name for one in folder.iterdir()) == [DESCRIPTION, WEIGHTS]
    assert [one.name for one in (tmp_path / "models").iterdir()] == ["own-1"]
    assert not list(tmp_path.glob("**/evil.py"))


def test_a_folder_is_copied(tmp_path: Path) -> None:
    source = model_folder(tmp_path / "made")
    folder, _ = install_model(source, tmp_path / "models", digest_of(source / WEIGHTS))
    assert list(installed_models([tmp_path / "models"])) == [folder]


def test_a_version_that_is_there_stays(tmp_path: Path) -> None:
    source = model_folder(tmp_path / "made")
    install_model(source, tmp_path / "models")
    with pytest.raises(BadModelError, match="own 1 is installed already"):
        install_model(source, tmp_path / "models")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / WEIGHTS).write_bytes(b"cut"), "checksum is not the one"),
        (lambda folder: (folder / WEIGHTS).unlink(), f"no {WEIGHTS}"),
        (lambda folder: (folder / DESCRIPTION).write_text("{"), "is damaged"),
        (lambda folder: rename(folder, "../up"), "Name and version need"),
    ],
)
def test_what_is_no_whole_model_is_not_installed(tmp_path: Path, spoil: object, words: str) -> None:
    folder = model_folder(tmp_path / "made")
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(BadModelError, match=words):
        install_model(zipped(folder), tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def rename(folder: Path, name: str) -> None:
    content = json.loads((folder / DESCRIPTION).read_text())
    content["identity"]["name"] = name
    (folder / DESCRIPTION).write_text(json.dumps(content))


def test_an_archive_that_is_another_or_none_or_doubled_is_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "made")
    archive = zipped(folder)
    with pytest.raises(BadModelError, match="does not have the SHA-256"):
        install_model(archive, tmp_path / "models", "0" * 64)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.write(folder / WEIGHTS, f"again/{WEIGHTS}")
    with pytest.raises(BadModelError, match="more than once"):
        install_model(archive, tmp_path / "models")
    archive.write_bytes(b"no zip")
    with pytest.raises(BadModelError, match="cannot be read"):
        install_model(archive, tmp_path / "models")
