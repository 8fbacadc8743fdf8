"""The privacy mode in the real pipeline: what goes out while somebody speaks, however the source cuts its audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.bus.client import BusClient
from monitor.bus.messages import Snapshot
from monitor.core.clock import samples
from monitor.core.events import LevelReading, SoundClassReading, Spectrum
from monitor.core.privacy_readings import PrivacyChange, PrivacyReason, PrivacyState
from monitor.core.types import AudioBlock, Span
from monitor.engine.models import Models, load_models
from monitor.engine.privacy_book import PrivacyBook, open_privacy
from monitor.engine.runner import StreamRunner
from monitor.settings import BirdsSettings, PrivacySettings, SoundSettings, SpeciesSettings
from monitor.store.log import EventLog

pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")

from tests.helpers.engine_thread import EngineThread, events, hear_until, live
from tests.helpers.tiny_sound_class import make_sound_class_bundle, swelling
from tests.helpers.tiny_species import VOICE, make_tone_bundle, song
from tests.unit.engine.test_species import Heard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.core.events import Reading

RATE = 48_000
SYLLABLES, STEADY = 4.0, 0.0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_sound_class_bundle(folder)
    make_tone_bundle(folder, name="birdnet")
    return folder


def loaded(root: Path, *, species: bool = False) -> Models:
    settings = SpeciesSettings() if species else None
    return load_models(BirdsSettings(enabled=False), [root], 1, settings, sound=SoundSettings())


def day(*beats: float) -> np.ndarray:
    """Ten seconds of each, and three at the end."""
    return np.concatenate([*(swelling(beat, 10.0, RATE) for beat in beats), swelling(STEADY, 3.0, RATE)])


def book_of(models: Models, **chosen: object) -> PrivacyBook:
    book = open_privacy(PrivacySettings.model_validate({"mode": "speech", "hold_s": 10.0} | chosen), models)
    assert book is not None
    return book


def listen(
    models: Models, audio: np.ndarray, size: int, publish: Callable[[str, Reading, int | None], None], **chosen: object
) -> None:
    runner = StreamRunner("garden", RATE, models, publish, privacy=book_of(models, **chosen))
    for start in range(0, len(audio), size):
        runner.take(AudioBlock(audio[start : start + size], start))
    runner.end()


def inside(spans: list[Span], start_s: float, end_s: float) -> bool:
    return any(one.overlaps(Span(samples(start_s), samples(end_s))) for one in spans)


def test_no_column_of_speech_goes_out_and_the_rest_does(root: Path) -> None:
    models = loaded(root)
    audio = day(STEADY, SYLLABLES, STEADY, STEADY)
    found: list[list[object]] = []
    for size in (4_800, 31_111, len(audio)):
        heard = Heard()
        listen(models, audio, size, heard)
        labels = [one.label for one in heard.of(SoundClassReading)]
        assert [label.startswith("speech") for label in labels] == [False, True, False, False], labels
        shown = [one.span for one in heard.of(Spectrum)]
        assert shown and not inside(shown, 10, 30) and inside(shown, 0.2, 9.8) and inside(shown, 30.2, 39.8)
        assert not inside(shown, 40.1, 43), "of the last seconds nobody can tell"
        levels = heard.of(LevelReading)
        assert levels[-1].span.end > samples(42.0), "readings go on"
        assert sum(one.span.length for one in levels) > samples(42.0)
        found.append([shown, heard.of(PrivacyChange)])
    assert found[0] == found[1] == found[2]
    changes = heard.of(PrivacyChange)
    states = [(one.state, one.reason) for one in changes]
    assert states == [
        (PrivacyState.WATCHING, PrivacyReason.NONE),
        (PrivacyState.WITHHOLDING, PrivacyReason.SPEECH),
        (PrivacyState.WATCHING, PrivacyReason.SPEECH),
        (PrivacyState.WATCHING, PrivacyReason.NOT_JUDGED),
    ]
    assert changes[2].span == Span(samples(10), samples(30))


def test_without_the_mode_everything_goes_out_at_once(root: Path) -> None:
    heard = Heard()
    runner = StreamRunner("garden", RATE, loaded(root), heard)
    runner.take(AudioBlock(day(SYLLABLES)[: 5 * RATE], 0))
    assert heard.of(Spectrum)[-1].span.end > samples(4.5)
    assert not heard.of(PrivacyChange)


def test_a_branch_that_fails_withholds_everything(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = loaded(root)
    bundle = models.sound_class
    assert bundle is not None

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the network is gone")

    monkeypatch.setattr(type(bundle), "run", broken)
    heard = Heard()
    listen(models, day(STEADY, STEADY, STEADY), 4_800, heard)
    assert heard.of(Spectrum) == []
    assert [one.reason for one in heard.of(PrivacyChange)][1:] == [PrivacyReason.NOT_JUDGED] * 2


def test_a_voice_that_a_classifier_of_species_hears_is_enough(root: Path) -> None:
    models = loaded(root, species=True)
    audio = song([(None, 12.0), (VOICE, 2.0), (None, 26.0)])
    heard = Heard()
    # The network of the tests takes these tones for syllables; here the sound class shall say nothing.
    listen(models, audio, 4_800, heard, threshold=1.0)
    shown = [one.span for one in heard.of(Spectrum)]
    assert not inside(shown, 12, 24) and inside(shown, 0.2, 11.8) and inside(shown, 25.2, 29.8)
    assert PrivacyReason.VOICE in [one.reason for one in heard.of(PrivacyChange)]


def test_a_subscriber_gets_no_spectrum_of_speech_and_the_log_says_why(root: Path, tmp_path: Path) -> None:
    """Real sockets and a real log: what a screen could ever see."""
    models, audio = loaded(root), day(STEADY, SYLLABLES, STEADY)
    path = tmp_path / "events.sqlite"
    with EngineThread(log=path) as engine, BusClient(engine.addresses.commands) as client:
        hear_until(client, lambda heard: any(isinstance(one, Snapshot) for one in heard))
        engine.do(lambda server: listen(models, audio, 4_800, server.publish))
        got = hear_until(client, lambda heard: len(events(heard)) >= 5)
    shown = [one.reading.span for one in live(got) if isinstance(one.reading, Spectrum)]
    assert shown and not inside(shown, 10, 30)
    with EventLog(path) as log:
        rows = [one.reading for one in log.since(0, 100) if isinstance(one.reading, PrivacyChange)]
    states = [one.state for one in rows]
    assert states == [PrivacyState.WATCHING, PrivacyState.WITHHOLDING, PrivacyState.WATCHING, PrivacyState.WATCHING]
