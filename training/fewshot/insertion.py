"""Calls put into longer bird-free sound, so that there is something to select from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.data.mixtures import SILENCE, power

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

FADE_S = 0.05
"""At either end of a call, and from one clip of a background to the next."""


def insert(call: Samples, background: Samples, snr_db: float, start: int, fade: int) -> Samples:
    """The background with the call added from sample `start` on, faded in and out over `fade` samples.

    The ratio of the call's power to that of the background beneath it is `snr_db`; where either is silent the call is
    added as it is. What reaches beyond the background is cut.
    """
    sound = background.copy()
    beneath = sound[start : start + len(call)]
    faded = call[: len(beneath)] * _slopes(len(beneath), fade)
    loud, quiet = (power(part) if len(part) else 0.0 for part in (faded, beneath))
    gain = np.sqrt(quiet / loud * 10.0 ** (snr_db / 10.0)) if min(loud, quiet) >= SILENCE else 1.0
    beneath += (gain * faded).astype(np.float32)
    return sound


def chain(clips: Sequence[Samples], length: int, fade: int) -> Samples:
    """`length` samples of clips of one power, one after another as often as it takes, cross-faded over `fade` samples.

    Raises ValueError when no clip is longer than two fades.
    """
    usable = [clip / np.sqrt(power(clip)) for clip in clips if len(clip) > 2 * fade and power(clip) >= SILENCE]
    if not usable:
        raise ValueError(f"a chain of {length} samples needs a clip with sound and more than {2 * fade} samples")
    sound = np.zeros(length, dtype=np.float32)
    start = number = 0
    while start < length:
        clip = usable[number % len(usable)]
        here = sound[start : start + len(clip)]
        here += (clip * np.sqrt(_slopes(len(clip), fade)))[: len(here)].astype(np.float32)
        start += len(clip) - fade
        number += 1
    return sound


def _slopes(length: int, fade: int) -> NDArray[np.float64]:
    """Gain `(length,)`, 1 but for straight slopes at either end."""
    rise = (np.arange(length) + 0.5) / max(1, min(fade, length // 2))
    return np.minimum(1.0, np.minimum(rise, rise[::-1]))
