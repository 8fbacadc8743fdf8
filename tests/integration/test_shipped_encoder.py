"""The shipped gate and encoder on real recordings, through the commands that a user types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from monitor.engine.models import load_models
from monitor.paths import model_roots
from monitor.settings import BirdsSettings
from tests.helpers.program import auricle
from tests.helpers.recordings import DATA, needs_recordings

if TYPE_CHECKING:
    from pathlib import Path

AUDIO = DATA / "birds" / "audio"
GREAT_TIT = [AUDIO / name for name in ("n050a4e319600.opus", "n1d8d3e81da0f.opus", "n1f83432ac326.opus")]
"""Three songs by three recordists."""
ANOTHER_GREAT_TIT = AUDIO / "n23a1af8bab91.opus"
"""By a fourth."""
MALLARD = AUDIO / "n2fedc9caef80.opus"


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    done = auricle(home, "species", "enroll", "great tit", *map(str, GREAT_TIT))
    assert done.code == 0, done.err
    assert "recall" in done.out
    return home


def final_tags(home: Path, recording: Path) -> list[dict[str, Any]]:
    done = auricle(home, "replay", str(recording), "--no-tui", "--speed", "max", "--jsonl", "-")
    assert done.code == 0, done.err
    return [line for line in done.lines if line["type"] == "tag" and not line["provisional"]]


@needs_recordings
def test_another_recording_of_a_taught_species_is_named(taught: Path) -> None:
    tags = final_tags(taught, ANOTHER_GREAT_TIT)
    assert [tag["label"] for tag in tags] == ["great tit"]
    assert tags[0]["score"] > 0.6


@needs_recordings
def test_a_species_that_was_not_taught_is_unknown(taught: Path) -> None:
    tags = final_tags(taught, MALLARD)
    assert tags
    assert {tag["label"] for tag in tags} == {None}


@needs_recordings
def test_the_same_clip_twice_is_refused(taught: Path) -> None:
    done = auricle(taught, "species", "enroll", "twice", str(GREAT_TIT[0]), str(GREAT_TIT[0]))
    assert done.code == 2
    assert "Traceback" not in done.err
    assert "twice" not in auricle(taught, "species", "list").out


def test_the_shipped_gate_and_encoder_fit_together() -> None:
    models = load_models(BirdsSettings(), model_roots())
    assert models.gate
    assert models.encoder
    assert models.encoder.embedder.spec.fingerprint == models.gate.bundle.manifest.input.fingerprint  # type: ignore[union-attr]
