"""Puts together what the browser gets: `python -m frontend.ohif.build [--check]` (run by `make`).

OHIF is published prebuilt for the root of a site. This copies what our viewer needs of it into `dist/`, rewritten
to live under /ohif/, adds our configuration, mode and extension, and copies htmx and ECharts beside the static files.
A stamp of everything that goes in lets a second run end at once; `--check` only says (exit status 1) that one is
needed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
DIST = HERE / "dist"
VENDOR = HERE.parent / "static" / "vendor"
STAMP = "build.stamp"
PREFIX = "/ohif/"

OUR_FILES = (
    "app-config.js",
    "mode/glioma-mode.js",
    "extension/glioma-extension.js",
    "extension/bridge.js",
    "extension/compare.js",
    "extension/correct.js",
    "extension/hanging-protocol.js",
    "extension/masks.js",
    "extension/overlay.js",
    "extension/picture.js",
    "extension/study.js",
    "extension/uncertainty.js",
)

VENDORED = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "echarts.min.js": "echarts/dist/echarts.min.js",
}
"""Scripts that our pages load as they were published, by their name in `VENDOR`."""

# Microscopy, neural tools and the service worker are not ours; splash screens and log-in pages are never shown.
LEFT_OUT_FOLDERS = {"ort", "dicom-microscopy-viewer", "customizations", "assets"}
LEFT_OUT_FILES = {
    "_headers",
    "_redirects",
    "app-config.js",
    "es6-shim.min.js",
    "google.js",
    "index.html",
    "init-service-worker.js",
    "manifest.json",
    "oidc-client.min.js",
    "polyfill.min.js",
    "serve.json",
    "silent-refresh.html",
    "sw.js",
}
COMPRESSED_SUFFIXES = {".js", ".css", ".wasm"}
COMPRESS_FROM_BYTES = 4096

INDEX = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Glioma review</title>
<link rel="icon" href="/static/frontend/mark.svg" type="image/svg+xml">
<link rel="stylesheet" href="{prefix}{style}">
<script src="{prefix}app-config.js"></script>
<script defer src="{prefix}{script}"></script>
</head>
<body>
<noscript>The viewer needs JavaScript.</noscript>
<div id="react-portal"></div>
<div id="root"></div>
</body>
</html>
"""


class BuildError(Exception):
    """The viewer cannot be put together; the text says what to do."""


def main(arguments: list[str]) -> int:
    """Build if anything changed; 0 when the viewer stands, 2 with one line when it cannot be built."""
    if arguments == ["--check"]:
        return 0 if _is_fresh(DIST, VENDOR, input_stamp(HERE)) else 1
    if arguments:
        print("usage: python -m frontend.ohif.build [--check]", file=sys.stderr)
        return 2
    try:
        print(build())
    except BuildError as error:
        print(f"The viewer was not built: {error}", file=sys.stderr)
        return 2
    return 0


def build(source: Path = HERE, dist: Path = DIST, vendor: Path = VENDOR) -> str:
    """Build the viewer into `dist` and the vendored scripts into `vendor`; returns what was done, in a line.

    Raises:
        BuildError: npm is missing or fails, or the package is not the one that we know.
    """
    stamp = input_stamp(source)
    if _is_fresh(dist, vendor, stamp):
        return "The viewer is up to date."
    packages = install_packages(source)
    partial = dist.with_name(dist.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    copy_viewer(packages / "@ohif" / "app" / "dist", partial)
    for name in OUR_FILES:
        (partial / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, partial / name)
    compress(partial)
    vendor.mkdir(parents=True, exist_ok=True)
    for name, published in VENDORED.items():
        shutil.copyfile(packages / published, vendor / name)
    (partial / STAMP).write_text(stamp)
    shutil.rmtree(dist, ignore_errors=True)
    partial.rename(dist)
    megabytes = sum(path.stat().st_size for path in dist.rglob("*") if path.is_file()) / 1e6
    return f"The viewer was built: {megabytes:.0f} MB in {dist.name}/."


def input_stamp(source: Path) -> str:
    """A digest of everything that decides what the build gives."""
    digest = hashlib.sha256()
    for name in ("package-lock.json", "build.py", *OUR_FILES):
        digest.update(name.encode() + b"\0" + (source / name).read_bytes() + b"\0")
    return digest.hexdigest()


def _is_fresh(dist: Path, vendor: Path, stamp: str) -> bool:
    written = dist / STAMP
    vendored = all((vendor / name).is_file() for name in VENDORED)
    return written.is_file() and written.read_text() == stamp and vendored


def install_packages(source: Path) -> Path:
    """Fetch the locked packages with npm; their checksums are in package-lock.json.

    OHIF's package names dependencies that its prebuilt files do not need (and of which some were never
    published), so the lock file holds only the packages themselves.

    Raises:
        BuildError: npm is missing, or could not fetch them.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise BuildError("npm is not installed (on Debian and Ubuntu: apt install nodejs npm).")
    done = subprocess.run([npm, "ci"], cwd=source, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        raise BuildError("npm ci failed: " + " ".join(errors[:2] or ["no reason given"]))
    return source / "node_modules"


def copy_viewer(published: Path, into: Path) -> None:
    """Copy the files of OHIF that our viewer needs, rewritten to live under /ohif/.

    Raises:
        BuildError: the entry files are not where they are expected.
    """
    for path in sorted(published.rglob("*")):
        name = path.relative_to(published)
        if path.is_file() and _is_needed(name):
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(rewritten(path.suffix, path.read_bytes()))
    scripts = sorted(into.glob("app.bundle.*.js"))
    styles = sorted(into.glob("app.bundle*.css"))
    if len(scripts) != 1 or len(styles) != 1:
        raise BuildError("the OHIF package does not have one app.bundle script and one style sheet.")
    page = INDEX.format(prefix=PREFIX, script=scripts[0].name, style=styles[0].name)
    (into / "index.html").write_text(page)


def _is_needed(name: Path) -> bool:
    if name.suffix == ".map" or name.name.endswith(".LICENSE.txt"):
        return False
    return name.parts[0] not in LEFT_OUT_FOLDERS and name.name not in LEFT_OUT_FILES


def rewritten(suffix: str, content: bytes) -> bytes:
    """A file of the published viewer with its addresses moved from / to /ohif/."""
    if suffix == ".js":
        content = content.replace(
            b'__webpack_require__.p = "/"', f'__webpack_require__.p = "{PREFIX}"'.encode()
        )
        return re.sub(rb"\n?//# sourceMappingURL=\S+\s*$", b"\n", content)
    if suffix == ".css":
        return content.replace(b"url(/", f"url({PREFIX}".encode())
    return content


def compress(folder: Path) -> None:
    """Put a .gz beside every large text or WebAssembly file, for browsers that are not on this machine."""

    def one(path: Path) -> None:
        # mtime 0: the same input gives the same bytes.
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 6, mtime=0))

    large = [
        path
        for path in folder.rglob("*")
        if path.suffix in COMPRESSED_SUFFIXES and path.stat().st_size >= COMPRESS_FROM_BYTES
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(one, large))


def published_version(source: Path = HERE) -> str:
    """The OHIF version that the lock file pins."""
    lock = json.loads((source / "package-lock.json").read_text())
    return str(lock["packages"]["node_modules/@ohif/app"]["version"])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
