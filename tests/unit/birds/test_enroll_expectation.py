"""What to expect: the figures by hand, intervals by their definition, and the tagger over a background."""

from __future__ import annotations

from math import exp, factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.audio.rates import blocks_of
from monitor.birds.background import FalseTags, final_tags, poisson_bound
from monitor.birds.clips import prepare_clip
from monitor.birds.cohort import Calibration, Cohort
from monitor.birds.embedder import Embedder, mean_direction
from monitor.birds.enroll import enrollment_warnings
from monitor.birds.enrolled import Enrolled
from monitor.birds.expectation import Judge, expect, wilson
from monitor.birds.likeness import likeness
from monitor.birds.prototype import ClipReference, Prototype, average
from monitor.birds.prototype_set import prototype_set
from monitor.birds.ungated import EmbeddedWindow, HeardWindow, Ungated
from monitor.core.types import Span
from monitor.inference.bundle import Bundle, load_bundle
from monitor.inference.cohort_file import CohortArrays
from tests.helpers.enrolling import HIGH, LOW, MIDDLE, RATE, clip_samples
from tests.helpers.species import ENCODER, NOW
from tests.helpers.tiny_bundle import call, make_encoder_bundle, make_gate_bundle

WIDTH = 24


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(make_gate_bundle(tmp_path_factory.mktemp("gate")))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(make_encoder_bundle(tmp_path_factory.mktemp("encoder")))


def unit_rows(seed: int, count: int, near: np.ndarray | None = None) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, WIDTH))
    rows = rows if near is None else 0.5 * rows + 3.0 * near
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def prototype(name: str, rows: np.ndarray, threshold: float | None = None) -> Prototype:
    clips = [
        ClipReference(f"{abs(hash((name, index))):064x}"[-64:], RATE, 10, f"{name}-{index}")
        for index in range(len(rows))
    ]
    return average(name, ENCODER, list(zip(clips, rows, strict=True)), NOW, threshold)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 5), st.integers(0, 4), st.integers(0, 1000))
def test_each_clip_is_judged_as_the_tagger_would_judge_it(count: int, others: int, seed: int):
    judge = Judge(Cohort(unit_rows(0, 60), ["x", "y", ""] * 20, 10), Calibration(1.0, -2.0, 0.6))
    axis = unit_rows(seed + 1, 1)[0]
    own = prototype("own", unit_rows(seed + 2, count, near=axis))
    rivals = [prototype(f"rival {index}", unit_rows(seed + 3 + index, 1, near=axis)) for index in range(others)]
    told = expect(own, [own, *rivals], judge)
    assert len(told.clips) == count
    for index, clip in enumerate(told.clips):
        rest = prototype("own", np.delete(own.embeddings, index, axis=0))
        enrolled = Enrolled.of(prototype_set(ENCODER, [rest, *rivals]), judge.cohort, judge.calibration)
        assert enrolled is not None
        verdict = enrolled.judge(own.embeddings[index])
        assert clip.recognised == (verdict.label == "own")
    assert told.recognised == sum(clip.recognised for clip in told.clips)
    assert (told.nearest is None) == (others == 0)
    assert told.trial is None


def test_one_clip_tells_nothing_of_recall(encoder: Bundle):
    judge = Judge.of(encoder)
    row = encoder.cohort.embedding[:1]
    told = expect(average("own", "x", [(ClipReference("0" * 64, RATE, 10, "a"), row[0])], NOW), [], judge)
    assert told.clips == ()
    assert told.recall == (0.0, 1.0)
    # It was made from a taxon of the cohort, whose clips it would name.
    assert told.trial is not None
    assert told.trial.named >= 1
    assert told.trial.taxon == encoder.cohort.taxon[0]
    assert Judge.of(encoder, known=0.9).calibration.known == 0.9


@pytest.mark.parametrize("name", ["Parus major", "parus major_Great Tit"])
def test_a_species_is_not_tried_on_its_own_clips_in_the_cohort(name: str):
    rows, taxa = unit_rows(1, 23), ("Parus major",) * 20 + ("Cyanistes caeruleus",) * 3
    everything_is_named = Calibration(1.0, 0.0, 0.0)
    judge = Judge(Cohort(rows, taxa, 2), everything_is_named, CohortArrays(rows, taxa))
    told = expect(prototype(name, unit_rows(2, 3)), [], judge).trial
    assert told is not None
    assert (told.named, told.size, told.taxon) == (3, 3, "Cyanistes caeruleus")
    other = expect(prototype("Poecile rufescens", unit_rows(2, 3)), [], judge).trial
    assert other is not None
    assert (other.named, other.size, other.taxon) == (23, 23, "Parus major")


