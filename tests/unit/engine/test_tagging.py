"""The bird branch with an encoder behind the gate: tags, failures, overload, gaps; with real stages and models."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from monitor.birds.embedder import Embedder
from monitor.core.events import (
    ActivityChange,
    BranchCondition,
    GateReading,
    Health,
    Reading,
    StreamGap,
    TagDetection,
)
from monitor.core.types import AudioBlock
from monitor.engine import bench
from monitor.engine.enrollments import Enrollments
from monitor.engine.models import EncoderModel, Models, load_models
from monitor.engine.runner import StreamRunner
from monitor.inference.session import Session
from monitor.settings import BirdsSettings
from tests.helpers.tagging import enroll_in_folder, sounds
from tests.helpers.tiny_bundle import (
    DIMENSION,
    encoder_network,
    make_encoder_bundle,
    make_gate_bundle,
)

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
SECOND = 48_000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    make_gate_bundle(root)
    make_encoder_bundle(root)
    return root


@pytest.fixture(scope="module")
def models(root: Path) -> Models:
    return load_models(BirdsSettings(), [root])


@pytest.fixture(scope="module")
def encoder(models: Models) -> EncoderModel:
    assert models.encoder
    return models.encoder


@pytest.fixture(scope="module")
def species(encoder: EncoderModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("species")
    enroll_in_folder(folder, encoder.bundle, {"low": 2_700.0, "middle": 4_100.0})
    return folder


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """A call of each of two species, and of one that nobody enrolled, 48 kHz."""
    return sounds([(4.0, None), (3.0, 4_100.0), (5.0, None), (3.0, 2_700.0), (5.0, None), (3.0, 6_300.0), (3.0, None)])


class Heard:
    """Takes what a runner publishes."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def __call__(self, source: str, reading: Reading, utc_ns: int | None) -> None:
        self.readings.append(reading)

    def of(self, kind: type[T]) -> list[T]:
        return [reading for reading in self.readings if isinstance(reading, kind)]

    @property
    def finals(self) -> list[TagDetection]:
        return [tag for tag in self.of(TagDetection) if not tag.provisional]

    @property
    def conditions(self) -> dict[str, BranchCondition]:
        return {branch.name: branch.state for branch in self.of(Health)[-1].branches}


def follow(folder: Path, models: Models) -> Enrollments:
    return Enrollments(folder, models.encoder, lambda error: pytest.fail(str(error)))


def play(models: Models, sound: np.ndarray, enrollments: Enrollments | None, step: int = SECOND) -> Heard:
    heard = Heard()
    run = StreamRunner("test", SECOND, models, heard, enrollments=enrollments)
    for start in range(0, len(sound), step):
        run.take(AudioBlock(sound[start : start + step], start))
    run.end()
    return heard


def untagged(heard: Heard) -> list[Reading]:
    return [reading for reading in heard.readings if isinstance(reading, GateReading | ActivityChange)]


def test_enrolled_species_are_named_and_others_are_unknown(models: Models, species: Path, sound: np.ndarray) -> None:
    heard = play(models, sound, follow(species, models))
    assert [tag.label for tag in heard.finals] == ["middle", "low", None]
    assert len(heard.of(TagDetection)) == 6
    assert heard.conditions == {"birds": BranchCondition.RUNNING, "tags": BranchCondition.RUNNING}
    changes = [reading for reading in heard.readings if isinstance(reading, ActivityChange | TagDetection)]
    for change, tag in zip(changes[::2], changes[1::2], strict=True):
        assert isinstance(change, ActivityChange)
        assert isinstance(tag, TagDetection)
        assert tag.provisional == change.active


def test_the_gate_says_the_same_with_and_without_tags(models: Models, species: Path, sound: np.ndarray) -> None:
    tagged = play(models, sound, follow(species, models))
    assert untagged(tagged) == untagged(play(models, sound, None)) == untagged(play(Models(models.gate), sound, None))


