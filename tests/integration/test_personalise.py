"""From a mixture to a personal classifier and back: two processes, real sockets, CURVE, and what goes wrong."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import zmq

from monitor.bus.backend_link import BackendServer, ask_backend
from monitor.bus.curve import CurveKeys, new_keys
from monitor.bus.key_files import read_keys, write_keys
from monitor.errors import BusError, UsageError
from monitor.scene.personal_answer import decode_answer
from monitor.scene.personal_folder import Gathered, PersonalFolder

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("onnx")

from tests.helpers.personal import mixture_bytes, numbers
from tests.helpers.program import ROOT, Done, auricle, environment
from tests.helpers.tiny_sound_class import make_sound_class_bundle, swelling
from tests.training.test_sound_end_to_end import lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECIPE = """
system = "sound"
cache = "{folder}/cache"
classifier = "{classifier}"
bank = "plain"
{more}

[bundle]
name = "sound-class"
version = "0.1.0"
summary = "For tests."
folder = "{folder}/models"

[recordings]
layout = "audioset"
folder = "{folder}/audioset"
musan = "{folder}/musan"
noise_classes = ["Rain"]
music_classes = ["Jazz"]
folds = 2

[mixing]
examples = 8

[optimiser]
epochs = {epochs}
batch = 16
learning_rate = {rate}
"""


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings, the recipe of C1, and that of C2."""
    folder = tmp_path_factory.mktemp("training")
    lay_out(folder)
    small, large = folder / "small.toml", folder / "large.toml"
    small.write_text(RECIPE.format(folder=folder, classifier="small", more="", epochs=20, rate=0.008))
    large.write_text(RECIPE.format(folder=folder, classifier="large", more="side = 32", epochs=4, rate=0.002))
    return folder


class Serving:
    """`auricle-train personalize serve` in a process of its own, once it is ready."""

    def __init__(self, training: Path, *more: str) -> None:
        self.said: list[str] = []
        words = ["--recipe", str(training / "small.toml"), "--labeller", str(training / "large.toml")]
        # C2 knows hardly anything after four epochs: what matters here is the way, so it need not be certain.
        words += ["--certainty", "0.25", "--vectors", "48", *more]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "training.cli", "personalize", "serve", *words],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(training),
        )
        self.address = self._ready()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _ready(self) -> str:
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append(line)
            if line.startswith("waiting at "):
                return line.split()[2]
        raise AssertionError("".join(self.said))

    def _read(self) -> None:
        assert self.process.stderr
        self.said.extend(self.process.stderr)

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(60)
        self._reader.join(10)
        return code


