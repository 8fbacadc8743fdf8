"""Gathering in a monitor that runs: what is kept, what comes back after a restart, and models swapped while it runs."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.core.events import SoundClassReading
from monitor.core.types import AudioBlock
from monitor.engine.models import Models, load_models
from monitor.engine.personal import SAVE_S, Personalisation, open_personal
from monitor.engine.runner import StreamRunner
from monitor.errors import AuricleError, UsageError
from monitor.features.ams import ams_of
from monitor.features.ams_spec import AMS_PLAIN
from monitor.scene.personal_folder import GATHERED, PersonalFolder
from monitor.scene.personal_message import decode_message, mixture_of
from monitor.settings import BirdsSettings, PersonalizeSettings, SoundSettings

pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")

from tests.helpers.personal import answer_of, heard, mixture_bytes
from tests.helpers.tiny_sound_class import make_sound_class_bundle, swelling
from tests.unit.engine.test_species import Heard

if TYPE_CHECKING:
    from pathlib import Path

RATE = 48_000
MINUTES_7 = 42
"""Decisions."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    root = tmp_path_factory.mktemp("models")
    make_sound_class_bundle(root)
    return load_models(BirdsSettings(enabled=False), [root], sound=SoundSettings())


class Place:
    """A folder, a clock that the test turns, and what was reported."""

    def __init__(self, path: Path, models: Models) -> None:
        self.folder = PersonalFolder(path / "personal")
        self.models = models
        self.now_s = 0.0
        self.reported: list[AuricleError] = []

    def open(self, components: int = 16, why_not: str = "") -> Personalisation:
        assert self.models.sound_class is not None
        return Personalisation(
            components,
            self.folder,
            self.models.sound_class,
            self.reported.append,
            why_not,
            clock=lambda: self.now_s,
            now_ns=lambda: 1 + round(self.now_s * 1e9),
        )


@pytest.fixture
def place(tmp_path: Path, models: Models) -> Place:
    return Place(tmp_path, models)


def sound(decisions: int, seed: int = 0) -> np.ndarray:
    """Tones that swell at a pace and level of their own for each ten seconds, float32 at the engine rate."""
    generator = np.random.default_rng(seed)
    paces = generator.choice([0.0, 4.0, 16.0], decisions)
    return np.concatenate([swelling(pace, 10.0, RATE) * np.float32(generator.uniform(0.05, 1)) for pace in paces])


def listen(place: Place, personal: Personalisation, samples: np.ndarray, size: int = RATE) -> Heard:
    told = Heard()
    runner = StreamRunner("mic", RATE, place.models, told, screen=False, personal=personal)
    for start in range(0, len(samples), size):
        runner.take(AudioBlock(samples[start : start + size], start))
    runner.end()
    return told


def test_what_is_heard_becomes_a_mixture_on_disk_and_nothing_else(place: Place) -> None:
    personal = place.open(components=4)
    samples = sound(MINUTES_7)
    listen(place, personal, samples)
    assert personal.status().vectors == MINUTES_7
    personal.close()
    assert {path.name for path in place.folder.path.iterdir()} == {GATHERED}
    kept = place.folder.gathered()
    assert kept is not None
    mixture = mixture_of(decode_message(kept.message), AMS_PLAIN.fingerprint, 5, 9)
    assert decode_message(kept.message).vectors == MINUTES_7
    assert (mixture.weights * MINUTES_7 > 29.9).all()
    content = (place.folder.path / GATHERED).read_bytes()
    assert len(content) < 4 * mixture.numbers + 250
    vectors = ams_of(samples[::3].copy(), AMS_PLAIN)
    assert not [row for row in vectors if row.astype("<f4").tobytes() in content]


def test_it_goes_on_after_a_restart_and_begins_anew_when_told(place: Place) -> None:
    first = place.open()
    listen(place, first, sound(MINUTES_7))
    first.close()
    second = place.open(components=2)
    assert second.status().vectors == MINUTES_7
    listen(place, second, sound(3, 1))
    assert second.status().vectors == MINUTES_7 + 3
    second.close()
    kept = place.folder.gathered()
    assert kept is not None
    assert decode_message(kept.message).vectors == MINUTES_7 + 3
    place.folder.forget()
    listen(place, second, sound(1, 2))
    second.save()
    assert second.status().vectors == 0
    assert place.folder.gathered() is None


def test_it_is_written_now_and_then_and_a_crash_costs_little(place: Place) -> None:
    personal = place.open()
    listen(place, personal, sound(MINUTES_7))
    assert place.folder.gathered() is None, "the clock stood still"
    place.now_s += SAVE_S
    personal.poll()
    assert place.folder.gathered() is not None


def test_too_little_is_not_written(place: Place) -> None:
    personal = place.open()
    listen(place, personal, sound(5))
    personal.close()
    assert place.folder.gathered() is None
    status = personal.status()
    assert (status.vectors, status.components) == (5, 0)


def test_what_cannot_be_gone_on_with_is_told_and_not_fatal(place: Place) -> None:
    place.folder.gather(place.open()._folder.gathered() or _gathered(mixture_bytes(spec="ffffffffffffffff")))
    personal = place.open()
    assert "cannot be gone on with" in str(place.reported[0])
    assert personal.status().vectors == 0
    (place.folder.path / GATHERED).write_bytes(b"junk")
    assert place.open().status().vectors == 0


