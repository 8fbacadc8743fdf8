"""What leaves the device: the weights, means and variances of a mixture, and what they are about. Nothing else.

msgpack, a few kilobytes; numbers are float32, little-endian. `describe` writes out every one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from monitor.errors import UsageError
from monitor.scene.mixture import DiagonalMixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

VERSION = 1

KIND = "auricle mixture"

BASIS = "cosine"

LARGEST = 256_000
"""Bytes: 700 components of 45 values."""

_FLOAT32 = "<f4"

_ROUNDING = 1e-4
"""By how much float32 weights may differ from 1 together."""


class MixtureMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The message, field by field."""

    kind: Literal["auricle mixture"]
    version: int
    """Of this layout."""
    spec: str
    """Fingerprint of the filter bank that the values come from."""
    basis: Literal["cosine"]
    """Of the numbers: as `personal_basis` turns decisions."""
    frames: int
    """Feature vectors of a decision."""
    values: int
    """Of a feature vector; a mean has `frames * values` numbers."""
    vectors: int
    """How many decisions the mixture stands for."""
    weights: bytes
    """float32 `(n,)`."""
    means: bytes
    """float32 `(n, frames * values)`, dB."""
    variances: bytes
    """float32 `(n, frames * values)`, dB squared."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(MixtureMessage)


def encode_mixture(mixture: DiagonalMixture, spec: str, frames: int, vectors: int) -> bytes:
    """The message. Raises ValueError when the mixture's dimension is no multiple of `frames`."""
    values, rest = divmod(mixture.dimension, frames)
    if rest:
        raise ValueError(f"{mixture.dimension} values are not {frames} equal vectors")
    numbers = (mixture.weights, mixture.means, mixture.variances)
    weights, means, variances = (np.ascontiguousarray(one, dtype=_FLOAT32).tobytes() for one in numbers)
    fields = (KIND, VERSION, spec, BASIS, frames, values, vectors)
    return _encoder.encode(MixtureMessage(*fields, weights, means, variances))


def decode_message(content: bytes, what: str = "the mixture") -> MixtureMessage:
    """The message in these bytes. Raises UsageError saying why `what` is none."""
    if len(content) > LARGEST:
        raise _refused(f"it has {len(content)} bytes, more than {LARGEST}", what)
    try:
        message = _decoder.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError) as fault:
        raise _refused(f"is no mixture of a monitor ({fault})", what) from fault
    if message.version != VERSION:
        why = f"it has version {message.version}, this program reads version {VERSION}"
        raise UsageError(what, why, "Install the same version of Auricle on both sides")
    return message


def mixture_of(message: MixtureMessage, spec: str, frames: int, values: int) -> DiagonalMixture:
    """The mixture in a message, for a filter bank and shape of a decision.

    Raises UsageError when it is of another, or its numbers are none of a mixture (NaN, a variance that is not above 0).
    """
    if message.spec != spec:
        why = f"its features are {message.spec[:40]}, those of this classifier {spec}"
        raise UsageError("the mixture", why, "Gather anew with the classifier that the other side has")
    if (message.frames, message.values) != (frames, values):
        why = f"it has {message.frames} x {message.values} values, a decision here has {frames} x {values}"
        raise UsageError("the mixture", why, "Gather anew with the classifier that the other side has")
    if message.vectors < 1:
        raise _refused(f"it stands for {message.vectors} decisions")
    dimension = frames * values
    try:
        weights = _array(message.weights, "weights")
        means = _array(message.means, "means").reshape(-1, dimension)
        variances = _array(message.variances, "variances").reshape(-1, dimension)
        total = float(weights.sum()) if np.isfinite(weights).all() else 0.0
        rounded = abs(total - 1.0) <= _ROUNDING
        return DiagonalMixture(weights / total if rounded else weights, means, variances)
    except ValueError as fault:
        raise _refused(str(fault)) from fault


def describe(content: bytes) -> Iterator[str]:
    """Every number of a message, line by line. Raises UsageError when it is none."""
    message = decode_message(content)
    rows = message.frames * message.values
    weights, means, variances = (
        np.frombuffer(part, _FLOAT32) for part in (message.weights, message.means, message.variances)
    )
    if rows < 1 or not len(means) == len(variances) == len(weights) * rows:
        raise _refused(f"{len(weights)} weights, {len(means)} means and {len(variances)} variances do not fit")
    yield f"{len(content)} bytes, and these are all of them:"
    yield f"kind       {message.kind}, version {message.version}"
    yield f"spec       {message.spec}  (the filter bank)"
    yield f"basis      {message.basis}  (over the vectors and values of a decision)"
    yield f"shape      {message.frames} x {message.values} values a decision"
    yield f"vectors    {message.vectors}  (decisions that it stands for)"
    yield f"components {len(weights)}"
    for number, weight in enumerate(weights):
        yield f"component {number + 1}: weight {weight!s}"
        for name, numbers in (("mean", means), ("variance", variances)):
            for row in numbers[number * rows : (number + 1) * rows].reshape(message.frames, message.values):
                yield f"  {name:8} " + " ".join(f"{value!s:>12}" for value in row)


def _array(content: bytes, name: str) -> NDArray[np.float64]:
    if len(content) % 4:
        raise ValueError(f"{name} have {len(content)} bytes, which are no whole numbers")
    return np.frombuffer(content, dtype=_FLOAT32).astype(np.float64)


def _refused(why: str, what: str = "the mixture") -> UsageError:
    return UsageError(what, why, "Send what `auricle scene personalize send` makes")
