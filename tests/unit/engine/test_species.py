"""The branch of known species in the pipeline: rates, gate, gaps, overload, failures, and what the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.events import ActivityChange, BranchCondition, Health, SpeciesDetection
from monitor.core.species_readings import SoundKind
from monitor.core.types import AudioBlock
from monitor.engine.models import Models, load_models
from monitor.engine.runner import StreamRunner
from monitor.errors import BundleError, SettingsError, StartError
from monitor.settings import BirdsSettings, SpeciesSettings
from tests.helpers.tiny_bundle import edit_manifest, make_gate_bundle
from tests.helpers.tiny_species import (
    BLACKBIRD,
    ENGINE,
    FROG,
    TIT,
    VOICE,
    make_band_bundle,
    make_tone_bundle,
    song,
)

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from monitor.core.events import Reading

T = TypeVar("T")
SECOND = 48_000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_gate_bundle(folder)
    make_tone_bundle(folder, occurrence=True)
    make_tone_bundle(folder, name="tones-32", rate=32_000)
    make_tone_bundle(folder, name="tones-16", rate=16_000)
    make_band_bundle(folder)
    return folder


def loaded(root: Path, **species: object) -> Models:
    return load_models(BirdsSettings(), [root], species=SpeciesSettings.model_validate(species))


class Heard:
    """Takes what a runner publishes."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def __call__(self, source: str, reading: Reading, utc_ns: int | None) -> None:
        self.readings.append(reading)

    def of(self, kind: type[T]) -> list[T]:
        return [reading for reading in self.readings if isinstance(reading, kind)]


def listen(models: Models, samples: np.ndarray, sizes: list[int] | None = None) -> Heard:
    heard = Heard()
    runner = StreamRunner("test", SECOND, models, heard, screen=False)
    start, turn = 0, 0
    while start < len(samples):
        size = len(samples) if sizes is None else sizes[turn % len(sizes)]
        runner.take(AudioBlock(samples[start : start + size], start))
        start, turn = start + size, turn + 1
    runner.end()
    return heard


def told(heard: Heard) -> list[tuple[str, float, float]]:
    return [(one.common, one.span.start / SECOND, one.span.end / SECOND) for one in heard.of(SpeciesDetection)]


MORNING = [(None, 3.0), (BLACKBIRD, 2.0), (None, 2.0), (ENGINE, 1.0), (TIT, 3.0), (None, 3.0)]


def test_names_what_was_heard_with_its_kind(root: Path) -> None:
    heard = listen(loaded(root, models=("tones",)), song(MORNING))
    assert told(heard) == [("Common Blackbird", 3, 5), ("Engine", 7, 8), ("Great Tit", 8, 11)]
    first = heard.of(SpeciesDetection)[0]
    assert (first.label, first.scientific, first.kind, first.model) == (
        BLACKBIRD,
        "Turdus merula",
        SoundKind.BIRD,
        "tones@1.0.0",
    )
    assert heard.of(SpeciesDetection)[1].kind is SoundKind.SOUND


@pytest.mark.parametrize("name", ["tones-32", "tones-16"])
def test_models_at_other_rates_hear_the_same(root: Path, name: str) -> None:
    heard = listen(loaded(root, models=(name,)), song(MORNING))
    assert told(heard) == [("Common Blackbird", 3, 5), ("Engine", 7, 8), ("Great Tit", 8, 11)]


def test_several_models_at_once_each_under_its_own_name(root: Path) -> None:
    heard = listen(loaded(root, models=("tones", "bands", "tones-32")), song(MORNING))
    models = {one.model for one in heard.of(SpeciesDetection)}
    assert models == {"tones@1.0.0", "bands@1.0.0", "tones-32@1.0.0"}
    branches = {branch.name for branch in heard.of(Health)[-1].branches}
    assert {"species tones", "species bands", "species tones-32"} <= branches
    tits = [one for one in heard.of(SpeciesDetection) if one.model == "bands@1.0.0" and one.label == TIT]
    assert tits
    assert "background" in tits[0].probabilities
    assert tits[0].kind is SoundKind.ANIMAL  # that model does not say that its names are birds


@settings(deadline=None, max_examples=5)
@given(st.lists(st.integers(1, 3 * SECOND), min_size=1, max_size=6))
def test_the_cut_changes_nothing(root: Path, sizes: list[int]) -> None:
    models = loaded(root, models=("tones", "bands"), overlap_s=0.5)
    whole, cut = listen(models, song(MORNING)), listen(models, song(MORNING), [size + 500 for size in sizes])
    assert whole.of(SpeciesDetection) == cut.of(SpeciesDetection)


def test_the_gate_decides_where_it_is_asked_to(root: Path) -> None:
    """The tests' gate hears what is loud above 2 kHz, and no engine."""
    always = listen(loaded(root, models=("tones",)), song(MORNING))
    gated = listen(loaded(root, models=("tones",), run="gated"), song(MORNING))
    assert [one.label for one in always.of(SpeciesDetection)] == [BLACKBIRD, ENGINE, TIT]
    birds = [one for one in gated.of(SpeciesDetection) if one.kind is SoundKind.BIRD]
    assert [one.span for one in birds] == [
        one.span for one in always.of(SpeciesDetection) if one.kind is SoundKind.BIRD
    ]
    far_from_birds = song([(None, 4.0), (ENGINE, 4.0), (None, 4.0)])
    assert told(listen(loaded(root, models=("tones",), run="gated"), far_from_birds)) == []
    assert not listen(loaded(root, models=("tones",), run="gated"), far_from_birds).of(ActivityChange)


