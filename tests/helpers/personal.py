"""Mixtures, answers and vectors for the tests of the personal classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from monitor.features.ams_spec import AMS_PLAIN
from monitor.scene.mixture import DiagonalMixture
from monitor.scene.personal_answer import Made, encode_answer
from monitor.scene.personal_message import encode_mixture

if TYPE_CHECKING:
    from pathlib import Path

SPEC = AMS_PLAIN.fingerprint
FRAMES, VALUES = 5, AMS_PLAIN.bands
MADE = Made(400, 120, 100, 100, 0.75, {"noise": 60, "music": 20, "speech": 15, "speech+noise": 5}, 200)


def heard(count: int, seed: int = 0) -> np.ndarray:
    """Vectors `(count, 45)` of three sorts of sound, dB."""
    generator = np.random.default_rng(seed)
    centres = np.array([-70.0, -50.0, -30.0])[generator.integers(3, size=count)]
    return centres[:, None] + 2.0 * generator.standard_normal((count, FRAMES * VALUES))


def mixture_bytes(vectors: int = 400, spec: str = SPEC, **changed: object) -> bytes:
    """A message of three components; `changed` puts other values in its fields."""
    means = np.repeat([[-70.0], [-50.0], [-30.0]], FRAMES * VALUES, axis=1)
    mixture = DiagonalMixture(np.array([0.5, 0.25, 0.25]), means, np.full_like(means, 4.0))
    content = encode_mixture(mixture, spec, FRAMES, vectors)
    return content if not changed else msgspec.msgpack.encode(msgspec.msgpack.decode(content) | changed)


def numbers(*values: float) -> bytes:
    """float32 as the message has them."""
    return np.array(values, dtype="<f4").tobytes()


def answer_of(folder: Path) -> bytes:
    """The answer that carries the bundle in `folder`."""
    return encode_answer(folder, MADE)
