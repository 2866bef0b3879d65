"""Serves the built OHIF viewer under /ohif/, from settings.OHIF_DIR."""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import SuspiciousFileOperation
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils._os import safe_join
from django.utils.cache import get_conditional_response, patch_vary_headers

HASHED = re.compile(r"(?:.*\.)?[0-9a-f]{16}\.(?:js|wasm|woff2|css)")
CONTENT_TYPES = {".js": "text/javascript", ".wasm": "application/wasm", ".woff2": "font/woff2"}
# OHIF compiles WebAssembly codecs and runs workers; its style engine writes inline styles.
VIEWER_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'unsafe-eval' blob:; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; frame-ancestors 'self'; object-src 'none'; base-uri 'none'"
)


def ohif(request: HttpRequest, path: str) -> HttpResponseBase:
    """A file of the viewer; its page for every address that is no file; the worklist for its bare root."""
    folder = Path(settings.OHIF_DIR)
    if not (folder / "index.html").is_file():
        return render(request, "frontend/not_built.html", status=503)
    if not path:
        return redirect("worklist")
    if Path(path).suffix and path != "index.html" and not path.startswith("viewer"):
        return _file(request, folder, path)
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    page = _file(request, folder, "index.html")
    page["Content-Security-Policy"] = VIEWER_POLICY
    return page


def _file(request: HttpRequest, folder: Path, path: str) -> HttpResponseBase:
    try:
        found = Path(safe_join(folder, path))
    except SuspiciousFileOperation as error:
        raise Http404 from error
    if not found.is_file():
        raise Http404(f"The viewer has no file {path}.")
    status = found.stat()
    etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    answer = get_conditional_response(request, etag=etag) or _opened(request, found)
    answer["ETag"] = etag
    hashed = HASHED.fullmatch(found.name) is not None
    answer["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "private, no-cache"
    patch_vary_headers(answer, ["Accept-Encoding"])
    return answer


def _opened(request: HttpRequest, found: Path) -> FileResponse:
    content_type = CONTENT_TYPES.get(found.suffix) or mimetypes.guess_type(found.name)[0]
    compressed = found.with_name(found.name + ".gz")
    squeezed = compressed.is_file() and "gzip" in request.headers.get("Accept-Encoding", "")
    answer = FileResponse((compressed if squeezed else found).open("rb"), content_type=content_type)
    answer.headers.pop("Content-Disposition", None)
    if squeezed:
        answer["Content-Encoding"] = "gzip"
    return answer