def test_a_cohort_tells_what_is_unusually_alike_and_unusually_unlike():
    axes = unit_rows(0, 30)
    rows = np.concatenate([unit_rows(100 + index, 3, near=axis) for index, axis in enumerate(axes)])
    arrays = CohortArrays(rows, tuple(f"taxon {index // 3}" for index in range(90)))
    cohort = Cohort(rows, arrays.taxon, 10)
    judge = Judge(cohort, Calibration(1.0, -2.0, 0.6), arrays)
    level = likeness(cohort, arrays)
    assert level is not None
    assert level.same is not None
    assert level.different < level.same
    axis = unit_rows(500, 1)[0]
    usual = unit_rows(501, 3, near=axis)
    assert not expect(prototype("usual", usual), [], judge).one_voice
    noise = 0.01 * np.random.default_rng(1).standard_normal((3, WIDTH))
    same = (axis + noise) / np.linalg.norm(axis + noise, axis=1, keepdims=True)
    told = expect(prototype("same", same.astype(np.float32)), [], judge)
    assert told.one_voice
    assert any("one individual or one song type" in text for text in enrollment_warnings(prototype("x", usual), told))
    odd = expect(prototype("odd", np.concatenate([usual, -axis[None]])), [], judge)
    assert [clip.unrelated for clip in odd.clips] == [False, False, False, True]
    assert likeness(Cohort(rows, [""] * 90, 10), CohortArrays(rows, ("",) * 90)) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60))
def test_the_poisson_bound_is_what_it_says(count: int):
    mean = poisson_bound(count)
    chance = sum(exp(-mean) * mean**number / factorial(number) for number in range(count + 1))
    assert chance == pytest.approx(0.05, abs=1e-6)


def test_bounds_of_none_and_of_many():
    assert poisson_bound(0) == pytest.approx(2.9957, abs=1e-3)
    assert poisson_bound(10) == pytest.approx(16.962, abs=1e-2)
    assert 2_000 < poisson_bound(2_000) < 2_100
    low, high = wilson(3, 3)
    assert (low, high) == pytest.approx((0.4385, 1.0), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)
    tags = FalseTags((("street.wav", Span(0, 10)),) * 2, 3600 * 48_000)
    assert (tags.hours, tags.per_day) == (1.0, 48.0)
    assert tags.most_per_day == pytest.approx(24 * 6.296, rel=1e-3)


def test_the_tagger_counts_a_species_in_a_recording(gate: Bundle, encoder: Bundle):
    embedder, judge = Embedder(encoder), Judge.of(encoder)
    low, high = (prepare_clip(clip_samples(hz), "clip", gate, embedder).clip for hz in (LOW, HIGH))
    species = [
        average(name, embedder.model_id, [(clip.reference, clip.embedding)], NOW)
        for name, clip in (("low", low), ("high", high))
    ]
    enrolled = Enrolled.of(prototype_set(embedder.model_id, species), judge.cohort, judge.calibration)
    assert enrolled is not None
    pause = 1e-4 * np.random.default_rng(5).standard_normal(8 * RATE).astype(np.float32)
    parts = [pause, call(LOW, 2.0, rate=RATE), pause, call(MIDDLE, 2.0, rate=RATE), pause, call(LOW, 2.0, rate=RATE)]
    sound = np.concatenate(parts)
    tags = list(final_tags(blocks_of(sound), gate, embedder, enrolled))
    assert [tag.label for tag in tags] == ["low", None, "low"]
    assert [round(tag.span.start / RATE) for tag in tags] == pytest.approx([8, 18, 28], abs=1)
    assert all(not tag.provisional and not tag.continues for tag in tags)


# -- ungated -----------------------------------------------------------------------------------------------------------


def test_ungated_windows_are_whole_and_know_the_gate(gate: Bundle, encoder: Bundle):
    embedder = Embedder(encoder)
    sound = clip_samples(LOW, length_s=9.0, at_s=4.0) + np.float32(0.001) * np.random.default_rng(1).standard_normal(
        9 * RATE
    ).astype(np.float32)
    found = list(Ungated(gate, embedder).windows(blocks_of(sound)))
    embedded = [window for window in found if isinstance(window, EmbeddedWindow)]
    heard = [window for window in found if isinstance(window, HeardWindow)]
    assert [window.span.start for window in embedded] == [index * RATE for index in range(7)]
    assert [window.span.start for window in heard] == [index * RATE // 2 for index in range(16)]
    for window in embedded:
        inside = [
            one.probability for one in heard if window.span.start <= one.span.start and one.span.end <= window.span.end
        ]
        assert window.gate == max(inside)
        assert len(inside) == 4
        assert np.linalg.norm(window.vector) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("length", [500, 20_000, 140_000])
def test_a_short_recording_gives_one_window_that_ends_with_it(gate: Bundle, encoder: Bundle, length: int):
    sound = call(LOW, 3.0, rate=RATE)[:length] + np.float32(0.01)
    found = list(Ungated(gate, Embedder(encoder)).windows(blocks_of(sound)))
    embedded = [window for window in found if isinstance(window, EmbeddedWindow)]
    assert [window.span for window in embedded] == [Span(0, length)]
    heard = [window for window in found if isinstance(window, HeardWindow)]
    assert heard
    assert all(window.span.start < length and window.span.end <= length for window in heard)


def test_mean_direction_of_the_rest_is_what_the_store_would_hold():
    rows = unit_rows(7, 4)
    assert np.allclose(prototype("a", rows).vector, mean_direction(rows), atol=1e-6)
