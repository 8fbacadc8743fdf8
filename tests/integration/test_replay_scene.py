"""`auricle replay` with a classifier of scenes and a policy, and what reaches the event log."""

from __future__ import annotations

import io
import sqlite3
from typing import TYPE_CHECKING

import pytest
import soundfile

from tests.helpers.program import Done, auricle
from tests.helpers.tiny_bundle import make_gate_bundle
from tests.helpers.tiny_scene import CABIN, STREET, ambience, make_scene_bundle
from tests.helpers.tiny_species import ENGINE, make_tone_bundle, song

if TYPE_CHECKING:
    from pathlib import Path

RATE = 48_000
POLICY = f'[[scene.policies]]\nscene = "{CABIN}"\nsuppress = ["known_species"]\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The tests' models, newer than any that is shipped."""
    models = tmp_path / "data" / "models"
    make_gate_bundle(models, version="9.0.0")
    make_scene_bundle(models, version="9.0.0")
    make_tone_bundle(models, name="birdnet")
    return tmp_path


def replay(home: Path, file: str, *flags: str, stdin: bytes | None = None) -> Done:
    done = auricle(home, "replay", file, "--no-tui", "--jsonl", "-", "--speed", "max", *flags, stdin=stdin)
    assert "Traceback" not in done.err, done.err
    return done


def test_scenes_in_json_lines_and_through_a_pipe(home: Path) -> None:
    drive = ambience([(STREET, 8.0), (CABIN, 14.0)])
    soundfile.write(home / "drive.wav", drive, RATE, subtype="FLOAT")
    done = replay(home, str(home / "drive.wav"))
    assert done.code == 0, done.err
    found = [{**line, "source": None} for line in done.lines if line["type"].startswith("scene")]
    assert [line["label"] for line in found if line["type"] == "scene_change"] == [STREET, CABIN]
    assert sum(line["type"] == "scene" for line in found) == 21
    pipe = io.BytesIO()
    soundfile.write(pipe, drive, RATE, format="WAV", subtype="FLOAT")
    again = replay(home, "-", stdin=pipe.getvalue())
    assert [{**line, "source": None} for line in again.lines if line["type"].startswith("scene")] == found


def test_what_a_policy_suppresses_is_logged_and_marked(home: Path) -> None:
    (home / "auricle.toml").write_text(POLICY, encoding="utf-8")
    soundfile.write(home / "engine.wav", song([(ENGINE, 12.0), (None, 3.0)]), RATE, subtype="FLOAT")
    done = replay(home, str(home / "engine.wav"), "--log", str(home / "log.sqlite"))
    assert done.code == 0, done.err
    (line,) = [line for line in done.lines if line["type"] == "species"]
    assert line["suppressed"] == f"scene {CABIN}"
    with sqlite3.connect(home / "log.sqlite") as log:
        rows = log.execute("SELECT topic, fields FROM events WHERE topic IN ('species', 'scene_change')").fetchall()
    assert [topic for topic, _ in rows] == ["scene_change", "species"]
    assert f'"suppressed":"scene {CABIN}"' in rows[1][1]


def test_a_clip_shorter_than_a_window_says_so(home: Path) -> None:
    soundfile.write(home / "short.wav", ambience([(STREET, 0.5)]), RATE, subtype="FLOAT")
    done = replay(home, str(home / "short.wav"))
    assert done.code == 0, done.err
    (line,) = [line for line in done.lines if line["type"] == "scene"]
    assert line["state"] == "warming_up"
    assert line["detail"] == "0.50 s of sound hold no window of 1.05 s"


def test_a_policy_for_a_scene_that_no_model_knows_is_refused(home: Path) -> None:
    (home / "auricle.toml").write_text(POLICY.replace(CABIN, "vehicel"), encoding="utf-8")
    soundfile.write(home / "short.wav", ambience([(STREET, 0.5)]), RATE, subtype="FLOAT")
    done = replay(home, str(home / "short.wav"))
    assert done.code == 2
    assert "does not know `vehicel`" in " ".join(done.err.split())
