"""How the published viewer becomes ours."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from frontend.ohif import build


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    for name, text in {
        "index.html": "<html>theirs</html>",
        "app.bundle.0123456789abcdef.js": 'x;\n__webpack_require__.p = "/";\n//# sourceMappingURL=app.js.map',
        "app.bundle.0123456789abcdef.js.map": "{}",
        "app.bundle.css": "@font-face{src:url(/font.woff2)}",
        "sw.js": "worker",
        "ort/model.wasm": "large",
        "assets/splash.png": "p",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_addresses_move_below_the_prefix_and_maps_are_dropped(published: Path, tmp_path: Path) -> None:
    into = tmp_path / "dist"
    build.copy_viewer(published, into)
    script = (into / "app.bundle.0123456789abcdef.js").read_text()
    assert '__webpack_require__.p = "/ohif/"' in script
    assert "sourceMappingURL" not in script
    assert "url(/ohif/font.woff2)" in (into / "app.bundle.css").read_text()
    kept = {path.name for path in into.rglob("*") if path.is_file()}
    assert kept == {"index.html", "app.bundle.0123456789abcdef.js", "app.bundle.css"}


def test_our_page_loads_our_configuration_before_the_viewer_and_runs_nothing_inline(
    published: Path, tmp_path: Path
) -> None:
    build.copy_viewer(published, tmp_path / "dist")
    page = (tmp_path / "dist" / "index.html").read_text()
    assert page.index("/ohif/app-config.js") < page.index("/ohif/app.bundle.0123456789abcdef.js")
    assert "theirs" not in page
    assert "<script>" not in page


def test_a_package_that_is_not_the_one_we_know_stops_the_build(published: Path, tmp_path: Path) -> None:
    (published / "app.bundle.0123456789abcdef.js").unlink()
    with pytest.raises(build.BuildError, match=r"app\.bundle"):
        build.copy_viewer(published, tmp_path / "dist")


def test_large_files_have_a_compressed_twin_with_the_same_content(tmp_path: Path) -> None:
    (tmp_path / "large.js").write_text("x" * 10_000)
    (tmp_path / "small.js").write_text("x")
    build.compress(tmp_path)
    assert gzip.decompress((tmp_path / "large.js.gz").read_bytes()) == b"x" * 10_000
    assert not (tmp_path / "small.js.gz").exists()


def test_the_stamp_changes_with_every_file_that_goes_in(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(build.HERE, source, ignore=shutil.ignore_patterns("node_modules", "dist*", "__pycache__"))
    first = build.input_stamp(source)
    assert build.input_stamp(source) == first
    for name in ("package-lock.json", "app-config.js", "extension/overlay.js"):
        (source / name).write_text((source / name).read_text() + "\n")
        assert build.input_stamp(source) != first
        first = build.input_stamp(source)


def test_every_module_of_ours_is_part_of_the_build() -> None:
    written = {
        str(path.relative_to(build.HERE))
        for room in ("mode", "extension")
        for path in (build.HERE / room).glob("*.js")
    }
    assert written | {"app-config.js"} == set(build.OUR_FILES)


def test_packages_are_pinned_by_checksum_and_name_no_registry() -> None:
    lock = json.loads((build.HERE / "package-lock.json").read_text())
    wanted = json.loads((build.HERE / "package.json").read_text())["dependencies"]
    for name, version in wanted.items():
        locked = lock["packages"][f"node_modules/{name}"]
        assert locked["version"] == version
        assert locked["integrity"].startswith("sha512-")
        assert "resolved" not in locked