@settings(deadline=None, max_examples=8)
@given(sizes=st.lists(st.integers(997, 3 * SECOND), min_size=1, max_size=8))
def test_the_cut_changes_no_tag(models: Models, species: Path, sound: np.ndarray, sizes: list[int]) -> None:
    heard = Heard()
    run = StreamRunner("test", SECOND, models, heard, enrollments=follow(species, models))
    start = turn = 0
    while start < len(sound):
        part = sound[start : start + sizes[turn % len(sizes)]]
        run.take(AudioBlock(part, start))
        start += len(part)
        turn += 1
    run.end()
    whole = play(models, sound, follow(species, models))
    kept = [reading for reading in heard.readings if isinstance(reading, ActivityChange | TagDetection)]
    assert kept == [reading for reading in whole.readings if isinstance(reading, ActivityChange | TagDetection)]


def test_a_gap_closes_and_tags_what_is_open(models: Models, species: Path, sound: np.ndarray) -> None:
    heard = Heard()
    run = StreamRunner("test", SECOND, models, heard, enrollments=follow(species, models))
    run.take(AudioBlock(sound[: 6 * SECOND], 0))
    run.take(AudioBlock(sound[8 * SECOND :], 8 * SECOND, SECOND, 2 * SECOND), "the cable")
    run.end()
    order = [reading for reading in heard.readings if isinstance(reading, StreamGap | TagDetection)]
    gap = next(reading for reading in order if isinstance(reading, StreamGap))
    before = order[order.index(gap) - 1]
    assert isinstance(before, TagDetection)
    assert (before.label, before.provisional) == ("middle", False)
    assert all(not tag.span.overlaps(gap.span) for tag in heard.of(TagDetection))
    assert [tag.label for tag in heard.finals] == ["middle", "low", None]


def test_a_failing_encoder_takes_only_the_tags_with_it(
    tmp_path: Path, models: Models, encoder: EncoderModel, species: Path, sound: np.ndarray
) -> None:
    nodes = [
        helper.make_node("Sub", ["features", "features"], ["none"]),
        helper.make_node("Div", ["none", "none"], ["nothing"]),
        helper.make_node("ReduceMean", ["nothing"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "mixing"], ["embedding"]),
    ]
    onnx.save(encoder_network(nodes, {"mixing": np.zeros((128, DIMENSION), np.float32)}), tmp_path / "nan.onnx")
    failing = Embedder(replace(encoder.bundle, session=Session(tmp_path / "nan.onnx")))
    heard = play(replace(models, encoder=replace(encoder, embedder=failing)), sound, follow(species, models))
    assert untagged(heard) == untagged(play(models, sound, None))
    assert not heard.of(TagDetection)
    assert heard.conditions == {"birds": BranchCondition.RUNNING, "tags": BranchCondition.OFF}
    assert "embedding of length nan" in heard.of(Health)[-1].branches[1].detail


def test_after_one_failure_tags_go_on(models: Models, encoder: EncoderModel, species: Path, sound: np.ndarray) -> None:
    calls: list[int] = []

    def once(windows: np.ndarray) -> np.ndarray:
        calls.append(len(windows))
        if len(calls) == 1:
            raise RuntimeError("a passing fault")
        return encoder.embedder.embed(windows)

    shaky = Embedder(encoder.bundle)
    shaky.embed = once
    heard = play(replace(models, encoder=replace(encoder, embedder=shaky)), sound, follow(species, models))
    assert [tag.label for tag in heard.finals] == ["low", None]
    assert heard.conditions["tags"] is BranchCondition.DEGRADED
    assert heard.conditions["birds"] is BranchCondition.RUNNING


