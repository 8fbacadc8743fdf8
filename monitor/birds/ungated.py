"""Everything that gate and encoder make of a recording, bird or not; for research and for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.birds.frames import Stretch, frame_blocks
from monitor.birds.gate import Gate
from monitor.core.events import GateReading
from monitor.core.types import Span
from monitor.errors import BundleError
from monitor.features.windows import Windower
from monitor.inference.session import InferenceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.birds.embedder import Embedder
    from monitor.core.types import AudioBlock, Float32Array
    from monitor.inference.bundle import Bundle


@dataclass(frozen=True, slots=True, eq=False)
class HeardWindow:
    """A window of the gate."""

    span: Span
    """Within the recording."""
    probability: float
    """That a bird is audible, 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedWindow:
    """A window of the encoder."""

    span: Span
    """Within the recording."""
    gate: float
    """The highest probability of the gate windows that lie inside, 0..1."""
    vector: Float32Array
    """float32 `(d,)` of length 1."""


class Ungated:
    """Gate and encoder over whole recordings, one after the other, in bounded memory."""

    def __init__(self, gate: Bundle, embedder: Embedder) -> None:
        """Raises BundleError when the two do not fit together."""
        self.failure = ""
        """Why windows could not be embedded, the last time."""
        self.failed = 0
        """Windows that could not be embedded; they are left out."""
        self._gate = gate
        self._embedder = embedder
        cut = gate.manifest.window
        if gate.spec is None or gate.spec.fingerprint != embedder.spec.fingerprint:
            why = f"it hears other features than the gate {gate.manifest.id}"
            raise BundleError(f"model {embedder.model_id}", why, "Choose a gate and an encoder of one front-end")
        if cut.frames + cut.hop - 1 > embedder.frames:
            why = f"its windows are too short for the gate {gate.manifest.id} to have one inside each"
            raise BundleError(f"model {embedder.model_id}", why, "Choose a gate with shorter windows")

    def windows(self, blocks: Iterable[AudioBlock]) -> Iterator[HeardWindow | EmbeddedWindow]:
        """Of a recording at 48 kHz, in the order in which they end.

        A recording shorter than a window is repeated; spans end where it ends.
        """
        heard = Stretch()
        embedder, cut = self._embedder, self._gate.manifest.window
        spec = embedder.spec
        gate = Gate(self._gate)
        gate_windows = Windower(spec, cut.frames, cut.hop)
        encoder_windows = Windower(spec, embedder.frames, embedder.hop)
        recent: list[GateReading] = []
        for frames in frame_blocks(heard.over(blocks), spec, least=embedder.frames):
            fresh = [item for window in gate_windows.push(frames) for item in gate.push(window)]
            readings = [item for item in fresh if isinstance(item, GateReading)]
            recent += readings
            # Only what was repeated begins after the end.
            yield from (
                HeardWindow(_within(item.span, heard.length), item.probability)
                for item in readings
                if item.span.start < heard.length
            )
            for window in encoder_windows.push(frames):
                recent = [item for item in recent if item.span.start >= window.span.start]
                inside = (item.probability for item in recent if item.span.end <= window.span.end)
                try:
                    vector = embedder.embed(window.values[None])[0]
                except InferenceError as error:
                    # Digital silence may have no direction; hours of other sound are not lost for it.
                    self.failed, self.failure = self.failed + 1, str(error)
                    continue
                yield EmbeddedWindow(_within(window.span, heard.length), max(inside), vector)


def _within(span: Span, length: int) -> Span:
    return Span(min(span.start, length), min(span.end, length))
