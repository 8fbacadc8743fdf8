"""What the scene stages are fed: windows loud in one part of the spectrum after another, and their scores.

None of them can be cut, so that every size gives the same items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.clock import native_index
from monitor.core.types import Window
from monitor.features.spec import SCENE
from monitor.features.windows import Windower
from monitor.scene.classifier import SceneScores
from tests.helpers.tiny_scene import BANDS, FRAMES, HOP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.core.types import Span


@dataclass(frozen=True)
class SceneWindows:
    """Windows of one second, a few of each label."""

    count: int

    def length(self) -> int:
        return self.count

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[Window]:
        generator = np.random.default_rng(23)
        for number, span in enumerate(_spans(self.count, at)):
            first, end = list(BANDS.values())[number // 3 % len(BANDS)]
            values = generator.uniform(-11.0, -6.0, (FRAMES, SCENE.bands)).astype(np.float32)
            values[:, first:end] += 8.0
            yield Window(values, span, SCENE.fingerprint)

    def end(self, item: Window) -> int:
        return item.span.end


@dataclass(frozen=True)
class Scores:
    """Scores that lead to one label, change their mind for a moment, lead to another, and to none; some are missing."""

    count: int

    def length(self) -> int:
        return self.count

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[SceneScores]:
        generator = np.random.default_rng(29)
        for number, span in enumerate(_spans(self.count, at)):
            logits = generator.normal(0.0, 0.5, len(BANDS))
            logits[number // 15 % 3] += 0.0 if number % 40 > 33 else 4.0
            logits[2] += 4.0 * (number == 8)
            if number % 23 == 20:
                continue
            grown = np.exp(logits)
            yield SceneScores(span, (grown / grown.sum()).astype(np.float32))

    def end(self, item: SceneScores) -> int:
        return item.span.end


def _spans(count: int, at: int) -> Iterator[Span]:
    """Of windows from engine index `at` on."""
    windower = Windower(SCENE, FRAMES, HOP)
    first = -(-native_index(at, SCENE.rate) // SCENE.hop)
    for number in range(count):
        yield windower.span_of((-(-first // HOP) + number) * HOP)
