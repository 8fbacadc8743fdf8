"""The scene branch in the pipeline: changes, cuts, gaps, short clips, overload, failures, settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.events import BranchCondition, Health, SceneChange, SceneReading, SpeciesDetection
from monitor.core.scene_readings import UNKNOWN, SceneState
from monitor.core.types import AudioBlock, Span
from monitor.engine import bench
from monitor.engine.models import Models, load_models
from monitor.engine.runner import StreamRunner
from monitor.errors import BundleError, SettingsError, StartError
from monitor.settings import BirdsSettings, SceneSettings, SpeciesSettings
from tests.helpers.tiny_bundle import edit_manifest, make_gate_bundle
from tests.helpers.tiny_scene import CABIN, FOREST, STREET, ambience, make_scene_bundle
from tests.helpers.tiny_species import ENGINE, make_tone_bundle, song
from tests.unit.engine.test_species import Heard

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import numpy as np

SECOND = 48_000
DRIVE: list[tuple[str | None, float]] = [(STREET, 12.0), (CABIN, 16.0), (None, 14.0)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_scene_bundle(folder)
    make_tone_bundle(folder)
    make_gate_bundle(folder)
    return folder


def loaded(root: Path, **scene: object) -> Models:
    return load_models(BirdsSettings(enabled=False), [root], scene=SceneSettings.model_validate(scene))


def runner_of(models: Models, heard: Heard) -> StreamRunner:
    return StreamRunner("test", SECOND, models, heard, screen=False)


def listen(models: Models, samples: np.ndarray, sizes: list[int] | None = None) -> Heard:
    heard = Heard()
    runner = runner_of(models, heard)
    start, turn = 0, 0
    while start < len(samples):
        size = len(samples) if sizes is None else sizes[turn % len(sizes)]
        runner.take(AudioBlock(samples[start : start + size], start))
        start, turn = start + size, turn + 1
    runner.end()
    return heard


def changes(heard: Heard) -> list[tuple[str, str | None]]:
    return [(one.label, one.previous) for one in heard.of(SceneChange)]


def test_tells_the_scene_each_second_and_each_change_once(root: Path) -> None:
    heard = listen(loaded(root), ambience(DRIVE))
    readings = heard.of(SceneReading)
    assert len(readings) == 41
    assert [one.span.start for one in readings] == [number * SECOND for number in range(41)]
    assert changes(heard) == [(STREET, None), (CABIN, STREET), (UNKNOWN, CABIN)]
    for change, came in zip(heard.of(SceneChange), (0.0, 12.0, 28.0), strict=True):
        assert came <= change.span.end / SECOND <= came + 9.0, "within two time constants of the step"
    assert readings[0].state is SceneState.WARMING_UP
    assert sum(readings[-1].probabilities.values()) == pytest.approx(1.0, abs=1e-4)


@settings(deadline=None, max_examples=4)
@given(st.lists(st.integers(1, 3 * SECOND), min_size=1, max_size=6))
def test_the_cut_changes_nothing(root: Path, sizes: list[int]) -> None:
    models, sound = loaded(root), ambience([(STREET, 7.0), (CABIN, 8.3)])
    whole, cut = listen(models, sound), listen(models, sound, [size + 500 for size in sizes])
    assert whole.of(SceneReading) == cut.of(SceneReading)
    assert whole.of(SceneChange) == cut.of(SceneChange)


def test_a_clip_shorter_than_a_window_says_so(root: Path) -> None:
    (reading,) = listen(loaded(root), ambience([(STREET, 0.6)])).of(SceneReading)
    assert reading.span == Span(0, round(0.6 * SECOND))
    assert (reading.label, reading.state, reading.probabilities) == (UNKNOWN, SceneState.WARMING_UP, {})
    assert reading.detail == "0.60 s of sound hold no window of 1.05 s"


def test_a_clip_of_some_seconds_gives_a_first_guess_and_no_change(root: Path) -> None:
    heard = listen(loaded(root), ambience([(STREET, 3.0)]))
    assert [(one.label, one.state) for one in heard.of(SceneReading)] == [(STREET, SceneState.WARMING_UP)] * 2
    assert changes(heard) == []


def test_no_window_spans_a_gap_and_it_warms_up_anew(root: Path) -> None:
    heard = Heard()
    runner = runner_of(loaded(root), heard)
    sound = ambience([(STREET, 9.0)])
    runner.take(AudioBlock(sound, 0))
    runner.take(AudioBlock(sound, 20 * SECOND, lost_before=11 * SECOND))
    runner.end()
    readings = heard.of(SceneReading)
    assert all(one.span.end <= 9 * SECOND or one.span.start >= 20 * SECOND for one in readings)
    after = [one for one in readings if one.span.start >= 20 * SECOND]
    assert after[0].state is SceneState.WARMING_UP
    assert changes(heard) == [(STREET, None), (STREET, None)]


def test_silence_and_full_scale_clipping_are_heard(root: Path) -> None:
    for level in (0.0, 100.0):
        heard = listen(loaded(root), level * ambience([(STREET, 8.0)]))
        assert all(one.label in (STREET, UNKNOWN) for one in heard.of(SceneReading))
        assert heard.of(Health)[-1].branches[-1].state is BranchCondition.RUNNING


def test_overload_drops_windows_and_counts_them(root: Path) -> None:
    heard = Heard()
    runner = runner_of(loaded(root), heard)
    sound = ambience([(STREET, 20.0)])
    runner.take(AudioBlock(sound[: 4 * SECOND], 0))
    runner.shed(True)
    runner.take(AudioBlock(sound[4 * SECOND : 9 * SECOND], 4 * SECOND))
    runner.shed(False)
    runner.take(AudioBlock(sound[9 * SECOND :], 9 * SECOND))
    runner.end()
    dropped = {branch.name: branch.dropped_windows for branch in heard.of(Health)[-1].branches}["scene"]
    assert dropped == 5
    assert len(heard.of(SceneReading)) + dropped == 19
    assert all(one.span.start % SECOND == 0 for one in heard.of(SceneReading))


def test_a_failing_model_is_switched_off(tmp_path: Path) -> None:
    make_scene_bundle(tmp_path)
    heard = listen(breaking(loaded(tmp_path), range(99)), ambience([(STREET, 6.0)]))
    (branch,) = [one for one in heard.of(Health)[-1].branches if one.name == "scene"]
    assert branch.state is BranchCondition.OFF
    assert "no answer" in branch.detail
    assert heard.of(SceneReading) == [], "sound was long enough for windows: nothing says that it was too short"


def test_after_a_failure_it_begins_anew(tmp_path: Path) -> None:
    make_scene_bundle(tmp_path)
    heard = listen(breaking(loaded(tmp_path), [3]), ambience([(STREET, 16.0)]))
    (branch,) = [one for one in heard.of(Health)[-1].branches if one.name == "scene"]
    assert branch.state is BranchCondition.DEGRADED
    readings = heard.of(SceneReading)
    warm = [one.state is SceneState.WARMING_UP for one in readings]
    assert warm[:8] == [True] * 7 + [False], "three windows before the failure, four after it"
    assert changes(heard) == [(STREET, None)]


def breaking(models: Models, numbers: Collection[int]) -> Models:
    """The same models, with a network that breaks at these windows."""
    assert models.scene is not None
    bundle = models.scene.classifier.bundle

    class Breaking:
        manifest, labels, spec, asked = bundle.manifest, bundle.labels, bundle.spec, 0

        def run(self, windows: np.ndarray) -> dict[str, np.ndarray]:
            self.asked += 1
            if self.asked - 1 in numbers:
                raise RuntimeError(f"no answer for {windows.shape}")
            return bundle.run(windows)

    models.scene.classifier.bundle = Breaking()  # type: ignore[assignment]
    return models


def test_the_default_model_is_used_where_it_is(root: Path, tmp_path: Path) -> None:
    assert loaded(tmp_path).scene is None
    assert loaded(root, enabled=False).scene is None
    assert load_models(BirdsSettings(enabled=False), [root]).scene is None
    model = loaded(root).scene
    assert model is not None
    assert model.settling.known == 0.6
    own = loaded(root, known=0.9, time_constant_s=8.0, hold_s=1.0).scene
    assert own is not None
    assert (own.settling.known, own.settling.time_constant_s, own.settling.hold_s) == (0.9, 8.0, 1.0)


def test_what_cannot_be_is_refused_at_the_start(root: Path, tmp_path: Path) -> None:
    policy = {"scene": "vehicel_interior", "suppress": ["bird_tags"]}
    with pytest.raises(BundleError, match="model street: not found"):
        loaded(root, model="street")
    with pytest.raises(BundleError, match="model for `species`"):
        loaded(root, model="tones")
    with pytest.raises(SettingsError, match="does not know `vehicel_interior`"):
        loaded(root, policies=[policy])
    with pytest.raises(SettingsError, match="nothing tells scenes"):
        loaded(tmp_path, policies=[policy])
    with pytest.raises(SettingsError, match=r"scene\.enabled is false"):
        loaded(root, enabled=False, policies=[policy])
    make_scene_bundle(tmp_path, known=None)
    with pytest.raises(BundleError, match="no threshold `known`"):
        loaded(tmp_path)
    assert loaded(tmp_path, known=0.5).scene is not None
    with pytest.raises(StartError, match=r"no threshold[\s\S]*vehicel_interior"):
        loaded(tmp_path, policies=[policy])


def test_a_policy_marks_what_is_heard_while_its_scene_lasts(root: Path) -> None:
    """The tests' engine hums within the bands of the cabin."""
    sound = song([(ENGINE, 20.0)], amplitude=0.2)
    sound[14 * SECOND :] += ambience([(FOREST, 6.0)]) * 4
    scene = SceneSettings.model_validate({"policies": [{"scene": CABIN, "suppress": ["known_species"]}]})
    species = SpeciesSettings(models=("tones",))
    birds = BirdsSettings(enabled=False)
    plain = listen(load_models(birds, [root], species=species), sound).of(SpeciesDetection)
    heard = listen(load_models(birds, [root], species=species, scene=scene), sound)
    found = [one for one in heard.of(SpeciesDetection) if one.label == ENGINE]
    assert [one.span for one in found] == [one.span for one in plain if one.label == ENGINE], "all of it is told"
    assert {one.suppressed for one in found} <= {"", f"scene {CABIN}"}
    assert any(one.suppressed for one in found)


def test_benchmark_has_a_row_for_scenes(root: Path) -> None:
    figures = bench.run([ambience(DRIVE)], SECOND, 0.2, loaded(root))
    assert set(bench.SCENE_STAGES) <= set(figures.stages_s)
    assert any(line.startswith("scenes, a window a second: ") for line in figures.lines())


def test_labels_that_do_not_fit_the_network_are_refused(tmp_path: Path) -> None:
    folder = make_scene_bundle(tmp_path)
    edit_manifest(folder, lambda content: content["labels"].pop())
    with pytest.raises(BundleError):
        loaded(tmp_path)