def test_a_gap_ends_a_detection_and_no_window_spans_it(root: Path) -> None:
    heard = Heard()
    runner = StreamRunner("test", SECOND, loaded(root, models=("tones",)), heard, screen=False)
    sound = song([(BLACKBIRD, 4.0)])
    runner.take(AudioBlock(sound[: round(2.6 * SECOND)], 0))
    runner.take(AudioBlock(sound, 10 * SECOND, lost_before=round(7.4 * SECOND)))
    runner.end()
    # The last window before the gap was more than half full.
    assert told(heard) == [("Common Blackbird", 0, 2.6), ("Common Blackbird", 10, 14)]


def test_overload_drops_windows_and_counts_them(root: Path) -> None:
    heard = Heard()
    runner = StreamRunner("test", SECOND, loaded(root, models=("tones",)), heard, screen=False)
    sound = song([(BLACKBIRD, 8.0)])
    runner.take(AudioBlock(sound[: 2 * SECOND], 0))
    runner.shed(True)
    runner.take(AudioBlock(sound[2 * SECOND : 5 * SECOND], 2 * SECOND))
    runner.shed(False)
    runner.take(AudioBlock(sound[5 * SECOND :], 5 * SECOND))
    runner.end()
    assert told(heard) == [("Common Blackbird", 0, 2), ("Common Blackbird", 5, 8)]
    assert {branch.name: branch.dropped_windows for branch in heard.of(Health)[-1].branches}["species"] == 3


def test_a_failing_model_is_switched_off_and_the_others_go_on(tmp_path: Path) -> None:
    make_gate_bundle(tmp_path)
    make_tone_bundle(tmp_path)
    broken = make_tone_bundle(tmp_path, name="broken")
    edit_manifest(broken, lambda content: content["outputs"][0].update(role="probabilities"))
    heard = listen(loaded(tmp_path, models=("tones", "broken")), song([(BLACKBIRD, 8.0)]))
    branches = {branch.name: branch for branch in heard.of(Health)[-1].branches}
    assert branches["species broken"].state is BranchCondition.OFF
    assert "gave what are no probabilities" in branches["species broken"].detail
    assert branches["species tones"].state is BranchCondition.RUNNING
    assert told(heard) == [("Common Blackbird", 0, 8)]


def test_the_voice_is_told_even_of_what_is_denied(root: Path) -> None:
    mixed = song([(BLACKBIRD, 2.0)]) + song([(VOICE, 2.0)])
    models = loaded(root, models=("tones",), deny=("Human vocal",))
    (found,) = listen(models, mixed).of(SpeciesDetection)
    assert found.label == BLACKBIRD
    assert found.voice > 0.99


def test_the_place_decides_what_is_told_of(root: Path) -> None:
    north = loaded(root, models=("tones",), latitude=60.0, longitude=10.0, week=20)
    south = loaded(root, models=("tones",), latitude=-35.0, longitude=150.0)
    assert [one.label for one in listen(north, song(MORNING)).of(SpeciesDetection)] == [BLACKBIRD, ENGINE]
    assert [one.label for one in listen(south, song(MORNING)).of(SpeciesDetection)] == [ENGINE, TIT]


def test_the_default_model_is_used_where_it_was_imported(root: Path, tmp_path: Path) -> None:
    assert loaded(root).classifiers == ()
    make_tone_bundle(tmp_path, name="birdnet")
    assert [one.model_id for one in loaded_from(root, tmp_path).classifiers] == ["birdnet@1.0.0"]
    assert loaded_from(root, tmp_path, enabled=False).classifiers == ()
    assert loaded_from(root, tmp_path, models=()).classifiers == ()
    assert load_models(BirdsSettings(), [tmp_path, root]).classifiers == ()


def loaded_from(root: Path, own: Path, **species: object) -> Models:
    return load_models(BirdsSettings(), [own, root], species=SpeciesSettings.model_validate(species))


def test_what_cannot_be_is_refused_at_the_start(root: Path) -> None:
    with pytest.raises(BundleError, match="model parrot: not found"):
        loaded(root, models=("parrot",))
    with pytest.raises(BundleError, match="model for `gate`"):
        loaded(root, models=("bird-gate",))
    with pytest.raises(StartError, match=r"parrot[\s\S]*bird-gate"):
        loaded(root, models=("parrot", "bird-gate"))
    with pytest.raises(SettingsError, match=r"species.allow: no model in use knows Great Tut \(did you mean Great Tit"):
        loaded(root, models=("tones",), allow=("Great Tut", FROG))
    with pytest.raises(BundleError, match="so that a latitude has no meaning"):
        loaded(root, models=("bands",), latitude=1.0, longitude=1.0)
    with pytest.raises(BundleError, match="it is what knows where species occur"):
        loaded(root, latitude=1.0, longitude=1.0)
    with pytest.raises(SettingsError, match=r"birds.enabled is false"):
        birds = BirdsSettings(enabled=False)
        load_models(birds, [root], species=SpeciesSettings(models=("tones",), run="gated"))


def test_without_the_gate_classifiers_hear_by_themselves(root: Path) -> None:
    models = load_models(BirdsSettings(enabled=False), [root], species=SpeciesSettings(models=("tones", "tones-16")))
    found = told(listen(models, song(MORNING)))
    assert found.count(("Common Blackbird", 3, 5)) == 2


def test_a_bundle_with_two_heads_is_loaded_once(root: Path) -> None:
    models = loaded(root, models=("tones", "tones@1.0.0"))
    assert len({id(one.bundle) for one in models.classifiers}) == 1
