"""Windows rendered once in the waveform domain, kept as features, and handed to training."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from monitor.features.frontend import Kernel
from training.data.mixtures import Colouring, colour, coloured_noise, cut, mix, power, to_level
from training.data.pool import NEVER_BEHIND, Content, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.features.spec import FeatureSpec
    from training.config import Mixing
    from training.data.audio import AudioStore

RENDER_VERSION = 3
"""Raised when the same settings give other examples; cached ones are then made again."""

LEAST_LEFT = 0.1
"""Of a bird's power above the wind that a filter must leave; else it is not applied, or the label would be wrong."""

ABOVE_WIND = Colouring(400.0, 1e9, 0.0)

CHUNK = 250
"""Windows that a worker renders at a time."""


NAMES = ("features", "labels", "folds", "contents", "snr_db", "components")


@dataclass(frozen=True, slots=True)
class Examples:
    """Rendered windows."""

    folder: Path
    """Where they lie."""
    features: NDArray[np.float16]
    """`(n, frames, bands)`, dB."""
    labels: NDArray[np.float32]
    """`(n,)`, 1 with a bird, 0 without."""
    folds: NDArray[np.int64]
    """`(n,)`, bit f is set where ESC-50 fold f went in."""
    contents: NDArray[np.int64]
    """`(n,)`, index into `list(Content)` of the first source."""
    snr_db: NDArray[np.float32]
    """`(n,)`, not a number where there is one source."""
    components: NDArray[np.int64]
    """`(n,)`, hash of the component of the first source, for resampling by recording."""

    def __len__(self) -> int:
        return len(self.labels)

    def without_fold(self, fold: int) -> NDArray[np.int64]:
        """Indices of the examples that no clip of the fold went into."""
        return np.flatnonzero(self.folds & (1 << fold) == 0)


