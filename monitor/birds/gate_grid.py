"""Where a gate's windows lie: on the frames of the bird front-end, whether it hears these or the sound itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.core.types import ENGINE_RATE
from monitor.errors import BundleError
from monitor.features.sample_windows import SampleWindower
from monitor.features.spec import BIRD, FeatureSpec
from monitor.features.windows import Windower
from monitor.inference.manifest import WindowCut

if TYPE_CHECKING:
    from monitor.core.stage import Stage
    from monitor.inference.bundle import Bundle


@dataclass(frozen=True, slots=True)
class GateGrid:
    """The grid of a gate's windows, which taggers and enrollment share."""

    spec: FeatureSpec
    """Front-end whose frames are the grid; of a gate on features its own."""
    cut: WindowCut
    """Frames that lie wholly within a window, and from one window to the next."""
    length: int
    """Engine samples of a window."""
    takes_sound: bool
    """Whether it is fed with sound at the engine rate, and not with frames."""

    def cutter(self) -> Stage[Any, Any]:
        """A stage that cuts its windows."""
        if self.takes_sound:
            return SampleWindower(ENGINE_RATE, self.length, self.cut.hop * self.spec.engine_hop, fill=False)
        return Windower(self.spec, self.cut.frames, self.cut.hop)


def grid_of(gate: Bundle) -> GateGrid:
    """Of a gate's bundle. Raises BundleError when it takes neither frames nor sound, or less than a frame of it."""
    manifest, spec = gate.manifest, gate.spec
    if spec is not None:
        cut = manifest.window
        return GateGrid(spec, cut, (cut.frames - 1) * spec.engine_hop + spec.engine_window, takes_sound=False)
    if manifest.input.kind != "waveform":
        why = f"takes {manifest.input.kind}, not frames or sound"
        raise BundleError(f"model {manifest.id}", why, "Set birds.gate to a gate, such as bird-gate")
    length = -(-manifest.window.frames * ENGINE_RATE // manifest.input.rate)
    if length < BIRD.engine_window:
        why = f"its windows of {1000 * length / ENGINE_RATE:.0f} ms are shorter than a frame"
        raise BundleError(f"model {manifest.id}", why, "Import it with a longer --window")
    hop = max(1, round(manifest.window.hop * ENGINE_RATE / manifest.input.rate / BIRD.engine_hop))
    # Only frames that end within the window: those of the gate's newest one are there when its reading is.
    frames = (length - BIRD.engine_window) // BIRD.engine_hop + 1
    return GateGrid(BIRD, WindowCut(frames, hop), length, takes_sound=True)
