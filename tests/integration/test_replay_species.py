"""`auricle replay` and `auricle species range` with a classifier of known species."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
import soundfile

from monitor.inference.bundle import load_bundle
from tests.helpers.birdnet import birdnet_folder
from tests.helpers.program import Done, auricle
from tests.helpers.recordings import DATA, needs_recordings
from tests.helpers.tagging import enroll_in_folder
from tests.helpers.tiny_bundle import make_encoder_bundle, make_gate_bundle
from tests.helpers.tiny_species import BLACKBIRD, ENGINE, TIT, make_tone_bundle, song

if TYPE_CHECKING:
    from pathlib import Path

RATE = 48_000
MORNING = [(None, 3.0), (BLACKBIRD, 2.0), (None, 2.0), (ENGINE, 1.0), (TIT, 3.0), (None, 3.0)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The tests' gate, and a classifier under the name that is used by default."""
    make_gate_bundle(tmp_path / "data" / "models", version="9.0.0")
    make_tone_bundle(tmp_path / "data" / "models", name="birdnet", occurrence=True)
    soundfile.write(tmp_path / "dawn.wav", song(MORNING), RATE, subtype="FLOAT")
    return tmp_path


def replay(home: Path, *flags: str, stdin: bytes | None = None) -> Done:
    file = "-" if stdin else str(home / "dawn.wav")
    done = auricle(home, "replay", file, "--no-tui", "--jsonl", "-", "--speed", "max", *flags, stdin=stdin)
    assert "Traceback" not in done.err, done.err
    return done


def species(done: Done) -> list[dict[str, Any]]:
    return [{**line, "source": None} for line in done.lines if line["type"] == "species"]


def test_known_species_in_json_lines_and_through_a_pipe(home: Path) -> None:
    done = replay(home)
    assert done.code == 0, done.err
    found = species(done)
    assert [(line["common"], line["kind"], line["start_s"], line["end_s"]) for line in found] == [
        ("Common Blackbird", "bird", 3.0, 5.0),
        ("Engine", "sound", 7.0, 8.0),
        ("Great Tit", "bird", 8.0, 11.0),
    ]
    assert list(found[0]) == [
        "type",
        "source",
        "start_s",
        "end_s",
        "utc",
        "label",
        "scientific",
        "common",
        "kind",
        "score",
        "best",
        "probabilities",
        "voice",
        "model",
        "continues",
        "suppressed",
    ]
    assert found[0]["model"] == "birdnet@1.0.0"
    assert next(iter(found[0]["probabilities"])) == BLACKBIRD
    pipe = io.BytesIO()
    soundfile.write(pipe, song(MORNING), RATE, format="WAV", subtype="FLOAT")
    assert species(replay(home, stdin=pipe.getvalue())) == found


def test_lines_for_people(home: Path) -> None:
    done = auricle(home, "replay", str(home / "dawn.wav"), "--no-tui", "--speed", "max")
    assert done.code == 0, done.err
    assert "Common Blackbird (bird), 100%" in done.out
    assert "Engine (sound), 100%" in done.out


def test_taught_and_known_species_are_both_told(home: Path) -> None:
    encoder = load_bundle(make_encoder_bundle(home / "data" / "models", version="9.0.0"))
    enroll_in_folder(home / "data" / "species", encoder, {"our blackbird": 3_000.0})
    done = replay(home)
    tags = {line["label"] for line in done.lines if line["type"] == "tag" and not line["provisional"]}
    assert "our blackbird" in tags
    assert "Common Blackbird" in {line["common"] for line in species(done)}


def test_flags_choose_place_and_model(home: Path) -> None:
    make_tone_bundle(home / "data" / "models", name="other", occurrence=True)
    south = replay(home, "--lat=-35", "--lon", "150", "--week", "20", "--species", "other")
    assert [(line["common"], line["model"]) for line in species(south)] == [
        ("Engine", "other@1.0.0"),
        ("Great Tit", "other@1.0.0"),
    ]


def test_settings_choose_too(home: Path) -> None:
    (home / "auricle.toml").write_text('[species]\nallow = ["great tit"]\nconfidence = 0.9\n')
    assert [line["common"] for line in species(replay(home))] == ["Great Tit"]


def test_a_latitude_that_is_none_is_refused(home: Path) -> None:
    done = replay(home, "--lat", "200", "--lon", "3")
    assert done.code == 2
    assert "`species.latitude` = 200.0" in done.err
    assert done.out == ""


@pytest.mark.parametrize("command", [("engine",), ("live", "--no-tui"), ("species", "range")])
def test_every_command_that_hears_takes_a_place(home: Path, command: tuple[str, ...]) -> None:
    wrong = auricle(home, *command, "--lat", "200", "--lon", "3")
    assert (wrong.code, wrong.out) == (2, "")
    assert "`species.latitude` = 200.0" in wrong.err
    half = auricle(home, *command, "--lat", "20")
    assert half.code == 2
    assert "--lat: says nothing without --lon" in half.err


def test_taught_species_of_another_encoder_are_told_and_counted(home: Path) -> None:
    encoder = load_bundle(make_encoder_bundle(home / "data" / "models", version="9.0.0"))
    enroll_in_folder(home / "data" / "species", encoder, {"our blackbird": 3_000.0}, model_id="birdnet@2.4.0")
    done = replay(home)
    assert done.code == 1
    assert "our blackbird: were not learnt with bird-encoder@9.0.0, and are not recognised" in done.err
    assert "auricle species update" in done.err


def test_the_species_of_a_place(home: Path) -> None:
    done = auricle(home, "species", "range", "--lat", "60", "--lon", "10", "--week", "20")
    assert done.code == 0, done.err
    assert [line.split()[1:3] for line in done.out.splitlines()] == [["Hyla", "arborea"], ["Turdus", "merula"]]
    assert "2 species at 60, 10 in week 20 of 48, by birdnet@1.0.0" in done.err


CLIPS = {
    "00001": "Poecile rufescens",
    "00002": "Setophaga coronata",
}


@needs_recordings
def test_birdnet_names_real_clips(tmp_path: Path) -> None:
    folder = birdnet_folder()
    models = tmp_path / "data" / "models"
    (models / "birdnet").mkdir(parents=True)
    (models / "birdnet" / folder.name).symlink_to(folder)
    files = [str(DATA / "birds" / "audio" / f"{name}.opus") for name in CLIPS]
    done = auricle(tmp_path, "replay", *files, "--no-tui", "--speed", "max", "--jsonl", "-")
    assert done.code == 0, done.err
    for file, name in zip(files, CLIPS.values(), strict=True):
        first = next(line for line in done.lines if line["type"] == "species" and line["source"] == file)
        assert first["scientific"] == name
