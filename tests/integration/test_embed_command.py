"""`auricle embed` as a user types it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.birds.embedder import Embedder
from monitor.birds.frames import frames_of, gate_probabilities
from monitor.features.spec import BIRD
from monitor.inference.bundle import load_bundle
from tests.helpers.enrolling import LOW, RATE, clip_samples, make_home, write_clip
from tests.helpers.program import Done, auricle
from tests.helpers.tiny_bundle import call, make_encoder_bundle

KEYS = {"path", "start_s", "end_s", "gate", "embedding", "gate_path", "gate_start_s", "gate_end_s", "gate_probability"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = make_home(tmp_path_factory.mktemp("home"))
    noise = 0.002 * np.random.default_rng(3).standard_normal(10 * RATE).astype(np.float32)
    soundfile.write(home / "long.wav", clip_samples(LOW, length_s=10.0, at_s=5.0) + noise, RATE, subtype="FLOAT")
    write_clip(home / "short.wav", LOW, rate=44_100)
    return home


def embed(home: Path, *words: str | Path) -> Done:
    done = auricle(home, "embed", *(str(word) for word in words))
    assert "Traceback" not in done.err, done.err
    return done


def test_every_window_has_its_time_its_gate_and_its_embedding(home: Path, tmp_path: Path):
    out = tmp_path / "all.npz"
    done = embed(home, home / "long.wav", home / "short.wav", "--out", out)
    assert (done.code, done.out) == (0, ""), done.err
    with np.load(out, allow_pickle=False) as arrays:
        assert set(arrays.files) == KEYS
        told = {name: arrays[name] for name in arrays.files}
    long = told["path"] == str(home / "long.wav")
    assert told["start_s"][long].tolist() == list(range(8))
    assert told["end_s"][long] == pytest.approx(np.arange(8) + 2.984)
    assert (told["start_s"][~long].tolist(), told["end_s"][~long].tolist()) == ([0.0], [2.0])
    assert told["embedding"].shape == (9, 16)
    assert told["embedding"].dtype == told["gate"].dtype == told["gate_probability"].dtype == np.float32
    assert np.linalg.norm(told["embedding"], axis=1) == pytest.approx(1.0, abs=1e-5)
    gate = load_bundle(home / "data" / "models" / "bird-gate" / "1.0.0")
    embedder = Embedder(load_bundle(home / "data" / "models" / "bird-encoder" / "1.0.0"))
    frames = frames_of(soundfile.read(home / "long.wav", dtype="float32")[0], BIRD)
    windows = np.stack([frames[start : start + 147] for start in range(0, len(frames) - 146, 50)])
    assert np.array_equal(told["embedding"][long], embedder.embed(windows))
    heard = told["gate_path"] == str(home / "long.wav")
    assert np.array_equal(told["gate_probability"][heard], gate_probabilities(gate, frames))
    assert told["gate_start_s"][heard].tolist() == (np.arange(heard.sum()) / 2).tolist()
    inside = [told["gate_probability"][heard][2 * index : 2 * index + 4].max() for index in range(8)]
    assert told["gate"][long].tolist() == inside
    assert (told["gate"][long].argmax() in (3, 4, 5)) == (told["gate"][long].max() > 0.9)


def test_what_cannot_be_read_is_told_and_the_rest_is_kept(home: Path, tmp_path: Path):
    folder = tmp_path / "night"
    folder.mkdir()
    shutil.copy(home / "short.wav", folder / "b.wav")
    (folder / "a.wav").write_bytes(b"")
    soundfile.write(folder / "c.wav", np.zeros(0), RATE)
    soundfile.write(folder / "d.wav", call(LOW, 8.0, rate=RATE), RATE)
    (folder / "d.wav").write_bytes((folder / "d.wav").read_bytes()[: 5 * 2 * RATE])
    out = tmp_path / "some.npz"
    done = embed(home, folder, tmp_path / "absent.wav", "--out", out)
    assert done.code == 1
    for name in ("a.wav", "c.wav", "d.wav", "absent.wav"):
        assert name in done.err
    with np.load(out) as arrays:
        names = [Path(path).name for path in arrays["path"]]
        assert names == ["b.wav", "d.wav", "d.wav", "d.wav"]
        assert arrays["start_s"].tolist() == [0.0, 0.0, 1.0, 2.0]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_nothing_heard_writes_nothing(home: Path, tmp_path: Path):
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "old.npz").write_bytes(b"old")
    done = embed(home, tmp_path / "text.wav", "--out", tmp_path / "old.npz")
    assert done.code == 2
    assert "was not written" in done.err
    assert (tmp_path / "old.npz").read_bytes() == b"old"


def test_windows_without_a_direction_are_left_out_and_told(home: Path, tmp_path: Path):
    quiet = np.concatenate([np.zeros(10 * RATE), call(LOW, 3.0, rate=RATE)])
    soundfile.write(tmp_path / "cut.wav", quiet, RATE)
    done = embed(home, tmp_path / "cut.wav", "--out", tmp_path / "out.npz")
    assert done.code == 1
    assert "windows left out" in done.err
    with np.load(tmp_path / "out.npz") as arrays:
        assert 0 < len(arrays["path"]) < 11
        assert len(arrays["gate_path"]) == 24


def test_an_encoder_without_a_cohort_embeds_too(home: Path, tmp_path: Path):
    folder = make_encoder_bundle(tmp_path / "plain", name="plain-encoder", dimension=24, cohort=False)
    done = embed(home, home / "short.wav", "--out", tmp_path / "out.npz", "--encoder", folder)
    assert done.code == 0, done.err
    assert "plain-encoder@1.0.0, 24 dimensions" in done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Missing argument"),
        (("short.wav",), "--out"),
        (("short.wav", "--out", "nowhere/out.npz"), "cannot be written"),
        (("short.wav", "--out", "."), "it is a folder"),
        (("short.wav", "--out", "x.npz", "--encoder", "bird-gate"), "not an encoder"),
        (("short.wav", "--out", "x.npz", "--encoder", "no-such-model"), "not found"),
        (("*.mp3", "--out", "x.npz"), "matches nothing"),
    ],
)
def test_wrong_arguments_are_told(home: Path, words: tuple[str, ...], told: str):
    placed = [word if word.startswith("-") or "-" in word else home / word for word in words]
    done = embed(home, *placed)
    assert done.code == 2
    assert told in done.err
    assert not (home / "x.npz").exists()