class FailsOnce:
    """A network that fails at its tenth window."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._runs = 0

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        self._runs += 1
        if self._runs == 10:
            raise RuntimeError("a passing fault")
        return self._session.run(inputs)


def test_a_gate_that_fails_begins_anew_and_so_do_the_tags(models: Models, species: Path, sound: np.ndarray) -> None:
    assert models.gate
    bundle = replace(models.gate.bundle, session=FailsOnce(models.gate.bundle.session))  # type: ignore[arg-type]
    shaky = replace(models, gate=replace(models.gate, bundle=bundle))
    heard = play(shaky, sound, follow(species, models))
    assert heard.conditions == {"birds": BranchCondition.DEGRADED, "tags": BranchCondition.RUNNING}
    closed = [change for change in heard.of(ActivityChange) if not change.active]
    assert len(closed) == len(heard.of(ActivityChange)) / 2, "what was open was closed"
    assert [tag.span.end for tag in heard.finals] == [change.span.end for change in closed]
    assert [tag.label for tag in heard.finals][-2:] == ["low", None]


def test_overload_drops_encoder_windows_too(models: Models, species: Path, sound: np.ndarray) -> None:
    heard = Heard()
    run = StreamRunner("test", SECOND, models, heard, enrollments=follow(species, models))
    run.take(AudioBlock(sound[: 5 * SECOND], 0))
    run.shed(True)
    run.take(AudioBlock(sound[5 * SECOND : 6 * SECOND], 5 * SECOND))
    run.flush()
    run.shed(False)
    run.take(AudioBlock(sound[6 * SECOND :], 6 * SECOND))
    run.end()
    dropped = {branch.name: branch.dropped_windows for branch in heard.of(Health)[-1].branches}
    assert dropped["birds"] >= 2
    assert dropped["tags"] >= 1
    assert [tag.label for tag in heard.finals][-2:] == ["low", None]


def test_what_is_enrolled_while_it_runs_is_known_at_the_next_block(
    tmp_path: Path, models: Models, encoder: EncoderModel, sound: np.ndarray
) -> None:
    enrollments = follow(tmp_path / "species", models)
    heard = Heard()
    run = StreamRunner("test", SECOND, models, heard, enrollments=enrollments)
    run.take(AudioBlock(sound[: 10 * SECOND], 0))
    assert not heard.of(TagDetection)
    enroll_in_folder(tmp_path / "species", encoder.bundle, {"low": 2_700.0})
    enrollments.poll(now=True)
    run.take(AudioBlock(sound[10 * SECOND :], 10 * SECOND))
    run.end()
    assert [tag.label for tag in heard.finals] == ["low", None]


def test_a_listener_hears_the_audio_that_the_pipeline_takes(models: Models, sound: np.ndarray) -> None:
    taken: list[AudioBlock] = []
    run = StreamRunner(
        "garden",
        SECOND,
        models,
        Heard(),
        listener=lambda source, block: taken.append(block) if source == "garden" else None,
    )
    run.take(AudioBlock(sound[: 3 * SECOND + 17], 0))
    run.take(AudioBlock(sound[4 * SECOND :], 4 * SECOND, SECOND, SECOND - 17))
    run.end()
    first = [block for block in taken if block.start < 4 * SECOND]
    second = [block for block in taken if block.start >= 4 * SECOND]
    np.testing.assert_array_equal(np.concatenate([block.samples for block in first]), sound[: 3 * SECOND + 17])
    np.testing.assert_array_equal(np.concatenate([block.samples for block in second]), sound[4 * SECOND :])
    for part in (first, second):
        assert all(one.end == two.start for one, two in itertools.pairwise(part))


def test_the_benchmark_runs_the_encoder_on_every_window(models: Models, sound: np.ndarray) -> None:
    figures = bench.run([sound], SECOND, 0.2, models)
    assert {"bird frames", "gate", "encoder windows", "encoder"} <= figures.stages_s.keys()
    assert any("encoder on every window" in line for line in figures.lines())
    lines = figures.lines()
    table = lines[lines.index("") + 1 :][: len(figures.stages_s) + 2]
    assert [line.split()[0] for line in (table[0], table[-1])] == ["stage", "the"]
    assert len({len(line) for line in table}) == 1
    without = bench.run([sound], SECOND, 0.1, Models(models.gate))
    assert "encoder" not in without.stages_s
    assert not any("encoder" in line for line in without.lines())
