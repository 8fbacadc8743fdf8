"""The scripts behind `make` say clearly what a machine lacks, and stop."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A place like ours, in which nothing is installed yet."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    return tmp_path


def interpreter(folder: Path, body: str) -> Path:
    """Something that looks like a Python; the real one is `$REAL`."""
    program = folder / "some-python"
    program.write_text(f"#!/bin/sh\nREAL='{sys.executable}'\n{body}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def install(checkout: Path, python: str | Path, what: str = "base") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", checkout / "scripts" / "install.sh", what],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)},
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def test_missing_venv_module_names_the_package(checkout: Path) -> None:
    python = interpreter(checkout, 'case "$*" in *ensurepip*) exit 1 ;; esac\nexec "$REAL" "$@"')
    done = install(checkout, python)
    assert done.returncode == 2
    assert "sudo apt install python3-venv" in done.stderr
    assert not (checkout / ".venv").exists()


def test_too_old_a_python_is_named(checkout: Path) -> None:
    python = interpreter(checkout, 'case "$1" in --version) echo Python 3.10.9 ;; *) exit 1 ;; esac')
    done = install(checkout, python)
    assert done.returncode == 2
    assert "Python 3.11, 3.12 or 3.13 is needed, this machine has: Python 3.10.9" in done.stderr


def test_no_python_at_all_is_said(checkout: Path) -> None:
    done = install(checkout, checkout / "nothing-here")
    assert done.returncode == 2
    assert "is needed, this machine has: no " in done.stderr


def test_unknown_set_is_refused(checkout: Path) -> None:
    done = install(checkout, sys.executable, "everything")
    assert done.returncode == 2
    assert "usage" in done.stderr


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "scripts").glob("*.sh")))
def test_scripts_are_plain_shell(script: str) -> None:
    done = subprocess.run(["/bin/sh", "-n", ROOT / "scripts" / script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_continuous_integration_runs_is_bash_and_calls_make() -> None:
    file = ROOT / ".ci" / "run"
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash on this machine")
    done = subprocess.run([bash, "-n", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert file.read_text(encoding="utf-8").rstrip().endswith("exec make test </dev/null")


def test_make_without_a_target_lists_them() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make on this machine")
    done = subprocess.run([make], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    for target in ("demo", "test", "lint", "bench", "clean", "help"):
        assert f"make {target} " in done.stdout


def test_hooks_are_valid() -> None:
    program = Path(sys.executable).with_name("pre-commit")
    done = subprocess.run([program, "validate-config"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
