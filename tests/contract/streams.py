"""Inputs for stages that can be cut at will, and outputs made comparable however they were cut."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from monitor.core.clock import engine_index, native_index
from monitor.core.types import ENGINE_RATE, AudioBlock, FeatureBlock, Span, Window
from monitor.features.windows import Windower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from monitor.features.spec import FeatureSpec


class Stream(Protocol):
    """The input of a stage."""

    def length(self) -> int:
        """Units that it can be cut into."""
        ...

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[Any]:
        """Items of so many units each, the first of which begins at engine index `at`; the last takes what is left."""
        ...

    def end(self, item: Any) -> int:
        """Engine index up to which audio has been heard once the item is pushed."""
        ...


@dataclass(frozen=True)
class Audio:
    """Full-scale tones, a chirp, clicks, silence and noise, at any rate."""

    seconds: float
    rate: int = ENGINE_RATE

    def length(self) -> int:
        return int(self.seconds * self.rate)

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[AudioBlock]:
        samples, first = test_signal(self.length(), self.rate), native_index(at, self.rate)
        for start, end in pieces(sizes, len(samples)):
            yield AudioBlock(samples[start:end], first + start, self.rate)

    def end(self, item: AudioBlock) -> int:
        return engine_index(item.end, item.rate)


@dataclass(frozen=True)
class Frames:
    """Rows of features in -90..0."""

    spec: FeatureSpec
    count: int

    def length(self) -> int:
        return self.count

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[FeatureBlock]:
        values = np.random.default_rng(7).uniform(-90, 0, (self.count, self.spec.bands)).astype(np.float32)
        first = -(-native_index(at, self.spec.rate) // self.spec.hop)
        for start, end in pieces(sizes, self.count):
            yield FeatureBlock(values[start:end], first + start)

    def end(self, item: FeatureBlock) -> int:
        last = item.first_frame + len(item.values) - 1
        return last * self.spec.engine_hop + self.spec.engine_window


@dataclass(frozen=True)
class Windows:
    """Windows of features, alternately quiet and loud, at last loud for long.

    They cannot be cut, so that every size gives the same items.
    """

    spec: FeatureSpec
    frames: int
    hop: int
    count: int

    def length(self) -> int:
        return self.count

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[Window]:
        generator = np.random.default_rng(11)
        windower = Windower(self.spec, self.frames, self.hop)
        first_frame = -(-native_index(at, self.spec.rate) // self.spec.hop)
        first = -(-first_frame // self.hop) * self.hop
        for number in range(self.count):
            low = -30.0 if number // 4 % 2 or number >= 24 else -90.0
            values = generator.uniform(low, low + 30.0, (self.frames, self.spec.bands)).astype(np.float32)
            yield Window(values, windower.span_of(first + number * self.hop), self.spec.fingerprint)

    def end(self, item: Window) -> int:
        return item.span.end


@dataclass(frozen=True)
class GatedFrames:
    """Frames and what a gate makes of them, as the tagger gets both: quiet, loud, quiet, ... and loud for long.

    Cuts are of frames; the gate's outputs follow the block that completes them.
    """

    make_gate: Callable[[], Any]
    count: int

    def length(self) -> int:
        return self.count

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[Any]:
        gate = self.make_gate()
        spec, cut = gate.spec, gate.cut
        windower = Windower(spec, cut.frames, cut.hop)
        windower.reset(at)
        generator = np.random.default_rng(13)
        first = -(-native_index(at, spec.rate) // spec.hop)
        frames = np.arange(self.count)
        loud = ((frames > 60) & (frames < 160)) | ((frames > 260) & (frames < 420)) | (frames > 620)
        levels = np.where(loud, -30.0, -90.0)[:, None]
        values = (levels + generator.uniform(0.0, 30.0, (self.count, spec.bands))).astype(np.float32)
        values[:, ::2] -= 5.0 * (frames[:, None] // 300)
        np.maximum(values, -90.0, out=values)
        for start, end in pieces((min(size, 256) for size in sizes), self.count):
            block = FeatureBlock(values[start:end], first + start)
            yield block
            for window in windower.push(block):
                yield from gate.push(window)
        yield from gate.flush()

    def end(self, item: Any) -> int:
        # Of a block's own frames the gate has not spoken yet.
        return item.first_frame * self.make_gate().spec.engine_hop if isinstance(item, FeatureBlock) else item.span.end


def test_signal(length: int, rate: int) -> np.ndarray:
    """Deterministic float32 `(length,)`: beyond full scale in places, silent in others."""
    time = np.arange(length) / rate
    noise = np.random.default_rng(3).standard_normal(length)
    tone = np.sin(2 * np.pi * 1000.0 * time)
    chirp = np.sin(2 * np.pi * (50.0 * time + (rate / 2 - 100.0) * time**2 / (2 * max(time[-1], 1e-9))))
    samples = np.where(np.arange(length) * 5 // length % 2 == 0, tone, chirp) + 0.01 * noise
    samples[length * 2 // 5 : length // 2] = 0.0
    samples[:: max(1, length // 7)] = 1.2
    return samples.astype(np.float32)


test_signal.__test__ = False


def pieces(sizes: Iterable[int], length: int) -> Iterator[tuple[int, int]]:
    start = 0
    for size in sizes:
        if start >= length:
            return
        yield start, min(start + size, length)
        start += size
    if start < length:
        yield start, length


def merged(outputs: Sequence[Any]) -> list[dict[str, Any]]:
    """Outputs as plain fields; consecutive blocks of samples or rows become one, and must follow one another."""
    plain: list[dict[str, Any]] = []
    for output in outputs:
        values = {field.name: getattr(output, field.name) for field in fields(output)} | {"type": type(output)}
        if isinstance(output, AudioBlock | FeatureBlock) and plain and plain[-1]["type"] is type(output):
            _extend(plain[-1], values)
        else:
            plain.append(values)
    return plain


def _extend(before: dict[str, Any], values: dict[str, Any]) -> None:
    key, first = ("samples", "start") if values["type"] is AudioBlock else ("values", "first_frame")
    assert values[first] == before[first] + len(before[key]), "blocks that do not follow one another"
    before[key] = np.concatenate([before[key], values[key]])


def assert_equal(left: Sequence[Any], right: Sequence[Any]) -> None:
    """Exact equality of all fields, arrays included."""
    first, second = merged(left), merged(right)
    assert len(first) == len(second), f"{len(first)} outputs against {len(second)}"
    for number, (a, b) in enumerate(zip(first, second, strict=True)):
        assert a.keys() == b.keys()
        for name, value in a.items():
            if isinstance(value, np.ndarray):
                assert value.dtype == b[name].dtype
                np.testing.assert_array_equal(value, b[name], err_msg=f"output {number}, {name}")
            else:
                assert value == b[name], f"output {number}, {name}: {value!r} against {b[name]!r}"


def spans(output: Any, spec: FeatureSpec | None) -> list[Span]:
    """The audio of each sample, row or reading of an output, in engine samples."""
    if isinstance(output, AudioBlock):
        edges = [engine_index(index, output.rate) for index in range(output.start, output.end + 1)]
        return [Span(start, end) for start, end in itertools.pairwise(edges)]
    if isinstance(output, FeatureBlock):
        assert spec is not None, "a stage that gives FeatureBlocks needs a spec in its example"
        starts = (np.arange(len(output.values)) + output.first_frame) * spec.engine_hop
        return [Span(int(start), int(start) + spec.engine_window) for start in starts]
    return [output.span]


def arrays(item: Any) -> list[np.ndarray]:
    """The arrays in a value."""
    values = (getattr(item, field.name) for field in fields(item))
    return [value for value in values if isinstance(value, np.ndarray)]
