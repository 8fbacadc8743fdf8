"""Many filter banks at once: every audio band with every modulation band of a grid, measured as the monitor does.

A bank is three of the audio bands and three of the modulation bands, so its values are a selection of these, and
thousands of banks can be judged without filtering any sound again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from monitor.features.ams_spec import AMS_PLAIN, CHUNKS, AmsSpec
from training.sound.render import FRAMES, draw_sounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.sound.recipe import SoundRecipe
    from training.sound.source import SoundSource

Band = tuple[float, float]

SALT = 17
"""Keeps the search's sounds apart from the examples that train and test."""


def _grid() -> tuple[tuple[Band, ...], tuple[Band, ...]]:
    """Half, whole and double octaves from 62.5 to 7 500 Hz and a few wide bands; octaves and pairs of them."""
    edges = [float(f"{62.5 * 2 ** (step / 2):.4g}") for step in range(14)] + [7500.0]
    audio = [(edges[a], edges[a + width]) for width in (1, 2, 4) for a in range(len(edges) - width)]
    audio += [(edges[0], edges[-1]), (edges[4], edges[-1]), (edges[2], edges[12])]
    audio += zip(AMS_PLAIN.audio_low_hz, AMS_PLAIN.audio_high_hz, strict=True)
    paces = [0.5 * 2.0**step for step in range(10)]
    modulation = [(0.0, 2.0)]
    modulation += [(paces[a], paces[a + width]) for width in (1, 2) for a in range(len(paces) - width)]
    return tuple(dict.fromkeys(audio)), tuple(modulation)


AUDIO, MODULATION = _grid()
"""Cut-offs in Hz; the plain bank's are among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Dictionary:
    """What the search looks at."""

    values: NDArray[np.float32]
    """`(n, 5, audio bands, modulation bands)` in dB."""
    labels: NDArray[np.int64]
    """`(n,)`: places in `LABELS`."""
    folds: NDArray[np.int64]
    """`(n,)`."""

    def of(self, audio: tuple[int, ...], modulation: tuple[int, ...]) -> NDArray[np.float32]:
        """Vectors `(n, 5, 9)` of the bank that has those bands."""
        chosen = self.values[:, :, list(audio)][:, :, :, list(modulation)]
        return np.ascontiguousarray(chosen.reshape(len(chosen), FRAMES, -1))


def bank_of(audio: tuple[int, ...], modulation: tuple[int, ...]) -> AmsSpec:
    """The spec of a selection."""
    return AmsSpec(
        AMS_PLAIN.name,
        tuple(AUDIO[place][0] for place in audio),
        tuple(AUDIO[place][1] for place in audio),
        tuple(MODULATION[place][0] for place in modulation),
        tuple(MODULATION[place][1] for place in modulation),
    )


def plain_places() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The selection that is the plain bank."""
    audio = zip(AMS_PLAIN.audio_low_hz, AMS_PLAIN.audio_high_hz, strict=True)
    modulation = zip(AMS_PLAIN.modulation_low_hz, AMS_PLAIN.modulation_high_hz, strict=True)
    return tuple(AUDIO.index(band) for band in audio), tuple(MODULATION.index(band) for band in modulation)


class Filters:
    """The filters of the grid, all of them at a time: what `AmsBank` does, over whole sounds."""

    def __init__(self, spec: AmsSpec = AMS_PLAIN) -> None:
        from scipy import signal as untyped

        signal = cast("Any", untyped)
        self._spec = spec
        self._filter = signal.sosfilt
        slow = spec.rate / spec.decimation
        self._audio = [signal.butter(spec.audio_order, cut, "bandpass", fs=spec.rate, output="sos") for cut in AUDIO]
        self._modulation = [
            signal.butter(spec.modulation_order, cut, "bandpass", fs=slow, output="sos")
            if cut[0] > 0
            else signal.butter(2 * spec.modulation_order, cut[1], "lowpass", fs=slow, output="sos")
            for cut in MODULATION
        ]
        self._settled = [signal.sosfilt_zi(sections) for sections in self._modulation]

    def __call__(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 `(n,)` at 16 kHz -> `(frames, audio bands, modulation bands)` in dB."""
        spec = self._spec
        frames = spec.frames_in(len(sound))
        wide = sound[: frames * spec.hop].astype(np.float64)
        envelopes = np.stack(
            [np.abs(self._filter(sections, wide)).reshape(-1, spec.decimation).mean(axis=1) for sections in self._audio]
        )
        # As in the monitor: it begins as if it had always been what it is on average in the first chunk.
        begun = envelopes[:, : spec.hop // CHUNKS // spec.decimation].mean(axis=1)
        found = np.empty((frames, len(AUDIO), len(MODULATION)), dtype=np.float32)
        for place, (sections, settled) in enumerate(zip(self._modulation, self._settled, strict=True)):
            states = settled[:, None, :] * begun[None, :, None]
            band, _ = self._filter(sections, envelopes, axis=1, zi=states)
            power = np.square(band).reshape(len(AUDIO), frames, -1).mean(axis=2)
            found[:, :, place] = 10.0 * np.log10(power.T + spec.floor)
        return found


def load_dictionary(recipe: SoundRecipe, source: SoundSource, progress: Callable[[str], None]) -> Dictionary:
    """Of the folds that the search hears, measured now unless the cache has it; a fold is on disk when it is done."""
    parts: list[Dictionary] = []
    for fold in range(recipe.search.folds):
        salt = f"{source.name} {fold} {recipe.search.examples} {AUDIO} {MODULATION}"
        path = Path(recipe.cache) / f"dictionary-{recipe.search_key(salt)}.npz"
        if not path.is_file():
            _measure(recipe, source, fold, path)
            progress(f"measured every band of fold {fold + 1} of {recipe.search.folds} for the search")
        with np.load(path, allow_pickle=False) as kept:
            labels = kept["labels"]
            parts.append(Dictionary(kept["values"], labels, np.full(len(labels), fold)))
    return Dictionary(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.folds for part in parts]),
    )


def _measure(recipe: SoundRecipe, source: SoundSource, fold: int, path: Path) -> None:
    filters = Filters()
    values: list[NDArray[np.float32]] = []
    labels: list[int] = []
    for place, _, sound in draw_sounds(recipe, source, fold, recipe.search.examples, recipe.seed + SALT):
        values.append(filters(sound))
        labels.append(place)
    scratch = path.with_suffix(".part")
    with scratch.open("wb") as stream:
        np.savez(stream, values=np.stack(values), labels=np.array(labels, dtype=np.int64))
    scratch.replace(path)
