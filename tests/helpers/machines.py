"""A machine that a program makes: rotation, noise, and a fault; and what an enrollment learns of it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from monitor.machines.calibration import Debounce
from monitor.machines.enroll import fit_profile
from monitor.machines.options import Options
from monitor.machines.sounds import RATE, heard_sound

if TYPE_CHECKING:
    from monitor.machines.profile import MachineProfile
    from monitor.machines.sounds import Sound

QUICK = Options(debounce=Debounce(3, 5))
"""An alarm after three seconds, so that tests are short."""


def fan(seconds: float, seed: int, *, squeal: float = 0.0, speed: float = 1.0) -> np.ndarray:
    """float32 `(n,)` at 16 kHz: lines of a rotation over noise that comes and goes a little, and a squeal."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    lines = sum(np.sin(2 * np.pi * 180.0 * speed * k * time + seed + k) / k for k in (1, 2, 3, 5))
    swell = 1.0 + 0.15 * np.sin(2 * np.pi * 0.4 * time + seed)
    noise = rng.standard_normal(len(time)) * swell
    return (0.01 * lines + 0.01 * noise + squeal * np.sin(2 * np.pi * 2700.0 * time)).astype(np.float32)


@cache
def fan_sounds() -> tuple[Sound, ...]:
    """Twelve normal clips of ten seconds."""
    return tuple(heard_sound(fan(10.0, seed), RATE, f"day1/fan-{seed:02d}.wav") for seed in range(12))


@cache
def fan_profile(name: str = "fan-1", options: Options = QUICK) -> MachineProfile:
    """Learnt from `fan_sounds`."""
    return fit_profile(name, fan_sounds(), (), None, options, 0)
