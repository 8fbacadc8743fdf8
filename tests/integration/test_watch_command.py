"""Engine, capture and watchers, each started by hand: who comes late and who freezes ends with the log's own events."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from monitor.audio.synthetic import soundscape
from monitor.core.events import READING_TYPES
from monitor.export.jsonl import to_json_line
from monitor.store.log import EventLogReader
from tests.helpers.null_sink import NullSink, why_not
from tests.helpers.program import command, environment, settings_file

if TYPE_CHECKING:
    from pathlib import Path

REASON = why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no null sink here: {REASON}")
FROZEN_S = 10.0
PATIENCE_S = 60.0


def events(file: Path) -> list[dict[str, Any]]:
    """The logged readings among the lines of a file that may still be written."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    lines = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
    logged = {kind.topic for kind in READING_TYPES if kind.logged}
    return [line for line in lines if line["type"] in logged]


def wait_until(happened: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.1)


def test_late_and_frozen_watchers_end_with_the_events_of_the_log(tmp_path: Path) -> None:
    settings_file(tmp_path)
    blocks = soundscape().blocks()
    song = np.concatenate([next(blocks).samples for _ in range(40)])
    with ExitStack() as stack:
        sink = stack.enter_context(NullSink())
        own = {key: value for key, value in environment(tmp_path).items() if key.startswith(("AURICLE", "XDG_STATE"))}

        def start(*words: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(command(*words), env=sink.environment | own, stdout=subprocess.DEVNULL)
            stack.callback(process.kill)
            return process

        sink.play(song)
        engine = start("engine", "--log", str(tmp_path / "events.sqlite"))
        early_file, late_file = tmp_path / "early.jsonl", tmp_path / "late.jsonl"
        wait_until((tmp_path / "events.sqlite").exists, "an engine with a log")
        early = start("watch", "--no-tui", "--jsonl", str(early_file))
        capture = start("capture")
        wait_until(lambda: any(line["type"] == "activity" for line in events(early_file)), "a bird in the early one")
        early.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        late = start("watch", "--no-tui", "--jsonl", str(late_file))
        wait_until(lambda: len(events(late_file)) >= len(events(early_file)) + 3, "more events while one is frozen")
        time.sleep(max(0.0, FROZEN_S - (time.monotonic() - stopped)))
        early.send_signal(signal.SIGCONT)
        capture.send_signal(signal.SIGTERM)
        assert capture.wait(30) == 0
        for file in (early_file, late_file):
            wait_until(
                lambda file=file: events(file)[-1:] and events(file)[-1].get("state") == "ended", f"an end in {file}"
            )
        for process in (early, late, engine):
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    with EventLogReader(tmp_path / "events.sqlite") as log:
        kept = [to_json_line(row.source, row.reading, row.utc_ns) for row in log.since(0, 10_000)]
        (run,) = log.runs()
    logged = [json.loads(line) for line in kept if line is not None]
    assert len(logged) > 6
    assert events(early_file) == events(late_file) == logged
    assert not [line for line in logged if line["type"] == "gap"], "a frozen watcher must not cost the engine any audio"
    assert run.ended_utc_ns is not None
