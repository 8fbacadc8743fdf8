"""A species taught from the screen while the engine, a process of its own, goes on; it is tagged from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from monitor.birds.prototypes import PrototypeStore
from monitor.bus.client import BusClient
from monitor.bus.messages import Delivery, Snapshot
from monitor.core.events import SourceCondition, SourceState, TagDetection
from monitor.core.types import ENGINE_RATE
from monitor.engine.launch import start_engine
from monitor.tui.app import AuricleApp
from monitor.tui.enrollment import Phase
from tests.helpers.engine_thread import hear_until
from tests.helpers.program import environment
from tests.helpers.tiny_bundle import call, make_encoder_bundle, make_gate_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.bus.messages import Message

TAUGHT_HZ, OTHER_HZ = 3000.0, 6300.0
CALLS = ((1.0, TAUGHT_HZ), (24.0, TAUGHT_HZ), (30.0, OTHER_HZ), (36.0, TAUGHT_HZ))
"""When a bird calls for 2 s, and at which pitch."""
LENGTH_S = 40
SPEED = 4.0


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an engine that plays a recording at four times its speed, and stays."""
    for key, value in environment(tmp_path).items():
        monkeypatch.setenv(key, value)
    make_gate_bundle(tmp_path / "data" / "models")
    make_encoder_bundle(tmp_path / "data" / "models")
    sound = (1e-4 * np.random.default_rng(0).standard_normal(LENGTH_S * ENGINE_RATE)).astype(np.float32)
    for seed, (at_s, hz) in enumerate(CALLS):
        first = round(at_s * ENGINE_RATE)
        song = call(hz, 2.0, rate=ENGINE_RATE, seed=seed)
        sound[first : first + len(song)] += song
    recording = tmp_path / "garden.wav"
    soundfile.write(recording, sound, ENGINE_RATE, subtype="FLOAT")
    words = ["replay", "--no-tui", "--stay", "--speed", str(SPEED), "--", str(recording)]
    child, address = start_engine(words, tmp_path / "engine.txt")
    yield address
    child.stop()


def labels(heard: list[Message]) -> list[str | None]:
    """Of the final tags."""
    readings = [one.reading for one in heard if isinstance(one, Delivery)]
    return [one.label for one in readings if isinstance(one, TagDetection) and not one.provisional]


def ended(heard: list[Message]) -> bool:
    states = [one.reading for one in heard if isinstance(one, Delivery) and isinstance(one.reading, SourceState)]
    return any(state.state is SourceCondition.ENDED for state in states)


async def test_a_call_named_on_the_screen_is_known_from_then_on(engine: str, tmp_path: Path) -> None:
    app = AuricleApp(lambda: BusClient(engine), "replay")
    async with app.run_test(size=(100, 30)) as pilot:
        while not [one for one in app.state.calls() if not one.active]:
            await pilot.pause(0.05)
        await pilot.pause(0.3)
        await pilot.press("e", *"great tit", "enter")
        while app.enrolling.phase not in (Phase.DONE, Phase.FAILED):
            await pilot.pause(0.05)
        assert app.enrolling.phase is Phase.DONE, app.enrolling.lines
        await pilot.press("escape")
        while app.state.current is None or not app.state.current.over:
            await pilot.pause(0.05)
        await pilot.pause(0.5)
        shown = [app.live.birds.render_line(y).text.split() for y in range(app.live.birds.size.height)]
        assert [words[:2] for words in shown[:1]] == [["great", "tit"]]
        assert shown[-1][0] == "unknown"
        assert app.state.current.health is not None
        assert app.state.current.health.lost == 0
    (learnt,) = PrototypeStore(tmp_path / "data" / "species").list()
    assert learnt.name == "great tit"
    assert learnt.clips[0].origin.startswith(str(tmp_path / "garden.wav"))
    with BusClient(engine) as late:
        heard = hear_until(late, ended)
    assert labels(heard) == ["great tit", None, "great tit"]
    (told,) = next(one for one in heard if isinstance(one, Snapshot)).tallies
    assert {one.label: one.count for one in told.species} == {"great tit": 2, None: 1}
