"""Teaching a species from what was just heard: real gate, encoder, store, thread and sockets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.birds.prototypes import PrototypeStore
from monitor.bus.client import BusClient
from monitor.bus.enrollment import Enrollment, EnrollmentBegun, SpeciesList, answered
from monitor.core.types import ENGINE_RATE, AudioBlock
from monitor.engine.audio_history import Histories
from monitor.engine.enrolling import EnrollingService
from monitor.engine.models import Models, load_models
from monitor.errors import BusError
from monitor.settings import BirdsSettings
from tests.helpers.engine_thread import EngineThread
from tests.helpers.tiny_bundle import call, make_encoder_bundle, make_gate_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    root = tmp_path_factory.mktemp("models")
    make_gate_bundle(root)
    make_encoder_bundle(root)
    return load_models(BirdsSettings(), [root])


def heard(histories: Histories, source: str = "mic") -> None:
    """Four seconds of noise with a call in the middle, then as much with another one, then a gap, then noise."""
    rng = np.random.default_rng(0)
    song = (1e-4 * rng.standard_normal(12 * ENGINE_RATE)).astype(np.float32)
    for at_s, hz in ((1, 3000.0), (5, 5000.0)):
        sound = call(hz, 2.0, rate=ENGINE_RATE)
        song[at_s * ENGINE_RATE : at_s * ENGINE_RATE + len(sound)] += sound
    for start in range(0, len(song), 9600):
        shift = ENGINE_RATE if start >= 8 * ENGINE_RATE else 0
        histories.hear(source, AudioBlock(song[start : start + 9600], start + shift))


class Engine:
    """A server with the service, and a subscriber."""

    def __init__(self, models: Models, folder: Path) -> None:
        self.histories = Histories()
        self.thread = EngineThread()
        self.service = EnrollingService(models, folder, self.histories)
        self.thread.do(self.service.serve_on)
        self.client = BusClient(self.thread.addresses.commands)

    def enroll(self, start_s: float, end_s: float, name: str, **more: object) -> Enrollment:
        span = {"start": round(start_s * ENGINE_RATE), "end": round(end_s * ENGINE_RATE)}
        answer = self.client.command("enroll", source="mic", name=name, **span, **more)
        return self.outcome(answered(answer, EnrollmentBegun).job)

    def outcome(self, job: int) -> Enrollment:
        end = time.monotonic() + PATIENCE_S
        while (told := answered(self.client.command("enrollment", job=job), Enrollment)).state == "working":
            assert time.monotonic() < end
            time.sleep(0.02)
        return told

    def species(self) -> SpeciesList:
        return answered(self.client.command("species"), SpeciesList)

    def close(self) -> None:
        self.client.close()
        self.thread.close()
        self.service.close()


@pytest.fixture
def engine(models: Models, tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(models, tmp_path / "species")
    heard(engine.histories)
    yield engine
    engine.close()


def test_a_call_becomes_a_species_and_another_one_a_clip_of_it(engine: Engine, tmp_path: Path) -> None:
    assert engine.species().encoder == "bird-encoder@1.0.0"
    assert engine.species().species == ()
    first = engine.enroll(1.0, 3.0, "  Great   tit ", utc_ns=1_778_398_201_000_000_000)
    assert (first.name, first.state, first.clips) == ("Great tit", "done", 1), first
    again = engine.enroll(5.0, 7.0, "great TIT", existing="add")
    assert (again.state, again.clips) == ("done", 2), again
    assert any("do not sound alike" in warning for warning in again.warnings)
    (listed,) = engine.species().species
    assert (listed.name, listed.clips, listed.ready) == (again.name, 2, True)
    store = PrototypeStore(tmp_path / "species")
    one, other = store.get("great tit").clips
    assert one.origin == "mic 2026-05-10T07:30:01.000Z"
    assert other.origin == "mic at 5.0 s"
    assert one.rate == ENGINE_RATE
    assert one.length == 4 * ENGINE_RATE, "the clip comes with a second on each side of it"


def test_what_cannot_be_learnt_is_told_with_the_reason(engine: Engine) -> None:
    silent = engine.enroll(9.5, 11.0, "wren")
    assert silent.state == "failed"
    assert "no bird" in silent.why
    assert engine.enroll(1.0, 3.0, "wren").state == "done"
    twice = engine.enroll(1.0, 3.0, "wren", existing="add")
    assert twice.state == "failed"
    assert "same audio" in twice.why
    refused = engine.enroll(5.0, 7.0, "wren")
    assert refused.state == "failed"
    assert "enrolled already" in refused.why
    (listed,) = engine.species().species
    assert listed.clips == 1


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"source": "other", "start": 0, "end": 9, "name": "wren"}, "no audio of it is held"),
        ({"source": "mic", "start": 10**9, "end": 10**9 + 9, "name": "wren"}, "nothing was heard"),
        ({"source": "mic", "start": 7 * 48_000, "end": 10 * 48_000, "name": "wren"}, "audio was lost in it"),
        ({"source": "mic", "start": 9, "end": 3, "name": "wren"}, "no stretch"),
        ({"source": "mic", "start": 48_000, "end": 96_000, "name": "   "}, "is empty"),
        ({"source": "mic", "start": 48_000, "end": 96_000, "name": "Unknown"}, "no species was recognised"),
        ({"source": "mic", "start": 48_000, "end": 96_000}, "name"),
        ({"source": "mic", "start": 48_000, "end": 96_000, "name": "wren", "existing": "burn"}, "burn"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(engine: Engine, parameters: dict[str, object], why: str) -> None:
    with pytest.raises(BusError, match=why):
        engine.client.command("enroll", **parameters)
    with pytest.raises(BusError, match="knows nothing of it"):
        engine.client.command("enrollment", job=7)


def test_what_others_write_is_listed_too(engine: Engine, models: Models, tmp_path: Path) -> None:
    other = Engine(models, tmp_path / "species")
    heard(other.histories)
    assert other.enroll(1.0, 3.0, "robin").state == "done"
    other.close()
    end = time.monotonic() + PATIENCE_S
    while not engine.species().species:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_without_an_encoder_nothing_can_be_learnt(models: Models, tmp_path: Path) -> None:
    engine = Engine(Models(models.gate), tmp_path / "species")
    try:
        assert not engine.service.able
        assert engine.species() == SpeciesList("", 120.0, ())
        with pytest.raises(BusError, match="no bird encoder"):
            engine.enroll(1.0, 3.0, "wren")
    finally:
        engine.close()


def test_a_store_that_cannot_be_read_is_told(models: Models, tmp_path: Path) -> None:
    (tmp_path / "species").write_text("this is a file")
    engine = Engine(models, tmp_path / "species")
    heard(engine.histories)
    try:
        assert engine.enroll(1.0, 3.0, "wren").state == "failed"
        with pytest.raises(BusError, match="species"):
            engine.species()
    finally:
        engine.close()
