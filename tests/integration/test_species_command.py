"""`auricle species` as a user types it: teaching, looking after what was taught, and everything that can be wrong."""

from __future__ import annotations

import csv
import json
import shutil
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from monitor.birds.prototype_file import file_name
from monitor.birds.prototypes import PrototypeStore
from tests.helpers.enrolling import HIGH, LOW, MIDDLE, RATE, clip_samples, make_home, write_clip
from tests.helpers.program import ROOT, Done, auricle
from tests.helpers.recordings import DATA, needs_recordings
from tests.helpers.tiny_bundle import call, make_encoder_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.birds.prototype import Prototype

NAMES = ("alder", "birch", "cedar", "daisy")


@pytest.fixture(scope="module")
def taught_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, clips of three pitches, and the low one enrolled; to be copied."""
    home = make_home(tmp_path_factory.mktemp("taught"))
    for hz in (LOW, MIDDLE, HIGH):
        for seed, name in enumerate(NAMES):
            write_clip(home / f"{hz:g}" / f"{name}.wav", hz, seed)
    done = auricle(home, "species", "enroll", "low bird", str(home / "3000" / "alder.wav"))
    assert done.code == 0, done.err
    return home


@pytest.fixture
def home(taught_home: Path, tmp_path: Path) -> Path:
    copied = tmp_path / "home"
    shutil.copytree(taught_home, copied)
    return copied


def species(home: Path, *words: str | Path, stdin: bytes | None = None) -> Done:
    done = auricle(home, "species", *(str(word) for word in words), stdin=stdin)
    assert "Traceback" not in done.err, done.err
    return done


def listed(home: Path) -> dict[str, Prototype]:
    """What the store holds, without the command."""
    return {prototype.name: prototype for prototype in PrototypeStore(home / "data" / "species").list()}


def states(home: Path) -> dict[str, str]:
    """Name and state, as the command tells them."""
    return {row["name"]: row["state"] for row in json.loads(species(home, "list", "--json").out)}


# -- teaching ----------------------------------------------------------------------------------------------------------


def test_a_folder_teaches_and_what_to_expect_is_told(home: Path):
    street = (0.01 * np.random.default_rng(0).standard_normal(20 * RATE)).astype(np.float32)
    soundfile.write(home / "street.wav", street, RATE)
    calling = np.concatenate([clip_samples(HIGH, 7), street[: 6 * RATE], clip_samples(MIDDLE, 7)])
    soundfile.write(home / "garden.wav", calling, RATE)
    done = species(home, "enroll", "high bird", home / "6300", "--background", home / "street.wav", home / "garden.wav")
    assert done.code == 0, done.err
    assert "high bird: learnt from 4 clips, 14 s, with bird-encoder@1.0.0" in done.out
    assert "4 of 4 clips are recognised" in done.out
    assert "nearest other species: low bird" in done.out
    assert "false tags: 1 in 0.01 h" in done.out
    assert "garden.wav at" in done.out
    assert "of 40 clips of other species and background" in done.out
    assert len(listed(home)["high bird"].clips) == 4


def test_enrolled_birds_are_tagged_in_a_replay_and_others_are_unknown(home: Path):
    assert species(home, "enroll", "high bird", home / "6300").code == 0
    pause = 1e-4 * np.random.default_rng(5).standard_normal(6 * RATE).astype(np.float32)
    calls = [call(hz, 2.0, rate=RATE, seed=9) for hz in (LOW, MIDDLE, HIGH)]
    soundfile.write(home / "dawn.wav", np.concatenate([pause, *(part for c in calls for part in (c, pause))]), RATE)
    done = auricle(home, "replay", str(home / "dawn.wav"), "--no-tui", "--speed", "max", "--jsonl", "-")
    assert done.code == 0, done.err
    tags = [line["label"] for line in done.lines if line["type"] == "tag" and not line["provisional"]]
    assert tags == ["low bird", None, "high bird"]


def test_add_and_replace(home: Path):
    birch = home / "3000" / "birch.wav"
    refused = species(home, "enroll", "LOW bird", birch)
    assert refused.code == 2
    assert "is enrolled already, from 1 clip" in refused.err
    assert "--add" in refused.err
    assert species(home, "enroll", "low bird", birch, "--add", "--threshold", "0.7").code == 0
    assert (len(listed(home)["low bird"].clips), listed(home)["low bird"].threshold) == (2, 0.7)
    assert species(home, "enroll", "low bird", birch, "--replace").code == 0
    assert (len(listed(home)["low bird"].clips), listed(home)["low bird"].threshold) == (1, None)
    both = species(home, "enroll", "low bird", birch, "--replace", "--add")
    assert both.code == 2
    assert "exclude each other" in both.err


def test_everything_that_is_wrong_comes_at_once_and_nothing_is_stored(home: Path):
    soundfile.write(home / "silent.wav", np.zeros(2 * RATE), RATE)
    hum = 0.3 * np.sin(2 * np.pi * 300 * np.arange(3 * RATE) / RATE)
    soundfile.write(home / "hum.wav", hum, RATE)
    (home / "text.wav").write_text("this is no sound")
    (home / "empty.flac").write_bytes(b"")
    soundfile.write(home / "tiny.wav", call(LOW, 1.0, rate=RATE)[:1000], RATE)
    shutil.copy(home / "6300" / "alder.wav", home / "copy.wav")
    given = [home / name for name in ("silent.wav", "hum.wav", "text.wav", "empty.flac", "tiny.wav", "absent.wav")]
    good = [home / "6300" / "alder.wav", home / "copy.wav", home / "6300" / "alder.wav"]
    wrong = ["--threshold", "7", "--background", home / "absent-street.wav"]
    done = species(home, "enroll", "low bird", *given, *good, *wrong)
    assert done.code == 2
    assert done.out == ""
    told = done.err
    for word in ("silent.wav: it is silent", "hum.wav: no bird is heard", "text.wav", "empty.flac: it is empty"):
        assert word in told
    assert "tiny.wav: it is 20 ms long" in told
    assert "absent.wav: no such file" in told
    assert "absent-street.wav: no such file" in told
    assert "it is the same audio as" in told
    assert "it is the same file as" in told
    assert "is enrolled already" in told
    assert "threshold 7: is no probability" in told
    assert told.count("error ") == 11
    assert PrototypeStore(home / "data" / "species").names() == ("low bird",)


def test_warnings_do_not_stop_it(home: Path):
    loud = np.clip(6.0 * clip_samples(HIGH), -1.0, 1.0)
    soundfile.write(home / "loud.wav", loud, RATE)
    soundfile.write(home / "short.wav", call(HIGH, 0.3, rate=RATE), RATE)
    odd = (home / "loud.wav", home / "short.wav", home / "3000" / "birch.wav")
    done = species(home, "enroll", "high bird", home / "6300", *odd)
    assert done.code == 0
    assert "loud.wav is clipped" in done.err
    assert "short.wav is very short: 0.3 s" in done.err
    assert "birch.wav does not sound like the other clips; it is nearer to low bird" in done.err
    close = species(home, "enroll", "lower bird", home / "3000" / "cedar.wav")
    assert close.code == 0
    assert "too close to tell from low bird" in close.err
    assert "learnt from one clip" in close.err


def test_a_clip_may_come_through_a_pipe_and_names_may_hold_anything(home: Path):
    wave = (home / "6300" / "alder.wav").read_bytes()
    done = species(home, "enroll", "Motacilla [alba] / Bachstelze ü", "-", stdin=wave)
    assert done.code == 0, done.err
    assert "Motacilla [alba] / Bachstelze ü" in listed(home)
    assert "[alba]" in species(home, "list").out
    assert species(home, "remove", "motacilla [ALBA] / bachstelze Ü").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("enroll",), "Missing argument"),
        (("enroll", "low bird"), "Missing argument"),
        (("enroll", "", "3000/birch.wav"), "is empty"),
        (("enroll", "unknown", "3000/birch.wav"), "means that no species was recognised"),
        (("enroll", "new", "3000/*.mp3"), "matches nothing"),
        (("enroll", "new", "3000/birch.wav", "--encoder", "no-such-model"), "no-such-model"),
        (("enroll", "new", "3000/birch.wav", "--encoder", "bird-gate"), "not an encoder"),
        (("enroll", "new", "3000/birch.wav", "--threshold", "high"), "--threshold"),
        (("enroll", "new", "3000/birch.wav", "--background"), "--background"),
        (("show", "nobody"), "is not enrolled"),
        (("remove", "nobody", "low bird"), "is not enrolled"),
        (("threshold", "low bird"), "--default"),
        (("threshold", "low bird", "1.2"), "is no probability"),
        (("threshold", "nobody", "0.5"), "is not enrolled"),
        (("update", "nobody"), "is not enrolled"),
        (("export", "out.zip", "nobody"), "is not enrolled"),
        (("import", "absent.zip"), "absent.zip"),
        (("import", "3000/birch.wav"), "cannot be read as an archive"),
    ],
)
def test_wrong_arguments_are_told_and_change_nothing(taught_home: Path, words: tuple[str, ...], told: str):
    placed = [str(taught_home / word) if word.endswith((".wav", ".mp3", ".zip")) else word for word in words]
    done = species(taught_home, *placed)
    assert done.code == 2
    assert told in done.err
    assert not (taught_home / "out.zip").exists()
    assert PrototypeStore(taught_home / "data" / "species").names() == ("low bird",)


# -- looking after them ------------------------------------------------------------------------------------------------


def test_list_show_threshold_and_remove(home: Path):
    assert species(home, "enroll", "low bird", home / "3000" / "birch.wav", "--add").code == 0
    assert "low bird" in species(home, "list").out
    shown = species(home, "show", "low bird")
    assert shown.code == 0
    assert "birch.wav" in shown.out
    assert "2 of 2 clips are recognised" in shown.out
    assert species(home, "threshold", "low bird", "0.99").code == 0
    details = json.loads(species(home, "show", "low bird", "--json").out)
    assert (details["threshold"], details["expectation"]["recognised"], len(details["clips"])) == (0.99, 0, 2)
    assert species(home, "threshold", "low bird", "--default").code == 0
    assert listed(home)["low bird"].threshold is None
    assert species(home, "remove", "low bird").code == 0
    assert listed(home) == {}
    assert not list((home / "data" / "species" / "audio").iterdir())
    empty = species(home, "list")
    assert (empty.code, empty.out) == (0, "")
    assert "no species" in empty.err


def test_an_export_brings_species_to_another_home(home: Path, tmp_path: Path):
    file = home / "garden.zip"
    assert species(home, "export", file).code == 0
    again = species(home, "export", file)
    assert again.code == 2
    assert "is there already" in again.err
    assert species(home, "export", file, "low bird", "--force").code == 0
    other = make_home(tmp_path / "other")
    assert species(other, "import", file).code == 0
    assert states(other)["low bird"] == "ready"
    twice = species(other, "import", file)
    assert twice.code == 2
    assert "is there already" in twice.err
    assert species(other, "import", file, "--replace").code == 0
    file.write_bytes(file.read_bytes()[:-300])
    damaged = species(other, "import", file, "--replace")
    assert damaged.code == 2
    assert len(listed(other)["low bird"].clips) == 1


def test_another_encoder_needs_an_update_which_keeps_everything(home: Path):
    make_encoder_bundle(home / "data" / "models", version="2.0.0", dimension=24)
    assert states(home)["low bird"] == "other encoder"
    assert "auricle species update" in species(home, "list").out
    shown = species(home, "show", "low bird")
    assert "other encoder" in shown.out
    added = species(home, "enroll", "low bird", home / "3000" / "birch.wav", "--add")
    assert added.code == 2
    assert "learnt with bird-encoder@1.0.0, but bird-encoder@2.0.0 is in use" in added.err
    assert "auricle species update" in added.err
    done = species(home, "update")
    assert done.code == 0, done.err
    assert "bird-encoder@1.0.0 -> bird-encoder@2.0.0" in done.out
    assert states(home)["low bird"] == "ready"
    assert "nothing to do" in species(home, "update").err
    assert species(home, "update", "low bird", "--encoder", "bird-encoder@1.0.0").code == 0
    assert states(home)["low bird"] == "other encoder"


def test_a_damaged_file_is_told_and_the_others_go_on(home: Path):
    assert species(home, "enroll", "high bird", home / "6300" / "alder.wav").code == 0
    (home / "data" / "species" / file_name("low bird")).write_bytes(b"PK damaged")
    done = species(home, "list")
    assert done.code == 1
    assert "high bird" in done.out
    assert file_name("low bird") in done.err
    assert "--replace" in done.err
    for words in (("show", "low bird"), ("enroll", "low bird", home / "3000" / "birch.wav", "--add")):
        refused = species(home, *words)
        assert refused.code == 2
        assert "--replace" in refused.err
    assert species(home, "enroll", "low bird", home / "3000" / "birch.wav", "--replace").code == 0
    assert set(listed(home)) == {"high bird", "low bird"}


def test_a_store_that_cannot_be_written_is_told(home: Path):
    shutil.rmtree(home / "data" / "species")
    (home / "data" / "species").write_text("in the way")
    done = species(home, "enroll", "new bird", home / "3000" / "birch.wav")
    assert done.code == 2
    assert "prototype store" in done.err


# -- real recordings ---------------------------------------------------------------------------------------------------


@needs_recordings
def test_real_clips_are_found_by_the_shipped_gate(tmp_path: Path):
    with (ROOT / "configs" / "training" / "fewshot" / "species.csv").open(encoding="utf-8") as file:
        held = {row["taxon"] for row in csv.DictReader(file) if row["part"] == "validation"}
    clips: dict[str, dict[str, Path]] = defaultdict(dict)
    with (DATA / "birds" / "manifest.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["group"] == "species" and row["taxon"] in held and row["recordist"]:
                clips[row["taxon"]].setdefault(row["recordist"], DATA / "birds" / row["file"])
    taxon, by_recordist = max(clips.items(), key=lambda item: len(item[1]))
    make_encoder_bundle(tmp_path / "data" / "models")
    done = species(tmp_path, "enroll", taxon, *list(by_recordist.values())[:4])
    assert done.code == 0, done.err
    assert f"{taxon}: learnt from 4 clips" in done.out
    assert "of 4 clips are recognised" in done.out
