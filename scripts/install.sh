#!/bin/sh
# Makes .venv and installs Auricle into it:  scripts/install.sh base|dev|full
#   base  what the program needs to run
#   dev   and what lint needs
#   full  and the training package: what the tests need
# Exact versions come from constraints.txt. Safe to repeat; the second time takes a second or two.
# PYTHON=/path/to/python3.12 chooses the interpreter.
set -eu

UV="uv==0.13.8"
VENV=.venv

fail() {
    echo "auricle: $1" >&2
    exit 2
}

case "${1:-}" in
    base) EXTRAS="" STAMPS="base" ;;
    dev) EXTRAS="[dev]" STAMPS="base dev" ;;
    full) EXTRAS="[dev,training]" STAMPS="base dev full" ;;
    *) fail "usage: scripts/install.sh base|dev|full" ;;
esac
cd "$(dirname "$0")/.."
HERE=$(pwd -P)

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null
}

choose_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    wanted=${PYTHON:-python3}
    found=$("$wanted" --version 2>&1) || found="no $wanted"
    fail "Python 3.11, 3.12 or 3.13 is needed, this machine has: $found. Install one, or name it: make PYTHON=/path/to/python3.11 ..."
}

make_venv() {
    python=$(choose_python) || exit 2
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        fail "this Python cannot make virtual environments: Debian and Ubuntu keep that part in a package of its own. Run: sudo apt install python3-venv"
    fi
    echo "auricle: making $VENV with $("$python" --version)"
    "$python" -m venv --clear "$VENV" || fail "$VENV could not be made; see above"
    echo "$HERE" >"$VENV/.made-in"
}

# An environment that came from elsewhere (a copied checkout) still points there: make it anew.
if ! fits "$VENV/bin/python" || { [ -f "$VENV/.made-in" ] && [ "$(cat "$VENV/.made-in")" != "$HERE" ]; }; then
    make_venv
fi

PIP="$VENV/bin/python -m pip"
export PIP_DISABLE_PIP_VERSION_CHECK=1

# uv installs in parallel and much faster than pip, but it does not read pip's configuration: hand the index on.
install_with_uv() {
    $PIP --version >/dev/null 2>&1 || "$VENV/bin/python" -m ensurepip --upgrade >/dev/null || return 1
    [ "$("$VENV/bin/uv" --version 2>/dev/null | cut -d' ' -f1,2)" = "uv ${UV#*==}" ] || $PIP install --quiet "$UV" || return 1
    if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
        index=${PIP_INDEX_URL:-$($PIP config get global.index-url 2>/dev/null || true)}
        if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
    fi
    UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-180} "$VENV/bin/uv" pip install --quiet --python "$VENV/bin/python" \
        --constraints constraints.txt --editable ".$EXTRAS"
}

echo "auricle: installing ($1)"
if ! install_with_uv; then
    echo "auricle: uv could not do it, going on with pip (slower)" >&2
    $PIP install --quiet --constraint constraints.txt --editable ".$EXTRAS" ||
        fail "the packages could not be installed; see above. Is the package index reachable?"
fi
for stamp in $STAMPS; do touch "$VENV/.installed-$stamp"; done
