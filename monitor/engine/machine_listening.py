"""What is heard of a machine that is being learnt: audio of a live source, cut into clips of ten seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from monitor.audio.resample import Decimate
from monitor.core.clock import engine_index
from monitor.core.types import Span
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.bus.machine_care import LearnMachine, MachineJob
    from monitor.core.types import AudioBlock, Float32Array

RATE = 16_000
"""Of the clips."""

CLIP_S = 10.0
"""Of a clip."""

SHORTEST_CLIP_S = 3.0
"""Of what is left before a gap and at the end."""


class HeardClip(NamedTuple):
    """A clip of a live source."""

    samples: Float32Array
    """float32 `(n,)` at 16 kHz."""
    origin: str
    """Source and time, for people."""


@dataclass(slots=True)
class Listening:
    """A job and what it has heard. The loop hears and cuts, the thread keeps clips or refuses them."""

    number: int
    wanted: LearnMachine
    source: str
    at_16_khz: Decimate = field(default_factory=lambda: Decimate(RATE))
    expected: int | None = None
    """Engine index of the next sample; None before the first."""
    held: list[Float32Array] = field(default_factory=list[np.ndarray[tuple[int], np.dtype[np.float32]]])
    """16 kHz audio that is not a whole clip yet."""
    held_from: int = 0
    """Engine index of its first sample."""
    waiting: deque[tuple[Span, Float32Array]] = field(default_factory=deque[tuple[Span, np.ndarray[Any, Any]]])
    """Whole clips of which it is not known yet whether they may be kept (privacy mode)."""
    withheld: int = 0
    """Samples at 16 kHz that must not be kept."""
    clips: list[HeardClip] = field(default_factory=list[HeardClip])
    """Kept; only the thread writes here."""
    fed_s: float = 0.0
    """When audio came last, by the service's clock."""
    heard: int = 0
    """Samples at 16 kHz."""
    refused: int = 0
    """Of them, those left out; only the thread writes here."""

    @property
    def over(self) -> bool:
        """Whether as much was heard as was wanted."""
        return self.heard >= self.wanted.seconds * RATE

    def hear(self, block: AudioBlock, now_s: float) -> None:
        """The source's next audio at the engine rate; a clip never spans a gap."""
        if block.start != self.expected:
            if self.expected is not None:
                self._cut(short=True)
            self.at_16_khz.reset(block.start)
        self.expected, self.fed_s = block.end, now_s
        if not self.over:
            for decimated in self.at_16_khz.push(block):
                if not self.held:
                    self.held_from = engine_index(decimated.start, RATE)
                self.held.append(decimated.samples)
                self.heard += len(decimated.samples)
        self._cut(short=self.over)

    def so_far(self, told: MachineJob) -> MachineJob:
        """`told` with how much was heard and left out."""
        return msgspec.structs.replace(told, heard_s=self.heard / RATE, refused_s=self.refused / RATE)

    def left_out(self) -> list[str]:
        """What must not be kept, in a sentence."""
        told = f"{self.withheld / RATE:.0f} s were left out: somebody spoke, or nobody can tell (privacy mode)"
        return [told] if self.withheld else []

    def refusal(self, why: str, remedy: str) -> UsageError:
        """Why the machine is not learnt."""
        return UsageError(f"machine {self.wanted.name}", why, remedy)

    def _cut(self, *, short: bool) -> None:
        """Make whole clips of what is held; with `short`, of the rest too, where it is long enough."""
        size, least = round(CLIP_S * RATE), round(SHORTEST_CLIP_S * RATE)
        held = sum(len(part) for part in self.held)
        if held < size and not (short and held):
            return
        audio = np.concatenate(self.held)
        whole = len(audio) // size * size
        pieces = [audio[start : start + size] for start in range(0, whole, size)]
        rest = audio[whole:]
        if short:
            pieces += [rest] if len(rest) >= least else []
            rest = rest[:0]
        self.held = [rest] if len(rest) else []
        for piece in pieces:
            end = self.held_from + engine_index(len(piece), RATE)
            self.waiting.append((Span(self.held_from, end), np.array(piece)))
            self.held_from = end
