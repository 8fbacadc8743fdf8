"""Ways in which a normal window is made to sound wrong, in decibels: what faults and visitors do to a spectrum.

Not the paper's: it has 6 000 clips of a machine to tell sections apart by, a workshop has twenty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.random import Generator
    from torch import Tensor

Kind = Literal["shift", "resonance", "clicks", "modulation", "foreign"]
KINDS: tuple[Kind, ...] = ("shift", "resonance", "clicks", "modulation", "foreign")

SHIFT = (2, 10)
"""Bands, up or down: another speed or load."""
RESONANCE_DB = (5.0, 15.0)
RESONANCE_BANDS = (3.0, 15.0)
"""Deviation of the bump."""
PERIOD = (6, 40)
"""Frames between clicks or swells."""
CLICK_DB = (3.0, 15.0)
SWELL_DB = (2.0, 8.0)
FOREIGN_DB = (-15.0, 0.0)
"""Mean level of the visitor relative to the machine."""


def alter(window: Tensor, kind: Kind, foreign: Tensor, generator: Generator) -> Tensor:
    """A window `(frames, bands)` in dB, altered; `foreign` is one of other sound, for the kind of that name."""
    frames, bands = window.shape
    if kind == "shift":
        shift = int(generator.integers(SHIFT[0], SHIFT[1] + 1)) * int(generator.choice([-1, 1]))
        return window[:, (torch.arange(bands) - shift).clamp(0, bands - 1)]
    if kind == "resonance":
        centre, width = generator.uniform(0, bands), generator.uniform(*RESONANCE_BANDS)
        bump = np.exp(-0.5 * ((np.arange(bands) - centre) / width) ** 2)
        gain = generator.uniform(*RESONANCE_DB) * generator.choice([-1, 1])
        return window + torch.from_numpy(gain * bump).to(window)[None, :]
    if kind == "clicks":
        period = int(generator.integers(PERIOD[0], PERIOD[1] + 1))
        hits = (np.arange(frames) + int(generator.integers(period))) % period < 2
        low = generator.uniform(0, 0.6) * bands
        lift = generator.uniform(*CLICK_DB) * hits[:, None] * (np.arange(bands) >= low)[None, :]
        return window + torch.from_numpy(lift).to(window)
    if kind == "modulation":
        period = generator.uniform(*PERIOD)
        swell = np.sin(2 * np.pi * (np.arange(frames) / period + generator.random()))
        return window + torch.from_numpy(generator.uniform(*SWELL_DB) * swell).to(window)[:, None]
    level = window.mean() - foreign.mean() + float(generator.uniform(*FOREIGN_DB))
    return 10.0 * torch.log10(10.0 ** (window / 10.0) + 10.0 ** ((foreign + level) / 10.0))