class ExampleDataset(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Features float32 `(frames, bands)` in dB and the label, of chosen examples."""

    def __init__(self, examples: Examples, indices: NDArray[np.int64]) -> None:
        self._examples = examples
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        features, labels = self.__getitems__([item])
        return features[0], labels[0]

    def __getitems__(self, items: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """A whole batch at once: indexing one by one costs more than the network."""
        rows = self._indices[items]
        features = torch.from_numpy(self._examples.features[rows].astype(np.float32))
        return features, torch.from_numpy(self._examples.labels[rows])


class Renderer:
    """Makes example i from the seed and i alone, whatever was made before."""

    def __init__(
        self,
        pool: Sequence[Place],
        store: AudioStore,
        spec: FeatureSpec,
        frames: int,
        mixings: Sequence[tuple[Mixing, float]],
        seed: int,
    ) -> None:
        """`mixings` come with the share of examples that are made with each; the shares sum to 1."""
        self._store = store
        self._kernel = Kernel(spec)
        self._length = spec.samples_in(frames)
        self._mixings = mixings
        self._seed = seed
        self._places: dict[Content, dict[str, list[Place]]] = {content: {} for content in Content}
        for place in pool:
            self._places[place.content].setdefault(place.path, []).append(place)
        self._paths = {content: sorted(places) for content, places in self._places.items()}

    def __call__(self, index: int) -> tuple[NDArray[np.float16], float, int, int, float, int]:
        """Features, label, fold bits, content, SNR and component hash of example `index`."""
        generator = np.random.default_rng([self._seed, index])
        chosen = generator.choice(len(self._mixings), p=[share for _, share in self._mixings])
        mixing = self._mixings[int(chosen)][0]
        bird = generator.random() < mixing.bird_share
        first = self._draw_bird(mixing, generator) if bird else self._draw_other(mixing, generator)
        places = [first]
        samples = self._samples(first)
        colouring = self._colouring(mixing, generator)
        coloured = colour(samples, colouring, self._kernel.spec.rate)
        if bird and power(coloured) < LEAST_LEFT * power(colour(samples, ABOVE_WIND, self._kernel.spec.rate)):
            colouring = Colouring(0.0, 1e9, 0.0)
            coloured = samples
        snr_db = float("nan")
        if generator.random() < mixing.background_share:
            second = self._draw_other(mixing, generator, folds=first.folds)
            places.append(second)
            snr_db = float(generator.uniform(*mixing.snr_db))
            background = colour(self._samples(second), colouring, self._kernel.spec.rate)
            coloured = mix(coloured, background, snr_db)
        if generator.random() < mixing.hiss_share:
            hiss = coloured_noise(self._length, float(generator.uniform(0.0, 2.0)), generator)
            coloured = mix(coloured, hiss, float(generator.uniform(*mixing.hiss_db)))
        level = float(generator.uniform(*mixing.level_dbfs))
        features = self._kernel(to_level(coloured, level)).astype(np.float16)
        bits = sum(1 << fold for fold in frozenset().union(*(place.folds for place in places)))
        content = list(Content).index(first.content)
        component = int.from_bytes(hashlib.sha256(first.component.encode()).digest()[:7], "big")
        return features, float(bird), bits, content, snr_db, component

    def _draw_bird(self, mixing: Mixing, generator: np.random.Generator) -> Place:
        esc50 = generator.random() < mixing.esc50_bird_share
        content = Content.ESC50_BIRD if esc50 and self._paths[Content.ESC50_BIRD] else Content.BIRD
        return self._draw(content, generator)

    def _draw_other(self, mixing: Mixing, generator: np.random.Generator, folds: frozenset[int] | None = None) -> Place:
        """A window without bird; with `folds` one that may stand behind a source of these ESC-50 folds."""
        if self._paths[Content.PAUSE] and folds is None and generator.random() < mixing.pause_share:
            return self._draw(Content.PAUSE, generator)
        shares = {Content(c): share for c, share in mixing.shares.items() if self._paths[Content(c)] and share > 0}
        if folds is not None:
            shares = {content: share for content, share in shares.items() if content not in NEVER_BEHIND}
        chances = np.array(list(shares.values())) / sum(shares.values())
        for _ in range(100):
            place = self._draw(list(shares)[int(generator.choice(len(shares), p=chances))], generator)
            # Two folds in one example would keep it from half of the models.
            if not folds or not place.folds or place.folds == folds:
                return place
        raise RuntimeError("no background of the same fold within 100 draws")

    def _draw(self, content: Content, generator: np.random.Generator) -> Place:
        """Each recording is as likely as another, then each of its windows."""
        paths = self._paths[content]
        places = self._places[content][paths[int(generator.integers(len(paths)))]]
        return places[int(generator.integers(len(places)))]

    def _samples(self, place: Place) -> NDArray[np.float32]:
        return cut(self._store[place.path], place.start, self._length)

    def _colouring(self, mixing: Mixing, generator: np.random.Generator) -> Colouring:
        low, high, tilt = 0.0, 1e9, 0.0
        if generator.random() < mixing.low_pass_share:
            high = float(np.exp(generator.uniform(*np.log(mixing.low_pass_hz))))
        if generator.random() < mixing.high_pass_share:
            low = float(np.exp(generator.uniform(*np.log(mixing.high_pass_hz))))
        if generator.random() < mixing.tilt_share:
            tilt = float(generator.uniform(*mixing.tilt_db))
        return Colouring(low, high, tilt)


_renderer: Renderer | None = None


def _render_range(bounds: tuple[int, int]) -> list[tuple[NDArray[np.float16], float, int, int, float, int]]:
    if _renderer is None:
        raise RuntimeError("the renderer is set before the workers are forked")
    return [_renderer(index) for index in range(*bounds)]


def rendered(
    renderer: Renderer, count: int, cache: Path, key: str, workers: int, progress: Callable[[str], None]
) -> Examples:
    """`count` examples, from `cache` when they were made before under the same key."""
    folder = cache / f"examples-{key}"
    if not (folder / "done.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        bounds = [(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
        rows: list[tuple[NDArray[np.float16], float, int, int, float, int]] = []
        for i, part in enumerate(_map(renderer, bounds, workers)):
            rows += part
            if (i + 1) % 20 == 0:
                progress(f"rendered {len(rows)} of {count} windows")
        types = (np.float16, np.float32, np.int64, np.int64, np.float32, np.int64)
        for name, dtype, column in zip(NAMES, types, zip(*rows, strict=True), strict=True):
            np.save(folder / f"{name}.npy", np.asarray(column, dtype=dtype))
        (folder / "done.json").write_text(json.dumps({"count": count}))
    return load_examples(folder)


def load_examples(folder: Path) -> Examples:
    """What `rendered` left in a folder; features stay on disk, so that several processes share them."""
    return Examples(folder, *(np.load(folder / f"{name}.npy", mmap_mode="r") for name in NAMES))


def _map(
    renderer: Renderer, bounds: list[tuple[int, int]], workers: int
) -> Iterator[list[tuple[NDArray[np.float16], float, int, int, float, int]]]:
    global _renderer  # noqa: PLW0603 forked workers inherit it; sending the pool to each call would cost more
    _renderer = renderer
    if workers == 1:
        yield from map(_render_range, bounds)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as executor:
        yield from executor.map(_render_range, bounds)
