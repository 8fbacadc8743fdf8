"""What the sound-class stages are fed: windows of modulation features, of every class in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.clock import native_index
from monitor.core.types import Window
from monitor.features.ams_spec import AMS_PLAIN
from monitor.features.windows import Windower

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class ModulationWindows:
    """Windows of five vectors. They cannot be cut."""

    count: int

    def length(self) -> int:
        return self.count

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[Window]:
        generator = np.random.default_rng(29)
        windower = Windower(AMS_PLAIN, 5, 5)
        first_frame = -(-native_index(at, AMS_PLAIN.rate) // AMS_PLAIN.hop)
        first = -(-first_frame // 5) * 5
        for number in range(self.count):
            values = generator.uniform(-60.0, -50.0, (5, AMS_PLAIN.bands)).astype(np.float32)
            values[:, 3 + number // 3 % 3] += 30.0
            yield Window(values, windower.span_of(first + 5 * number), AMS_PLAIN.fingerprint)

    def end(self, item: Window) -> int:
        return item.span.end
