"""Tags of what the gate lets through: when they come, what they are made of, and what is one call."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.birds.embedder import Embedder
from monitor.birds.gate import Activities, Gate, GateThresholds
from monitor.birds.heard import AHEAD
from monitor.birds.tagger import LONGEST_CALL, SAME_CALL, Tagger
from monitor.core.clock import samples
from monitor.core.events import ActivityChange, GateReading, TagDetection
from monitor.core.types import FeatureBlock, Span
from monitor.errors import BundleError
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from monitor.features.windows import Windower
from monitor.inference.bundle import Bundle, load_bundle
from tests.helpers.tagging import enrolled_at_random, enrolled_by_pitch, sounds
from tests.helpers.tiny_bundle import ENCODER_WINDOW, make_encoder_bundle, make_gate_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from monitor.birds.enrolled import Enrolled

    Told = list[GateReading | ActivityChange | TagDetection]

PITCHES = {"low": 2_700.0, "middle": 4_100.0, "high": 6_300.0}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def gate(root: Path) -> Bundle:
    return load_bundle(make_gate_bundle(root))


@pytest.fixture(scope="module")
def encoder(root: Path) -> Bundle:
    return load_bundle(make_encoder_bundle(root))


@pytest.fixture(scope="module")
def enrolled(encoder: Bundle) -> Enrolled | None:
    return enrolled_by_pitch(encoder, PITCHES)


class Ear:
    """Kernel, gate and tagger in a row, as the engine has them."""

    def __init__(self, gate: Bundle, encoder: Bundle, enrolled: Enrolled | None) -> None:
        self.gate = Gate(gate)
        self.tagger = Tagger(Embedder(encoder), gate)
        self.tagger.enrolled = enrolled
        self._windows = Windower(BIRD, self.gate.cut.frames, self.gate.cut.hop)

    def hear(self, sound: np.ndarray, size: int = 10) -> Told:
        """Everything that comes of float32 samples at 16 kHz, the flush included."""
        told = self.push(FeatureBlock(Kernel(BIRD)(sound), 0), size)
        for change in self.gate.flush():
            told += [change, *self.tagger.push(change)]
        return told + list(self.tagger.flush())

    def push(self, block: FeatureBlock, size: int = 10) -> Told:
        told: Told = []
        for start in range(0, len(block.values), size):
            part = FeatureBlock(block.values[start : start + size], block.first_frame + start)
            assert not self.tagger.push(part)
            for window in self._windows.push(part):
                for reading in self.gate.push(window):
                    told += [reading, *self.tagger.push(reading)]
        return told


def tags(told: Told) -> list[TagDetection]:
    return [reading for reading in told if isinstance(reading, TagDetection)]


def finals(told: Told) -> list[TagDetection]:
    return [tag for tag in tags(told) if not tag.provisional]


def heard(parts: Sequence[tuple[float, float | None]]) -> np.ndarray:
    return sounds(parts, BIRD.rate)


def test_an_onset_is_tagged_at_once_and_an_end_for_good(
    gate: Bundle, encoder: Bundle, enrolled: Enrolled | None
) -> None:
    told = Ear(gate, encoder, enrolled).hear(heard([(5.0, None), (3.0, 4_100.0), (4.0, None)]))
    rest = [reading for reading in told if not isinstance(reading, GateReading)]
    onset, provisional, end, final = rest
    assert isinstance(onset, ActivityChange)
    assert isinstance(end, ActivityChange)
    assert isinstance(provisional, TagDetection)
    assert isinstance(final, TagDetection)
    assert provisional.provisional
    assert not final.provisional
    assert provisional.span == onset.span
    assert final.span == end.span
    assert final.label == "middle"
    assert final.runner_up in ("low", "high")
    assert told.index(provisional) == told.index(onset) + 1
    assert told.index(final) == told.index(end) + 1


def test_who_is_not_enrolled_is_unknown(gate: Bundle, encoder: Bundle) -> None:
    ear = Ear(gate, encoder, enrolled_by_pitch(encoder, {"low": 2_700.0, "high": 6_300.0}))
    (final,) = finals(ear.hear(heard([(4.0, None), (3.0, 4_100.0), (3.0, None)])))
    assert final.label is None
    assert final.runner_up in ("low", "high")


def test_a_young_stream_waits_for_a_window(gate: Bundle, encoder: Bundle, enrolled: Enrolled | None) -> None:
    told = Ear(gate, encoder, enrolled).hear(heard([(4.0, 4_100.0), (3.0, None)]))
    provisional = next(tag for tag in tags(told) if tag.provisional)
    before = [reading for reading in told[: told.index(provisional)] if isinstance(reading, GateReading)]
    window = (ENCODER_WINDOW - 1) * BIRD.engine_hop + BIRD.engine_window
    assert before[-1].span.end >= window > before[-2].span.end
    (final,) = finals(told)
    assert final.label == "middle"


def test_a_call_that_is_over_before_there_is_a_window_is_tagged_once(
    gate: Bundle, encoder: Bundle, enrolled: Enrolled | None
) -> None:
    (tag,) = tags(Ear(gate, encoder, enrolled).hear(heard([(0.5, 4_100.0), (4.0, None)])))
    assert not tag.provisional


@pytest.mark.parametrize("seconds", [1.2, 1.9, 2.8])
def test_a_stream_shorter_than_a_window_is_tagged_with_what_is_there(
    gate: Bundle, encoder: Bundle, enrolled: Enrolled | None, seconds: float
) -> None:
    (tag,) = tags(Ear(gate, encoder, enrolled).hear(heard([(seconds, 4_100.0)])))
    assert (tag.label, tag.provisional) == ("middle", False)


def test_a_long_activity_is_tagged_piece_by_piece_as_one_call(
    gate: Bundle, encoder: Bundle, enrolled: Enrolled | None
) -> None:
    told = Ear(gate, encoder, enrolled).hear(heard([(4.0, None), (25.0, 4_100.0), (4.0, None)]))
    ends = [change for change in told if isinstance(change, ActivityChange) and not change.active]
    assert len(ends) == 3
    assert [(tag.label, tag.continues) for tag in finals(told)] == [
        ("middle", False),
        ("middle", True),
        ("middle", True),
    ]
    assert [tag.span for tag in finals(told)] == [Span(ends[0].span.start, end.span.end) for end in ends]


def test_nobody_enrolled_means_no_tag_and_no_run_of_the_encoder(
    gate: Bundle, encoder: Bundle, enrolled: Enrolled | None
) -> None:
    ear = Ear(gate, encoder, None)
    ear.tagger._embedder.embed = lambda _: pytest.fail("the encoder was run")
    sound = heard([(4.0, None), (3.0, 4_100.0), (3.0, None)])
    told = ear.hear(sound)
    assert not tags(told)
    with_tags = Ear(gate, encoder, enrolled).hear(sound)
    assert told == [reading for reading in with_tags if not isinstance(reading, TagDetection)]


def test_species_may_come_while_it_runs(gate: Bundle, encoder: Bundle, enrolled: Enrolled | None) -> None:
    ear = Ear(gate, encoder, None)
    frames = Kernel(BIRD)(heard([(4.0, None), (3.0, 4_100.0), (3.0, None)] * 2))
    assert not tags(ear.push(FeatureBlock(frames[:480], 0)))
    ear.tagger.enrolled = enrolled
    assert [tag.label for tag in finals(ear.push(FeatureBlock(frames[480:], 480)))] == ["middle"]


def test_overload_drops_encoder_windows_and_counts_them(
    gate: Bundle, encoder: Bundle, enrolled: Enrolled | None
) -> None:
    ear = Ear(gate, encoder, enrolled)
    ear.tagger.shedding = True
    told = ear.hear(heard([(4.0, None), (3.0, 4_100.0), (3.0, None)]))
    assert not tags(told)
    assert any(isinstance(reading, ActivityChange) for reading in told)
    assert ear.tagger.dropped_windows > 1


def test_models_of_other_features_are_refused(gate: Bundle, encoder: Bundle) -> None:
    embedder = Embedder(encoder)
    embedder.spec = BIRD.from_dict(BIRD.to_dict() | {"high_hz": 7_000.0})
    with pytest.raises(BundleError, match="does not take the features of the gate bird-gate"):
        Tagger(embedder, gate)


def test_frames_that_do_not_follow_need_a_reset(gate: Bundle, encoder: Bundle) -> None:
    tagger = Tagger(Embedder(encoder), gate)
    frames = np.full((10, BIRD.bands), -90.0, np.float32)
    tagger.push(FeatureBlock(frames, 1_000))
    with pytest.raises(ValueError, match="expected frame 1010, got 1011"):
        tagger.push(FeatureBlock(frames, 1_011))
    tagger.reset(0)
    tagger.push(FeatureBlock(frames, 5))


def test_an_end_whose_onset_was_lost_is_passed_over(gate: Bundle, encoder: Bundle, enrolled: Enrolled | None) -> None:
    tagger = Tagger(Embedder(encoder), gate)
    tagger.enrolled = enrolled
    tagger.push(FeatureBlock(np.full((200, BIRD.bands), -90.0, np.float32), 0))
    span = Span(0, 49_104)
    tagger.push(GateReading(span, 0.9, 0.5))
    assert not tagger.push(ActivityChange(span, False, 0.9, span))
    assert not tagger.flush()


class Script:
    """Frames of any content, with a gate that says what it is told to."""

    def __init__(self, probabilities: Sequence[float], pieces: Sequence[int]) -> None:
        self.probabilities = probabilities
        self.pieces = pieces

    def items(self) -> Iterator[FeatureBlock | GateReading | ActivityChange]:
        count = 25 * (len(self.probabilities) - 1) + 50
        values = np.random.default_rng(23).uniform(-90, 0, (count, BIRD.bands)).astype(np.float32)
        activities, windows, at = Activities(GateThresholds(0.5, 0.3)), Windower(BIRD, 50, 25), 0
        told = 0
        for size in itertools.cycle(self.pieces):
            if at >= count:
                break
            block = FeatureBlock(values[at : at + size], at)
            yield block
            at += len(block.values)
            for window in windows.push(block):
                probability = self.probabilities[told]
                told += 1
                yield GateReading(window.span, probability, 0.5)
                yield from activities.take(window.span, probability)
        yield from activities.close()


def run(tagger: Tagger, script: Script) -> Told:
    """What is told beside the frames, in order, the flush included."""
    told: Told = []
    for item in script.items():
        found = tagger.push(item)
        told += found if isinstance(item, FeatureBlock) else [item, *found]
    return told + list(tagger.flush())


probabilities = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.0, 0.9])), min_size=1, max_size=90)
pieces = st.lists(st.integers(1, AHEAD), min_size=1, max_size=6)


@settings(deadline=None, max_examples=40)
@given(probabilities=probabilities, cut=pieces, other=pieces, species=st.integers(1, 3))
def test_each_activity_is_tagged_once_however_frames_come(
    gate: Bundle, encoder: Bundle, probabilities: list[float], cut: list[int], other: list[int], species: int
) -> None:
    tagger = Tagger(Embedder(encoder), gate)
    tagger.enrolled = enrolled_at_random(encoder, species)
    told = run(tagger, Script(probabilities, cut))
    tagger.reset(0)
    assert run(tagger, Script(probabilities, other)) == told
    ends = [change.span for change in told if isinstance(change, ActivityChange) and not change.active]
    onsets = [change.span for change in told if isinstance(change, ActivityChange) and change.active]
    assert [tag.span.end for tag in finals(told)] == [span.end for span in ends]
    before: TagDetection | None = None
    for tag, activity in zip(finals(told), ends, strict=True):
        same = before is not None and before.label == tag.label
        near = before is not None and activity.start - before.span.end <= SAME_CALL
        short = before is not None and activity.end - before.span.start <= LONGEST_CALL
        assert tag.continues == (same and near and short)
        assert tag.span.start == (before.span.start if before and tag.continues else activity.start)
        before = tag
    provisional = [tag for tag in tags(told) if tag.provisional]
    assert all(tag.span in onsets and not tag.continues for tag in provisional)
    assert len({tag.span for tag in provisional}) == len(provisional) <= len(onsets)
    for onset in onsets:
        if onset.end >= samples(3.0):
            assert onset in [tag.span for tag in provisional]


@settings(deadline=None, max_examples=25)
@given(lengths=st.lists(st.tuples(st.integers(1, 12), st.integers(2, 8)), min_size=2, max_size=8))
def test_calls_near_each_other_are_one_for_a_minute_at_most(
    gate: Bundle, encoder: Bundle, lengths: list[tuple[int, int]]
) -> None:
    tagger = Tagger(Embedder(encoder), gate)
    tagger.enrolled = enrolled_at_random(encoder, 1)
    script = [value for loud, quiet in lengths * 3 for value in [0.9] * loud + [0.0] * quiet]
    found = finals(run(tagger, Script(script, [10])))
    assert all(tag.span.length <= LONGEST_CALL for tag in found if tag.continues)
    for one, two in itertools.pairwise(found):
        if two.continues:
            assert two.span.start == one.span.start
        else:
            assert two.span.start >= one.span.end
