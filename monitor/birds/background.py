"""How often a species is named in sound that does not hold it: the gate and the tagger over a background recording."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import TYPE_CHECKING

from monitor.birds.frames import Follower, frame_blocks
from monitor.birds.gate import Gate
from monitor.birds.sound_embedder import SoundEmbedder
from monitor.birds.tagger import Tagger
from monitor.core.clock import seconds
from monitor.features.windows import Windower

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.birds.enrolled import Enrolled
    from monitor.birds.gate import GateThresholds
    from monitor.birds.sound_embedder import AnyEmbedder
    from monitor.core.events import TagDetection
    from monitor.core.types import AudioBlock, Span
    from monitor.inference.bundle import Bundle

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class FalseTags:
    """Tags of a species in sound that does not hold it."""

    places: tuple[tuple[str, Span], ...]
    """Recording and stretch of each."""
    heard: int
    """Engine samples that were listened to."""

    @property
    def count(self) -> int:
        """Of tags, a continued call once."""
        return len(self.places)

    @property
    def hours(self) -> float:
        """That were listened to."""
        return seconds(self.heard) / 3600.0

    @property
    def per_day(self) -> float:
        """Tags in 24 hours."""
        return self.count * DAY_S / seconds(self.heard)

    @property
    def most_per_day(self) -> float:
        """Upper bound of the rate, 95 % (Poisson)."""
        return poisson_bound(self.count) * DAY_S / seconds(self.heard)


def poisson_bound(count: int, confidence: float = 0.95) -> float:
    """The mean so high that more than `count` events come with probability `confidence`; 3.0 for none."""
    low, high = 0.0, 10.0 + 2.0 * count + 10.0 * sqrt(count)
    while high - low > 1e-9 * high:
        middle = 0.5 * (low + high)
        # P(at most count), from its logarithms: terms of a large mean underflow.
        term, most = -middle, -middle
        terms = [term]
        for number in range(1, count + 1):
            term += log(middle / number)
            terms.append(term)
            most = max(most, term)
        chance = exp(most) * sum(exp(value - most) for value in terms)
        low, high = (middle, high) if chance > 1.0 - confidence else (low, middle)
    return high


def final_tags(
    blocks: Iterable[AudioBlock],
    gate_bundle: Bundle,
    embedder: AnyEmbedder,
    enrolled: Enrolled,
    thresholds: GateThresholds | None = None,
) -> Iterator[TagDetection]:
    """What the monitor would tell of a recording at 48 kHz that begins at 0: final tags, a continued call once."""
    gate = Gate(gate_bundle, thresholds)
    tagger = Tagger(embedder, gate_bundle, thresholds)
    tagger.enrolled = enrolled
    cut = gate_bundle.manifest.window
    windower = Windower(gate.spec, cut.frames, cut.hop)
    behind = Follower()
    sound = isinstance(embedder, SoundEmbedder)
    for frames in frame_blocks(behind.over(blocks) if sound else blocks, gate.spec):
        tags = [tag for item in (behind.take() if sound else (frames,)) for tag in tagger.push(item)]
        for window in windower.push(frames):
            for heard in gate.push(window):
                tags += tagger.push(heard)
        yield from filter(_counts, tags)
    for item in behind.take():
        tagger.push(item)
    last = [tag for change in gate.flush() for tag in tagger.push(change)]
    yield from filter(_counts, [*last, *tagger.flush()])


def _counts(tag: TagDetection) -> bool:
    return not tag.provisional and not tag.continues
