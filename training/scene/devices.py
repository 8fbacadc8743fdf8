"""Microphones: impulse responses that a window is heard through, some of which no training hears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.expand import AUDIO_SUFFIXES
from monitor.errors import UsageError
from training.data.audio import decode
from training.data.layouts.folders import deep
from training.data.splits import fraction

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SECONDS = 0.06
"""Of a microphone's response that is kept, from a little before its peak: not the room's, and cheap to apply."""

ROOM_SECONDS = 0.6

BEFORE_PEAK_S = 0.002


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """A microphone."""

    name: str
    family: str
    """Siblings (versions of a model, takes of one set) share it."""
    response: NDArray[np.float32]
    """`(n,)`, of energy 1."""


def load_devices(folder: Path, rate: int, seconds: float = SECONDS) -> list[Device]:
    """Every response in a folder, at `rate` Hz, by name. Raises UsageError when there is none."""
    files = [path for path in deep(folder) if path.suffix.lower() in AUDIO_SUFFIXES] if folder.is_dir() else []
    if not files:
        remedy = "Name a folder of responses (`devices`, `rooms`), or do without: `device_share = 0`, no `babble`."
        raise UsageError(f"impulse responses in {folder}", "there are none", remedy)
    return [Device(path.stem, family_of(path.stem), _trimmed(decode(path, rate), rate, seconds)) for path in files]


def family_of(name: str) -> str:
    """First three letters of the maker: coarse on purpose, so that siblings never part."""
    plain = name.removeprefix("IR_").casefold()
    return "".join(letter for letter in plain if letter.isalnum())[:3]


def divide(devices: list[Device], unseen: float, seed: int) -> tuple[list[Device], list[Device]]:
    """Devices that train, and those that do not: about `unseen` of the families, at least one."""
    ranked = sorted({device.family for device in devices}, key=lambda family: fraction(family, seed))
    kept = set(ranked[: max(1, round(unseen * len(ranked)))]) if unseen > 0 and len(ranked) > 1 else set[str]()
    return [d for d in devices if d.family not in kept], [d for d in devices if d.family in kept]


def _trimmed(response: NDArray[np.float32], rate: int, seconds: float) -> NDArray[np.float32]:
    start = max(0, int(np.argmax(np.abs(response))) - round(BEFORE_PEAK_S * rate))
    cut = response[start : start + round(seconds * rate)].astype(np.float64)
    tail = len(cut) // 4
    cut[len(cut) - tail :] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(tail) + 1) / (tail + 1))
    return (cut / np.sqrt(max(float(np.square(cut).sum()), 1e-20))).astype(np.float32)
