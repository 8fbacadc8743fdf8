"""`auricle live` on a real microphone: a null sink's monitor, through ALSA, PortAudio, two processes and the bus."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from monitor.audio.start_time import start_utc_ns
from monitor.audio.synthetic import soundscape
from tests.helpers.null_sink import NullSink, why_not
from tests.helpers.program import command, environment, settings_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

REASON = why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no null sink here: {REASON}")
PATIENCE_S = 60.0


class Listener:
    """A running command, its JSON Lines as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.seen: list[dict[str, Any]] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next line that is wanted."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                line = self._lines.get(timeout=1.0)
            except queue.Empty:
                continue
            if line is None:
                break
            self.seen.append(json.loads(line))
            if wanted(self.seen[-1]):
                return self.seen[-1]
        kept = [line for line in self.seen if line["type"] not in ("level", "health")]
        raise AssertionError(f"it never came; exit {self.process.poll()}; seen: {kept[-20:]}")


@contextmanager
def running(home: Path, sink: NullSink, *arguments: str) -> Iterator[Listener]:
    own = {key: value for key, value in environment(home).items() if key.startswith(("AURICLE", "XDG_STATE", "OMP"))}
    process = subprocess.Popen(
        command(*arguments), env=sink.environment | own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield Listener(process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def children(parent: int, word: str) -> list[int]:
    """Process ids of the children of `parent` whose command line holds `word`."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True).stdout
    rows = [row.split(maxsplit=1) for row in listed.splitlines()]
    return [int(row[0]) for row in rows if f" {word}" in row[1]]


def is_state(*states: str) -> Callable[[dict[str, Any]], bool]:
    return lambda line: line["type"] == "source" and line["state"] in states


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    """Forty seconds of the demo's birds, 48 kHz mono."""
    blocks = soundscape().blocks()
    return np.concatenate([next(blocks).samples for _ in range(40)])


def test_a_bird_through_the_microphone_and_a_capture_that_is_killed(tmp_path: Path, song: np.ndarray) -> None:
    settings_file(tmp_path)
    with NullSink() as sink:
        sink.play(np.tile(song, 3))
        with running(tmp_path, sink, "live", "--no-tui", "--jsonl", "-") as listener:
            listener.wait_for(is_state("listening"))
            heard = listener.wait_for(lambda line: line["type"] == "activity")
            assert heard["utc"] is not None
            (capture,) = children(listener.process.pid, "capture")
            os.kill(capture, signal.SIGKILL)
            gap = listener.wait_for(lambda line: line["type"] == "gap")
            assert gap["estimated"]
            assert gap["lost"] > 0
            states = [line["state"] for line in listener.seen if line["type"] == "source"]
            assert states[-2:] == ["starting", "listening"] or states[-1] == "listening"
            after = listener.wait_for(lambda line: line["type"] == "activity" and line["active"])
            assert after["start_s"] >= gap["end_s"], "no window may span the gap"
            health = listener.wait_for(lambda line: line["type"] == "health")
            assert health["lost"] == gap["lost"]
            assert health["heard"] < 1.0
        assert listener.process.returncode == 0
        assert children(listener.process.pid, "") == []


def test_the_raw_recording_is_what_was_played(tmp_path: Path, song: np.ndarray) -> None:
    settings_file(tmp_path)
    folder = tmp_path / "raw"
    with NullSink() as sink:
        with running(tmp_path, sink, "live", "--no-tui", "--jsonl", "-", "--record", str(folder)) as listener:
            listener.wait_for(is_state("listening"))
            sink.play(song[: 5 * 48_000]).wait(30)
            listener.wait_for(lambda line: line["type"] == "activity" and not line["active"])
        assert listener.process.returncode == 0
    (file,) = folder.glob("*.flac")
    start = start_utc_ns(file, None)
    assert start is not None
    assert abs(start - time.time_ns()) < 120 * 10**9
    recorded, rate = soundfile.read(file, dtype="float32")
    assert rate == 48_000
    assert np.abs(recorded).max() == pytest.approx(np.abs(song[: 5 * 48_000]).max(), abs=1e-4)
    piece = song[2 * 48_000 : 3 * 48_000]
    size = len(recorded) + len(piece)
    spectrum = np.fft.rfft(recorded, size) * np.fft.rfft(piece, size).conj()
    shift = int(np.argmax(np.fft.irfft(spectrum, size)[: len(recorded) - len(piece)]))
    np.testing.assert_allclose(recorded[shift : shift + len(piece)], piece, atol=1e-4)


def test_an_engine_that_is_killed_comes_back_and_loses_nothing_that_the_ring_holds(
    tmp_path: Path, song: np.ndarray
) -> None:
    settings_file(tmp_path)
    with NullSink() as sink:
        sink.play(np.tile(song, 3))
        with running(tmp_path, sink, "live", "--no-tui", "--jsonl", "-") as listener:
            listener.wait_for(lambda line: line["type"] == "activity")
            before = len([line for line in listener.seen if line["type"] == "activity"])
            (engine,) = children(listener.process.pid, "engine")
            os.kill(engine, signal.SIGKILL)
            listener.wait_for(lambda line: line["type"] == "activity")
            after = [line for line in listener.seen if line["type"] == "activity"]
            assert len(after) > before
            assert not [line for line in listener.seen if line["type"] == "gap"]
        assert listener.process.returncode == 0


def test_a_microphone_that_vanishes_is_told_and_missed_at_once(tmp_path: Path, song: np.ndarray) -> None:
    settings_file(tmp_path)
    with NullSink() as sink:
        sink.play(song)
        with running(tmp_path, sink, "live", "--no-tui", "--jsonl", "-") as listener:
            listener.wait_for(lambda line: line["type"] == "health" and line["end_s"] > 1.0)
            sink.kill()
            lost = listener.wait_for(is_state("lost"))
            assert lost["detail"]
            deaf = listener.wait_for(lambda line: line["type"] == "health" and line["heard"] < 0.9)
            assert deaf["lag_s"] > 1.0


def test_a_microphone_that_does_not_exist_cannot_start(tmp_path: Path) -> None:
    settings_file(tmp_path)
    with NullSink() as sink, running(tmp_path, sink, "live", "--no-tui", "--device", "Theremin") as listener:
        assert listener.process.wait(60) == 2
        assert listener.process.stderr is not None
        told = listener.process.stderr.read()
        assert "Theremin" in told
        assert "default" in told, "the message must list what there is"
        assert "Traceback" not in told
