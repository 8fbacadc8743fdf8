"""The encoder as a function and as a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import helper

from monitor.birds.embedder import Embedder, mean_direction
from monitor.core.types import Span, Window
from monitor.errors import BundleError
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from monitor.inference.bundle import load_bundle
from monitor.inference.session import InferenceError
from tests.helpers.tagging import call_embedding
from tests.helpers.tiny_bundle import (
    DIMENSION,
    ENCODER_HOP,
    ENCODER_WINDOW,
    call,
    encoder_network,
    make_encoder_bundle,
    make_gate_bundle,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder(load_bundle(make_encoder_bundle(tmp_path_factory.mktemp("models"))))


def windows(count: int) -> np.ndarray:
    clips = [Kernel(BIRD)(call(2_500.0 + 300.0 * number, 3.2)) for number in range(count)]
    return np.stack([features[:ENCODER_WINDOW] for features in clips])


def test_what_it_says_of_itself(embedder: Embedder) -> None:
    assert embedder.model_id == "bird-encoder@1.0.0"
    assert (embedder.dimension, embedder.frames, embedder.hop) == (DIMENSION, ENCODER_WINDOW, ENCODER_HOP)
    assert embedder.spec == BIRD


def test_rows_are_unit_and_do_not_depend_on_what_comes_with_them(embedder: Embedder) -> None:
    several = windows(5)
    rows = embedder.embed(several)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)
    for number in range(5):
        np.testing.assert_array_equal(embedder.embed(several[number : number + 1])[0], rows[number])
    assert embedder.embed(several[:0]).shape == (0, DIMENSION)


def test_the_same_pitch_is_nearer_than_another(embedder: Embedder) -> None:
    here, again, there = (call_embedding(embedder, hz, seed) for hz, seed in ((3_000, 0), (3_000, 1), (5_000, 0)))
    assert here @ again > 0.95
    assert here @ there < 0.5


def test_as_a_stage_it_gives_embeddings(embedder: Embedder) -> None:
    values = windows(1)[0]
    (embedding,) = embedder.push(Window(values, Span(480, 144_000), BIRD.fingerprint))
    assert (embedding.span, embedding.model_id) == (Span(480, 144_000), "bird-encoder@1.0.0")
    np.testing.assert_array_equal(embedding.vector, embedder.embed(values[None])[0])
    with pytest.raises(ValueError, match="needs features"):
        embedder.push(Window(values, Span(0, 1), "another"))


def test_a_gate_is_no_encoder(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not an encoder on features"):
        Embedder(load_bundle(make_gate_bundle(tmp_path)))


def test_another_dimension(tmp_path: Path) -> None:
    embedder = Embedder(load_bundle(make_encoder_bundle(tmp_path, dimension=300)))
    assert embedder.dimension == 300
    assert embedder.embed(windows(2)).shape == (2, 300)


def test_an_output_without_a_direction_is_a_failure(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ReduceMax", ["features"], ["loudest"], axes=[1, 2], keepdims=1),
        helper.make_node("Squeeze", ["loudest", "last"], ["level"]),
        helper.make_node("Mul", ["level", "nothing"], ["embedding"]),
    ]
    nothing = encoder_network(nodes, {"last": np.array([2]), "nothing": np.zeros((1, DIMENSION), np.float32)})
    embedder = Embedder(load_bundle(make_encoder_bundle(tmp_path, network=nothing, cohort=False)))
    with pytest.raises(InferenceError, match="length 0"):
        embedder.embed(windows(1))
    with pytest.raises(InferenceError, match="features"):
        embedder.embed(np.zeros((1, 10, 128), np.float32))


def test_the_mean_of_directions() -> None:
    rows = np.eye(3, dtype=np.float32)[:2]
    np.testing.assert_allclose(mean_direction(rows), [0.5**0.5, 0.5**0.5, 0.0], atol=1e-7)
    np.testing.assert_allclose(mean_direction(rows[:1]), rows[0])
    with pytest.raises(InferenceError, match="cancel"):
        mean_direction(np.stack([rows[0], -rows[0]]))
