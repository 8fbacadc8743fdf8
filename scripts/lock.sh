#!/bin/sh
# Writes constraints.txt from pyproject.toml, for all extras, platforms and Pythons that are supported.
# What is pinned already stays where it still fits; --upgrade takes the newest, --upgrade-package NAME one of them.
set -eu
cd "$(dirname "$0")/.."
if [ ! -x .venv/bin/uv ]; then
    echo "auricle: the lock is made by uv, which could not be installed here; try again with the package index reachable" >&2
    exit 2
fi
.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --all-extras \
    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
    --output-file constraints.txt "$@" pyproject.toml
echo "auricle: constraints.txt has $(grep -c '^[a-z0-9]' constraints.txt) packages"
