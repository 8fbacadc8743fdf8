"""`auricle replay` with species enrolled: the tags, and what cannot be recognised."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
import soundfile

from monitor.inference.bundle import load_bundle
from tests.helpers.program import Done, auricle
from tests.helpers.tagging import enroll_in_folder, sounds
from tests.helpers.tiny_bundle import make_encoder_bundle, make_gate_bundle

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

RATE = 48_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The tests' gate and encoder, and two species that were taught."""
    make_gate_bundle(tmp_path / "data" / "models", version="9.0.0")
    encoder = load_bundle(make_encoder_bundle(tmp_path / "data" / "models", version="9.0.0"))
    enroll_in_folder(tmp_path / "data" / "species", encoder, {"low": 2_700.0, "middle": 4_100.0})
    return tmp_path


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return sounds([(4.0, None), (2.0, 4_100.0), (5.0, None), (2.0, 6_300.0), (3.5, None), (1.5, 2_700.0)])


def replay(home: Path, file: Path | str, speed: str = "max", stdin: bytes | None = None) -> Done:
    done = auricle(home, "replay", str(file), "--no-tui", "--speed", speed, "--jsonl", "-", stdin=stdin)
    assert "Traceback" not in done.err, done.err
    return done


def tags(done: Done) -> list[dict[str, Any]]:
    return [{**line, "source": None} for line in done.lines if line["type"] == "tag"]


def test_tags_are_the_same_at_any_speed_and_through_a_pipe(home: Path, sound: np.ndarray) -> None:
    soundfile.write(home / "dawn.wav", sound, RATE, subtype="FLOAT")
    pipe = io.BytesIO()
    soundfile.write(pipe, sound, RATE, format="WAV", subtype="FLOAT")
    fast, slow = replay(home, home / "dawn.wav"), replay(home, home / "dawn.wav", "4")
    piped = replay(home, "-", stdin=pipe.getvalue())
    assert (fast.code, slow.code, piped.code) == (0, 0, 0), fast.err + slow.err + piped.err
    finals = [tag["label"] for tag in tags(fast) if not tag["provisional"]]
    assert finals == ["middle", None, "low"]
    assert tags(fast) == tags(slow) == tags(piped)


def test_lines_for_people_name_the_birds(home: Path, sound: np.ndarray) -> None:
    soundfile.write(home / "dawn.wav", sound, RATE)
    done = auricle(home, "replay", str(home / "dawn.wav"), "--no-tui", "--speed", "max")
    assert done.code == 0, done.err
    assert "at first middle, " in done.out
    assert "unknown bird, most like " in done.out


def test_what_cannot_be_recognised_is_said_once_and_the_rest_goes_on(home: Path, sound: np.ndarray) -> None:
    folder = home / "data" / "species"
    encoder = load_bundle(home / "data" / "models" / "bird-encoder" / "9.0.0")
    enroll_in_folder(folder, encoder, {"elder": 5_000.0}, model_id="bird-encoder@0.1.0")
    next(folder.glob("low-*.npz")).write_bytes(b"damaged")
    soundfile.write(home / "a.wav", sound, RATE)
    soundfile.write(home / "b.wav", sound, RATE)
    done = auricle(home, "replay", str(home), "--no-tui", "--speed", "max", "--jsonl", "-")
    assert done.code == 1, done.err
    assert done.err.count("elder") == 1
    assert done.err.count("low-") == 1
    assert [tag["label"] for tag in tags(done) if not tag["provisional"]] == ["middle", None, None] * 2


def test_settings_without_tags_and_with_an_encoder_that_is_not_there(home: Path, sound: np.ndarray) -> None:
    soundfile.write(home / "dawn.wav", sound, RATE)
    (home / "auricle.toml").write_text("[birds]\ntagging = false\n")
    assert tags(replay(home, home / "dawn.wav")) == []
    (home / "auricle.toml").write_text('[birds]\nencoder = "parrot"\n')
    done = replay(home, home / "dawn.wav")
    assert done.code == 2
    assert "model parrot" in done.err
    assert "bird-encoder@9.0.0" in done.err
