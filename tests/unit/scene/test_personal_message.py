"""What leaves the device: that it is weights, means and variances and nothing else, and what is refused."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import UsageError
from monitor.features.ams import ams_of
from monitor.features.ams_spec import AMS_PLAIN
from monitor.scene.gathering import MixtureGatherer
from monitor.scene.personal_basis import from_basis, to_basis
from monitor.scene.personal_message import LARGEST, decode_message, describe, encode_mixture, mixture_of
from tests.helpers.personal import FRAMES, SPEC, VALUES, heard, mixture_bytes, numbers

DIMENSION = FRAMES * VALUES


def read(content: bytes):
    return mixture_of(decode_message(content), SPEC, FRAMES, VALUES)


@pytest.fixture(scope="module")
def day() -> tuple[np.ndarray, np.ndarray]:
    """Twelve minutes of sound at 16 kHz, int16, and the vectors of its decisions `(72, 45)`."""
    generator = np.random.default_rng(1)
    decisions = [
        generator.uniform(300, 9_000) * generator.standard_normal(10 * 16_000) * (1 + np.sin(np.arange(160_000) / pace))
        for pace in generator.uniform(200, 4_000, 72)
    ]
    sound = np.clip(np.concatenate(decisions), -32_768, 32_767).astype(np.int16)
    vectors = ams_of(sound.astype(np.float32) / np.float32(32_768), AMS_PLAIN)
    return sound, vectors.reshape(-1, DIMENSION)


def test_the_message_holds_weights_means_and_variances_and_nothing_else(day: tuple[np.ndarray, np.ndarray]) -> None:
    sound, vectors = day
    gatherer = MixtureGatherer(DIMENSION, 4)
    for vector in vectors:
        gatherer.add(to_basis(vector.reshape(1, FRAMES, VALUES))[0])
    mixture = gatherer.sendable()
    content = encode_mixture(mixture, SPEC, FRAMES, len(vectors))

    fields = msgspec.msgpack.decode(content)
    told = {"kind": "auricle mixture", "version": 1, "spec": SPEC, "basis": "cosine", "frames": 5, "values": 9}
    told |= {"vectors": len(vectors)}
    assert {name: value for name, value in fields.items() if not isinstance(value, bytes)} == told
    numbers_sent = {name: np.frombuffer(value, "<f4") for name, value in fields.items() if name not in told}
    assert {name: len(values) for name, values in numbers_sent.items()} == {
        "weights": mixture.components,
        "means": mixture.components * DIMENSION,
        "variances": mixture.components * DIMENSION,
    }
    # No byte is left over: the numbers, the fields told above, names and lengths.
    bare = msgspec.msgpack.encode(told | dict.fromkeys(numbers_sent, b""))
    assert len(content) - 4 * mixture.numbers - len(bare) <= 2 * 3
    assert np.array_equal(numbers_sent["weights"], mixture.weights.astype("<f4"))
    assert np.array_equal(numbers_sent["means"], mixture.means.astype("<f4").ravel())
    assert np.array_equal(numbers_sent["variances"], mixture.variances.astype("<f4").ravel())

    for kind in ("<f4", ">f4", "<f8", "<f2"):
        for row in vectors.reshape(-1, VALUES):
            assert row.astype(kind).tobytes() not in content, "a feature vector"
        for value in np.unique(vectors.astype(kind)) if kind == "<f4" else ():
            at = content.find(value.tobytes())
            assert at < 0 or value in numbers_sent["means"], "a single feature value"
    for start in range(0, len(sound), 8_000):
        piece = sound[start : start + 8]
        assert piece.tobytes() not in content, "audio"
        assert (piece / np.float32(32_768)).astype("<f4").tobytes() not in content, "audio"


def test_the_basis_is_a_rotation_and_the_level_is_one_value_of_it() -> None:
    vectors = heard(20, 9).reshape(20, FRAMES, VALUES)
    turned = to_basis(vectors)
    assert np.allclose(from_basis(turned, FRAMES), vectors.reshape(20, -1))
    assert np.allclose(np.square(turned).sum(axis=1), np.square(vectors).sum(axis=(1, 2)))
    louder = to_basis(vectors + 6.0) - turned
    assert np.allclose(louder[:, 0], 6.0 * np.sqrt(FRAMES * VALUES))
    assert np.allclose(louder[:, 1:], 0.0)


def test_sixteen_components_are_a_few_kilobytes() -> None:
    gatherer = MixtureGatherer(DIMENSION)
    for vector in heard(2_000) + np.random.default_rng(5).uniform(-30, 30, (2_000, 1)):
        gatherer.add(vector)
    mixture = gatherer.sendable()
    assert mixture.components > 8
    assert len(encode_mixture(mixture, SPEC, FRAMES, 2_000)) < 6_200


def test_it_comes_back_as_it_was() -> None:
    mixture = read(mixture_bytes())
    assert mixture.weights == pytest.approx([0.5, 0.25, 0.25])
    assert (mixture.means[1] == -50.0).all()
    assert (mixture.variances == 4.0).all()


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_any_mixture_survives_the_rounding(weights: list[float], seed: int) -> None:
    from monitor.scene.mixture import DiagonalMixture

    generator = np.random.default_rng(seed)
    shape = (len(weights), DIMENSION)
    given_one = DiagonalMixture(
        np.array(weights) / sum(weights), generator.uniform(-120, 0, shape), generator.uniform(0.25, 400, shape)
    )
    back = read(encode_mixture(given_one, SPEC, FRAMES, 1_000))
    assert np.allclose(back.weights, given_one.weights, rtol=1e-5)
    assert np.allclose(back.means, given_one.means, rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (mixture_bytes(means=numbers(*[np.nan] * 3 * DIMENSION)), "means hold what is no finite number"),
        (mixture_bytes(variances=numbers(*[4.0] * (3 * DIMENSION - 1), -1.0)), "variances must be above 0"),
        (mixture_bytes(variances=numbers(*[0.0] * 3 * DIMENSION)), "variances must be above 0"),
        (mixture_bytes(weights=numbers(np.nan, 0.5, 0.5)), "weights hold what is no finite number"),
        (mixture_bytes(weights=numbers(0.9, 0.9, 0.9)), "together 1"),
        (mixture_bytes(weights=numbers(1.5, -0.25, -0.25)), "above 0"),
        (mixture_bytes(weights=numbers(0.5, 0.5)), r"weights \(n,\) and means"),
        (mixture_bytes(means=numbers(*[1.0] * 50)), "cannot reshape"),
        (mixture_bytes(means=b"abc"), "no whole numbers"),
        (mixture_bytes(weights=b"", means=b"", variances=b""), "needs weights"),
        (mixture_bytes(frames=4), "4 x 9 values, a decision here has 5 x 9"),
        (mixture_bytes(spec="ffffffffffffffff"), "its features are ffffffffffffffff"),
        (mixture_bytes(vectors=0), "stands for 0 decisions"),
        (mixture_bytes(version=2), "version 2"),
        (mixture_bytes(kind="something"), "kind"),
        (mixture_bytes(audio=b"\0\0"), "unknown field"),
        (b"", "truncated"),
        (b"\0" * (LARGEST + 1), "more than"),
        (mixture_bytes()[:-5], "truncated"),
    ],
)
def test_what_is_no_mixture_of_ours_is_refused_with_the_reason(content: bytes, named: str) -> None:
    with pytest.raises(UsageError, match=named) as refused:
        read(content)
    assert refused.value.remedy


@given(st.binary(max_size=300))
def test_bytes_of_a_stranger_are_refused_and_nothing_else(content: bytes) -> None:
    with pytest.raises(UsageError):
        read(content)


@given(st.data())
@settings(max_examples=60)
def test_a_damaged_message_is_refused_or_a_mixture(data: st.DataObject) -> None:
    content = bytearray(mixture_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        mixture = read(bytes(content))
    except UsageError:
        return
    assert np.isfinite(mixture.means).all()
    assert (mixture.variances > 0).all()


def test_show_has_every_number_that_would_leave() -> None:
    gatherer = MixtureGatherer(DIMENSION, 3)
    for vector in heard(300, 4):
        gatherer.add(vector)
    mixture = gatherer.sendable()
    content = encode_mixture(mixture, SPEC, FRAMES, 300)
    text = "\n".join(describe(content))
    assert text.startswith(f"{len(content)} bytes, and these are all of them")
    words = set(text.split())
    for values in (mixture.weights, mixture.means, mixture.variances):
        for value in values.astype(np.float32).ravel():
            assert str(value) in words
    with pytest.raises(UsageError, match="do not fit"):
        list(describe(mixture_bytes(weights=numbers(0.5, 0.5))))
