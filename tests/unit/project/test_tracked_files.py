"""What the repository holds: nothing big, no long files, no dead links."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LARGEST_FILE = 8_000_000
LARGEST_MODELS = 24_000_000
LONGEST_SOURCE = 400


@cache
def tracked_files() -> tuple[Path, ...]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip(f"not a git checkout: {done.stderr.decode().strip()}")
    files = (ROOT / name for name in done.stdout.decode().split("\0") if name)
    return tuple(file for file in files if file.is_file())


def test_no_file_is_too_big() -> None:
    big = {file.relative_to(ROOT): file.stat().st_size for file in tracked_files()}
    assert not {file: size for file, size in big.items() if size > LARGEST_FILE}


def test_the_models_together_are_small_and_one_version_of_each() -> None:
    models = [file for file in tracked_files() if file.is_relative_to(ROOT / "models")]
    assert sum(file.stat().st_size for file in models) <= LARGEST_MODELS
    bundles = [file.parent for file in models if file.name == "manifest.json"]
    assert len({bundle.parent for bundle in bundles}) == len(bundles)


def test_no_source_file_is_too_long() -> None:
    sources = [file for file in tracked_files() if file.suffix == ".py"]
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in sources}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_SOURCE}


def test_no_recording_is_tracked() -> None:
    endings = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aiff"}
    assert not [file for file in tracked_files() if file.suffix.lower() in endings]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_within_the_repository_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'(?:src|href)="([^"#]+)"', text)
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert not [target for target in local if not (ROOT / target).exists()]