def _gathered(message: bytes):
    from monitor.scene.personal_folder import Gathered

    return Gathered(message, 1, 2)


def test_a_model_is_swapped_while_it_runs_and_no_decision_is_lost(place: Place, tmp_path: Path) -> None:
    """A classifier that calls everything music takes over in the middle of a window, and goes again."""
    personal = place.open(why_not="switched off")
    samples = sound(6, 3)
    before = listen(place, personal, samples).of(SoundClassReading)
    told = Heard()
    runner = StreamRunner("mic", RATE, place.models, told, screen=False, personal=personal)
    for second in range(60):
        if second == 25:
            place.folder.apply(answer_of(always_music(tmp_path / "made")), place.models.sound_class, 1)
        if second == 45:
            place.folder.revert(2)
        place.now_s += 1.0
        runner.take(AudioBlock(samples[second * RATE : (second + 1) * RATE], second * RATE))
    runner.end()
    after = told.of(SoundClassReading)
    assert [reading.span for reading in after] == [reading.span for reading in before]
    assert [reading.label for reading in after[2:4]] == ["music", "music"]
    for place_in_time in (0, 1, 4, 5):
        assert after[place_in_time].probabilities == before[place_in_time].probabilities


def always_music(folder: Path) -> Path:
    """A personal classifier that nothing but music comes out of."""
    import onnx

    from monitor.inference.golden import windows_of, write_golden
    from monitor.inference.manifest_file import sha256_of, write_manifest
    from monitor.inference.session import Session
    from tests.helpers.tiny_sound_class import sound_class_manifest

    made = make_sound_class_bundle(folder, name="sound-class-personal", version="1.0.0")
    model = onnx.load(made / "model.onnx")
    (offsets,) = [value for value in model.graph.initializer if value.name == "offsets"]
    offsets.CopyFrom(onnx.numpy_helper.from_array(np.array([0.0, 400.0, 0.0, 0.0], dtype=np.float32), "offsets"))
    onnx.save(model, made / "model.onnx")
    audio = np.round(20_000 * swelling(4.0, 10.0)).astype(np.int16)
    features = ams_of(audio.astype(np.float32) / np.float32(32_768), AMS_PLAIN)
    outputs = Session(made / "model.onnx").run({"features": windows_of(features, 5, 5)})
    write_golden(made / "golden.npz", audio, features, outputs)
    write_manifest(sound_class_manifest(made / "model.onnx", "sound-class-personal", "1.0.0", AMS_PLAIN), made)
    assert sha256_of(made / "model.onnx")
    return made


def test_a_classifier_of_another_bank_is_refused_and_the_running_one_stays(place: Place, tmp_path: Path) -> None:
    personal = place.open(why_not="switched off")
    other = replace(AMS_PLAIN, modulation_high_hz=(2.0, 10.0, 60.0))
    made = make_sound_class_bundle(tmp_path / "made", name="sound-class-personal", version="1.0.0", spec=other)
    place.folder.receive(answer_of(made))
    with pytest.raises(AuricleError, match="other ones than sound-class@"):
        personal.apply()
    assert personal.current is place.models.sound_class
    # Even one that lies there already, as after an update of the program.
    good = make_sound_class_bundle(tmp_path / "good", name="sound-class-personal", version="2.0.0")
    place.folder.receive(answer_of(good))
    assert personal.apply().personal
    assert personal.status().received == ""
    (place.folder.path / "bundles/sound-class-personal/2.0.0/model.onnx").write_bytes(b"x")
    again = place.open(why_not="switched off")
    assert again.current is place.models.sound_class
    assert "was changed" in again.status().fault
    assert len(place.reported) == 1
    assert not again.revert().personal


def test_nothing_to_apply_is_said(place: Place) -> None:
    personal = place.open()
    with pytest.raises(UsageError, match="no answer of a back-end"):
        personal.apply()
    with pytest.raises(UsageError, match="none was ever applied"):
        personal.revert()


@pytest.mark.parametrize(
    ("gather", "recordings", "live", "why"),
    [
        (False, True, True, "switched off"),
        (True, False, False, "recordings do not count"),
        (True, True, False, ""),
        (True, False, True, ""),
    ],
)
def test_the_settings_say_what_counts(
    tmp_path: Path, models: Models, gather: bool, recordings: bool, live: bool, why: str
) -> None:
    settings = PersonalizeSettings(gather=gather, recordings=recordings)
    with ExitStack() as stack:
        found = open_personal(settings, tmp_path, models, lambda _: None, stack, live=live)
        assert found is not None
        assert found.status().why_not.startswith(why)
        assert found.gathers is not bool(why)
        if found.gathers:
            second = open_personal(settings, tmp_path, models, lambda _: None, stack, live=live)
            assert second is not None
            assert "another engine" in second.status().why_not
        assert open_personal(settings, tmp_path, Models(), lambda _: None, stack, live=live) is None


def test_status_tells_what_would_be_sent(place: Place) -> None:
    personal = place.open(components=3)
    for vector in heard(200):
        personal._gatherer.add(vector)
    status = personal.status()
    assert (status.gathering, status.vectors, status.components) == (True, 200, 3)
    assert status.numbers == 3 * 91
    assert status.model == "sound-class@1.0.0"