@pytest.fixture(scope="module")
def serving(training: Path) -> Iterator[Serving]:
    found = Serving(training, "--bind", "tcp://127.0.0.1:*")
    yield found
    assert found.stop() == 0, "SIGTERM ends it in order"
    assert "Traceback" not in "".join(found.said)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A monitor that has a classifier, and gathers."""
    make_sound_class_bundle(tmp_path / "data/models", version="9.0.0")
    (tmp_path / "auricle.toml").write_text("[sound.personalize]\ngather = true\nrecordings = true\n")
    return tmp_path


def gathered(home: Path, message: bytes) -> None:
    PersonalFolder(home / "data/personal").gather(Gathered(message, 1, 2))


def personalize(home: Path, *words: str, **more: str) -> Done:
    done = auricle(home, "scene", "personalize", *words, timeout=300, **more)
    assert "Traceback" not in done.err, done.err
    return done


def test_gathered_sent_applied_heard_and_reverted(home: Path, serving: Serving) -> None:
    """What is replayed becomes a mixture; that goes out, and what comes back tells what is replayed next."""
    generator = np.random.default_rng(0)
    parts = [swelling(pace, 10.0, 48_000) for pace in generator.choice([0.0, 4.0, 16.0], 40)]
    parts = [part * np.float32(generator.uniform(0.05, 1.0)) for part in parts]
    soundfile.write(home / "day.flac", np.concatenate(parts), 48_000)
    before = auricle(home, "replay", str(home / "day.flac"), "--no-tui", "--speed", "max", "--jsonl", "-", timeout=300)
    assert before.code == 0, before.err
    status = personalize(home, "status")
    assert "40 vectors (0.1 h of sound)" in status.out
    assert "in use       the one that came with the program" in status.out

    shown = personalize(home, "send", "--show")
    state = PersonalFolder(home / "data/personal").gathered()
    assert state is not None
    assert shown.out.startswith(f"{len(state.message)} bytes, and these are all of them")
    sent = personalize(home, "send", serving.address)
    assert sent.code == 0, sent.err
    assert sent.out.startswith("received sound-class-personal/")
    assert "received     sound-class-personal/" in personalize(home, "status").out
    applied = personalize(home, "apply")
    assert applied.code == 0, applied.err
    assert "in use       sound-class-personal/" in applied.out

    after = auricle(home, "replay", str(home / "day.flac"), "--no-tui", "--speed", "max", "--jsonl", "-", timeout=300)
    told = [[line for line in done.lines if line["type"] == "sound_class"] for done in (before, after)]
    assert [(line["start_s"], line["end_s"]) for line in told[0]] == [
        (line["start_s"], line["end_s"]) for line in told[1]
    ]
    assert [line["probabilities"] for line in told[0]] != [line["probabilities"] for line in told[1]]
    assert "80 vectors" in personalize(home, "status").out
    assert personalize(home, "revert").out.startswith("in use       the one that came with the program")
    assert personalize(home, "forget").code == 0
    assert "nothing yet that may be sent" in personalize(home, "status").out


def test_by_file(home: Path, training: Path) -> None:
    gathered(home, mixture_bytes())
    assert personalize(home, "send", "--out", str(home / "mixture.bin")).code == 0
    assert (home / "mixture.bin").read_bytes() == mixture_bytes()
    words = ["--recipe", str(training / "small.toml"), "--labeller", str(training / "large.toml")]
    words += ["--certainty", "0.25", "--vectors", "48"]
    command = [sys.executable, "-m", "training.cli", "personalize", "run", str(home / "mixture.bin")]
    done = subprocess.run(
        [*command, "--out", str(home / "answer.bin"), *words], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert "learnt from 48 vectors drawn from the mixture" in done.stdout
    applied = personalize(home, "apply", str(home / "answer.bin"))
    assert "in use       sound-class-personal/" in applied.out, applied.err
    refused = personalize(home, "apply", str(home / "mixture.bin"))
    assert refused.code == 2
    assert "mixture.bin: is no answer of a back-end" in " ".join(refused.err.split())
    (home / "mixture.bin").write_bytes(b"nothing")
    done = subprocess.run([*command, "--out", str(home / "b.bin"), *words], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "mixture.bin: is no mixture of a monitor" in " ".join(done.stderr.split())


def test_with_keys_only_those_that_are_let_in_are_answered(training: Path, tmp_path: Path) -> None:
    write_keys(tmp_path / "backend")
    write_keys(tmp_path / "monitor")
    write_keys(tmp_path / "stranger")
    for name in ("monitor", "stranger"):
        (tmp_path / name / "server.key").write_bytes((tmp_path / "backend/public.key").read_bytes())
    (tmp_path / "backend/clients").mkdir()
    (tmp_path / "backend/clients/monitor.key").write_bytes((tmp_path / "monitor/public.key").read_bytes())
    serving = Serving(training, "--bind", "tcp://127.0.0.1:*", "--keys", str(tmp_path / "backend"))
    try:
        keys = read_keys(tmp_path / "monitor")
        answer = ask_backend(serving.address, mixture_bytes(), keys=keys, timeout_s=300)
        assert decode_answer(answer).made.kept == 48
        with pytest.raises(BusError, match="does not let us in"):
            ask_backend(serving.address, mixture_bytes(), keys=read_keys(tmp_path / "stranger"), timeout_s=4)
        with pytest.raises(BusError, match=r"does not let us in|nobody answers"):
            ask_backend(serving.address, mixture_bytes(), timeout_s=4)
    finally:
        assert serving.stop() == 0


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (mixture_bytes(means=numbers(*[np.nan] * 135)), "no finite number"),
        (mixture_bytes(variances=numbers(*[-1.0] * 135)), "variances must be above 0"),
        (mixture_bytes(frames=4), "4 x 9 values, a decision here has 5 x 9"),
        (mixture_bytes(spec="ffffffffffffffff"), "its features are ffffffffffffffff"),
    ],
)
def test_the_back_end_refuses_and_the_command_says_why(
    home: Path, serving: Serving, message: bytes, named: str
) -> None:
    gathered(home, message)
    done = personalize(home, "send", serving.address)
    assert done.code == 2
    assert named in done.err
    assert PersonalFolder(home / "data/personal").received() is None
    assert serving.process.poll() is None, "it goes on"


def test_nobody_there(home: Path) -> None:
    gathered(home, mixture_bytes())
    (port,) = _free()
    done = personalize(home, "send", f"tcp://127.0.0.1:{port}", "--timeout", "2")
    assert done.code == 2
    assert "back-end at tcp://127.0.0.1" in done.err
    assert "nobody answers there" in done.err
    assert "auricle-train personalize serve" in done.err


def test_a_slow_one_is_not_waited_for_for_ever() -> None:
    with BackendServer("tcp://127.0.0.1:*") as server, pytest.raises(BusError, match="no answer within 1 s") as slow:
        ask_backend(server.address, mixture_bytes(), timeout_s=1.0)
    assert "--timeout" in slow.value.remedy


def test_one_that_goes_away_while_it_works_is_noticed() -> None:
    server = BackendServer("tcp://127.0.0.1:*")
    threading.Timer(0.7, server.close).start()
    began = time.monotonic()
    with pytest.raises(BusError, match="went away"):
        ask_backend(server.address, mixture_bytes(), timeout_s=60.0)
    assert time.monotonic() - began < 30


def test_other_computers_need_keys() -> None:
    with pytest.raises(BusError, match="no CURVE keys are set"):
        BackendServer("tcp://0.0.0.0:0")
    with pytest.raises(BusError, match="no CURVE keys are set"):
        ask_backend("tcp://192.0.2.1:7320", mixture_bytes(), timeout_s=1.0)
    public, secret = new_keys()
    with BackendServer("tcp://0.0.0.0:*", CurveKeys(public, secret)) as server:
        assert server.address.startswith("tcp://0.0.0.0:")


def test_what_is_no_request_is_answered_and_survived() -> None:
    def make(mixture: bytes) -> bytes:
        if mixture == b"fail":
            raise RuntimeError("a fault of the program")
        if mixture == b"refuse":
            raise UsageError("the mixture", "is none", "Send another")
        return mixture + b"!"

    with BackendServer("tcp://127.0.0.1:*") as server:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                server.serve(0.05, make)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
                stranger.linger = 0
                stranger.connect(server.address)
                stranger.send(b"hello")
                assert stranger.poll(20_000)
            for mixture, named in ((b"refuse", "is none"), (b"fail", "a fault of the program")):
                with pytest.raises(BusError, match=named):
                    ask_backend(server.address, mixture, timeout_s=20)
            assert ask_backend(server.address, b"good", timeout_s=20) == b"good!"
        finally:
            over.set()
            thread.join()


def test_nothing_is_sent_that_was_not_gathered_or_asked_for(home: Path) -> None:
    nothing = personalize(home, "send", "tcp://127.0.0.1:9")
    assert nothing.code == 2
    assert "nothing was gathered yet" in nothing.err
    gathered(home, mixture_bytes())
    assert "it was not said where to" in personalize(home, "send").err
    assert "no answer of a back-end" in personalize(home, "apply").err
    assert "none was ever applied" in personalize(home, "revert").err


def _free() -> list[int]:
    from tests.helpers.program import free_ports

    return free_ports(1)
