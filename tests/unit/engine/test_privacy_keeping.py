"""What may be kept of live audio in privacy mode: species and machines taught from it. Real folders, threads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.bus.enrollment import EnrollActivity, EnrollmentAsked
from monitor.bus.machine_care import LearnMachine, MachineJobAsked, NormalStretch
from monitor.core.clock import samples
from monitor.core.events import SoundClassReading
from monitor.core.types import ENGINE_RATE, AudioBlock, Span
from monitor.engine.audio_history import Histories
from monitor.engine.enrolling import EnrollingService
from monitor.engine.machine_desk import MachineDesk
from monitor.engine.machine_learning import MachineLearning, Taught
from monitor.engine.models import Models, load_models
from monitor.engine.privacy import PrivacyOptions
from monitor.engine.privacy_book import SOURCES, PrivacyBook, open_privacy
from monitor.errors import SettingsError, UsageError
from monitor.machines.profile_folder import MachineFolder
from monitor.settings import BirdsSettings, PrivacySettings, SoundSettings, load_settings
from tests.helpers.tiny_bundle import call, make_encoder_bundle, make_gate_bundle
from tests.helpers.tiny_sound_class import make_sound_class_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.engine.machine_listening import HeardClip

PATIENCE_S = 60.0
STEP = 9_600
OPTIONS = PrivacyOptions(0.5, 0, samples(10.0))


def decision(end_s: float, speech: float) -> SoundClassReading:
    told = {"noise": 1.0 - speech, "speech": speech}
    return SoundClassReading(Span(samples(end_s - 10), samples(end_s)), "noise", told, "noise", told)


class Heard:
    """A source whose audio goes to the histories and whose decisions go to the book."""

    def __init__(self) -> None:
        self.histories = Histories()
        self.book = PrivacyBook(OPTIONS)
        self.gate = self.book.gate("mic")
        self.gate.reset(0)
        self.at = 0
        self.audio = (1e-4 * np.random.default_rng(0).standard_normal(62 * ENGINE_RATE)).astype(np.float32)

    def until(self, end_s: float, speech: Sequence[float], learning: MachineLearning | None = None) -> None:
        while self.at < samples(end_s):
            block = AudioBlock(self.audio[self.at : self.at + STEP], self.at)
            self.histories.hear("mic", block)
            if learning:
                learning.hear("mic", block)
            self.at += STEP
            over = [n for n in range(len(speech)) if self.at == samples(10.0 * (n + 1))]
            self.gate.hear([decision(10.0 * (n + 1), speech[n]) for n in over], self.at)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    root = tmp_path_factory.mktemp("models")
    make_gate_bundle(root)
    make_encoder_bundle(root)
    make_sound_class_bundle(root)
    return load_models(BirdsSettings(), [root], sound=SoundSettings())


def test_a_call_is_taught_only_when_nobody_spoke_around_it(models: Models, tmp_path: Path) -> None:
    heard = Heard()
    sound = call(3000.0, 2.0, rate=ENGINE_RATE)
    for at_s in (2, 22):
        heard.audio[samples(at_s) : samples(at_s) + len(sound)] += sound
    with EnrollingService(models, tmp_path / "species", heard.histories, heard.book) as service:

        def ask(start_s: float) -> EnrollActivity:
            return EnrollActivity("mic", samples(start_s), samples(start_s + 2), "wren")

        heard.until(15.0, [0.1, 0.1, 0.9, 0.1])
        with pytest.raises(UsageError, match="not known yet"):
            service.begin(ask(2.0))
        heard.until(35.0, [0.1, 0.1, 0.9, 0.1])
        with pytest.raises(UsageError, match="keeps no such audio"):
            service.begin(ask(22.0))
        assert not (tmp_path / "species").exists() or not any((tmp_path / "species").rglob("*.flac"))
        job = service.begin(ask(2.0)).job
        deadline = time.monotonic() + PATIENCE_S
        while (told := service.progress(EnrollmentAsked(job))).state == "working":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert (told.state, told.clips) == ("done", 1), told


class Ears:
    """Notes what it is given to learn."""

    def __init__(self) -> None:
        self.clips: list[HeardClip] = []

    def check(self, name: str, existing: str) -> str:
        return name

    def rings(self, name: str, clip: np.ndarray) -> bool:
        return False

    def learn(self, name: str, clips: Sequence[HeardClip], *, target: bool, existing: str) -> Taught:
        self.clips += clips
        return Taught(len(clips), ())


def test_a_machine_learns_the_stretches_in_which_nobody_speaks(tmp_path: Path) -> None:
    heard, ears = Heard(), Ears()
    desk = MachineDesk(MachineFolder(tmp_path), None, lambda _: None)
    with MachineLearning(desk, ears, heard.histories, privacy=heard.book) as learning:
        heard.until(0.2, [])
        job = learning.begin(LearnMachine("fan", 40.0)).job
        speech = [0.1, 0.1, 0.9, 0.1, 0.1, 0.1]
        heard.until(41.0, speech, learning)
        assert learning.progress(MachineJobAsked(job)).state == "listening", "the last clips are not judged yet"
        heard.until(61.0, speech, learning)
        deadline = time.monotonic() + PATIENCE_S
        while (told := learning.progress(MachineJobAsked(job))).state in ("listening", "fitting"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert told.state == "done", told
        # Clips of 10 s begin at 0.2 s, and somebody speaks from 20 s to 30 s: of those before, the ten seconds after
        # must be free of speech too, so that the one from 30.2 s on is left.
        assert [round(len(one.samples) / 16_000) for one in ears.clips] == [10]
        assert any("left out" in warning for warning in told.warnings), told.warnings
        with pytest.raises(UsageError):
            learning.false_alarm(NormalStretch("nothing", "mic", 0, samples(1.0)))


def test_a_source_that_nobody_knows_keeps_nothing() -> None:
    book = PrivacyBook(OPTIONS)
    with pytest.raises(UsageError):
        book.require("mic", Span(0, samples(1.0)))
    for number in range(SOURCES + 1):
        book.gate(f"file {number}")
    with pytest.raises(UsageError):
        book.require("file 0", Span(0, samples(1.0)))


def test_without_a_model_that_tells_speech_it_does_not_start(models: Models) -> None:
    assert open_privacy(PrivacySettings(), Models()) is None
    with pytest.raises(SettingsError, match=r"privacy\.mode"):
        open_privacy(PrivacySettings(mode="speech"), Models())
    assert open_privacy(PrivacySettings(mode="speech"), models) is not None


def test_raw_recordings_and_privacy_are_refused_together(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="raw audio"):
        load_settings(None, {"capture": {"record": tmp_path}, "privacy": {"mode": "speech"}})
    load_settings(None, {"capture": {"record": tmp_path}, "privacy": {"mode": "off"}})
