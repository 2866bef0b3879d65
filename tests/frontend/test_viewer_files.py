"""How the built viewer is served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings as DjangoSettings

pytestmark = pytest.mark.django_db  # the page of an error names the site

HASHED = "app.bundle.0123456789abcdef.js"


@pytest.fixture
def dist(tmp_path: Path, settings: DjangoSettings) -> Path:
    folder = tmp_path / "dist"
    (folder / "mode").mkdir(parents=True)
    (folder / "index.html").write_text("<title>viewer</title>")
    (folder / HASHED).write_text("bundle")
    (folder / f"{HASHED}.gz").write_bytes(b"squeezed")
    (folder / "mode" / "glioma-mode.js").write_text("mode")
    (tmp_path / "secret.js").write_text("secret")
    settings.OHIF_DIR = folder
    return folder


def body(answer: object) -> bytes:
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def test_hashed_files_may_be_kept_for_ever_and_ours_are_asked_for_again(client: Client, dist: Path) -> None:
    hashed = client.get(f"/ohif/{HASHED}")
    assert "immutable" in hashed.headers["Cache-Control"]
    assert hashed.headers["Content-Type"] == "text/javascript"
    assert body(hashed) == b"bundle"
    ours = client.get("/ohif/mode/glioma-mode.js")
    assert body(ours) == b"mode"
    assert "no-cache" in ours.headers["Cache-Control"]
    assert (
        client.get("/ohif/mode/glioma-mode.js", headers={"If-None-Match": ours.headers["ETag"]}).status_code
        == 304
    )


def test_browsers_that_can_get_the_compressed_file(client: Client, dist: Path) -> None:
    answer = client.get(f"/ohif/{HASHED}", headers={"Accept-Encoding": "gzip, br"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Type"] == "text/javascript"
    assert body(answer) == b"squeezed"


def test_the_page_itself_needs_a_log_in(client: Client, dist: Path, db: None) -> None:
    answer = client.get("/ohif/viewer?StudyInstanceUIDs=1.2")
    assert answer.headers["Location"] == "/login/?next=/ohif/viewer%3FStudyInstanceUIDs%3D1.2"


def test_every_address_that_is_no_file_is_the_page(as_role: Callable[[str], Client], dist: Path) -> None:
    client = as_role("viewer")
    for address in ("/ohif/viewer?StudyInstanceUIDs=1.2", "/ohif/notfoundstudy", "/ohif/index.html"):
        answer = client.get(address)
        assert body(answer) == b"<title>viewer</title>"
        assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]


def test_the_bare_root_is_the_worklist(client: Client, dist: Path) -> None:
    assert client.get("/ohif/").headers["Location"] == "/"


@pytest.mark.parametrize("path", ["missing.js", "../secret.js", "mode/../../secret.js", "%2e%2e/secret.js"])
def test_nothing_but_the_viewers_files_is_served(client: Client, dist: Path, path: str) -> None:
    assert client.get(f"/ohif/{path}").status_code == 404


def test_a_viewer_that_was_not_built_says_how_to_build_it(
    client: Client, settings: DjangoSettings, tmp_path: Path
) -> None:
    settings.OHIF_DIR = tmp_path / "nowhere"
    answer = client.get("/ohif/viewer")
    assert answer.status_code == 503
    assert "make install" in answer.content.decode()
