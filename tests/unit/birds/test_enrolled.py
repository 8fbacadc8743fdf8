"""Which species it is, how sure that is, and when it is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.birds.cohort import Calibration, Cohort
from monitor.birds.embedder import Embedder
from monitor.birds.enrolled import Enrolled
from monitor.birds.prototype_set import prototype_set
from monitor.inference.bundle import Bundle, load_bundle
from tests.helpers.tagging import call_embedding, enrolled_at_random, enrolled_by_pitch, enrolled_of, prototype
from tests.helpers.tiny_bundle import DIMENSION, make_encoder_bundle

PITCHES = {"low": 2_700.0, "middle": 4_100.0, "high": 6_300.0}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(make_encoder_bundle(tmp_path_factory.mktemp("models")))


@pytest.mark.parametrize("name", PITCHES)
def test_an_enrolled_species_is_named(bundle: Bundle, name: str) -> None:
    enrolled = enrolled_by_pitch(bundle, PITCHES)
    assert enrolled
    verdict = enrolled.judge(call_embedding(Embedder(bundle), PITCHES[name], seed=8))
    assert verdict.label == name
    assert verdict.runner_up in PITCHES.keys() - {name}
    assert 0.5 <= verdict.score <= 1.0
    assert verdict.margin > 0.3


def test_another_species_is_unknown_and_the_best_candidate_is_told(bundle: Bundle) -> None:
    enrolled = enrolled_by_pitch(bundle, {"low": 2_700.0, "high": 6_300.0})
    assert enrolled
    verdict = enrolled.judge(call_embedding(Embedder(bundle), 4_100.0))
    assert verdict.label is None
    assert verdict.runner_up in ("low", "high")
    assert verdict.score < 0.5
    assert 0.0 <= verdict.margin <= verdict.score


def test_one_species_and_one_clip_are_enough(bundle: Bundle) -> None:
    enrolled = enrolled_by_pitch(bundle, {"middle": 4_100.0})
    assert enrolled
    known = enrolled.judge(call_embedding(Embedder(bundle), 4_100.0, seed=8))
    assert (known.label, known.runner_up, known.margin) == ("middle", None, known.score)
    unknown = enrolled.judge(call_embedding(Embedder(bundle), 6_300.0))
    assert (unknown.label, unknown.runner_up) == (None, "middle")


def test_a_species_own_threshold_comes_first(bundle: Bundle) -> None:
    vector = call_embedding(Embedder(bundle), 4_100.0)
    again = call_embedding(Embedder(bundle), 4_100.0, seed=8)
    strict = enrolled_of(bundle, {"middle": vector}, {"middle": 0.9999})
    lax = enrolled_of(bundle, {"middle": vector}, {"middle": 0.0})
    assert strict
    assert lax
    assert strict.judge(again).label is None
    assert lax.judge(call_embedding(Embedder(bundle), 6_300.0)).label == "middle"
    calibration = Calibration.of(bundle.manifest, known=0.9999)
    species = prototype_set(bundle.manifest.id, [prototype("middle", bundle.manifest.id, vector)])
    from_settings = Enrolled.of(species, Cohort.of(bundle), calibration)
    assert from_settings
    assert from_settings.judge(again).label is None


def test_nobody_is_none(bundle: Bundle) -> None:
    others = prototype_set(bundle.manifest.id, [prototype("a", "other@1.0.0", np.eye(DIMENSION, dtype=np.float32)[0])])
    assert Enrolled.of(others, Cohort.of(bundle), Calibration.of(bundle.manifest)) is None


@settings(deadline=None, max_examples=30)
@given(count=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_always(bundle: Bundle, count: int, seed: int) -> None:
    enrolled = enrolled_at_random(bundle, count)
    assert enrolled
    query = np.random.default_rng(seed).standard_normal(DIMENSION)
    query = (query / np.linalg.norm(query)).astype(np.float32)
    verdict = enrolled.judge(query)
    probabilities = enrolled.calibration.probability(enrolled.standing.scores(query))
    assert verdict.score == probabilities.max()
    assert 0.0 <= verdict.margin <= verdict.score
    assert (verdict.label is None) == (verdict.score < 0.5)
    assert (verdict.runner_up is None) == (count == 1 and verdict.label is not None)
    assert verdict.runner_up is None or verdict.runner_up != verdict.label
