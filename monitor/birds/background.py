"""How often a species is named in sound that does not hold it: the gate and the tagger over a background recording."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import TYPE_CHECKING, Any

from monitor.birds.frames import Follower, covered, frame_blocks
from monitor.birds.gate import Gate
from monitor.birds.sound_embedder import SoundEmbedder
from monitor.birds.tagger import Tagger
from monitor.core.clock import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.birds.enrolled import Enrolled
    from monitor.birds.gate import GateThresholds
    from monitor.birds.sound_embedder import AnyEmbedder
    from monitor.core.events import TagDetection
    from monitor.core.stage import Stage
    from monitor.core.types import AudioBlock, FeatureBlock, Span
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
    windower = gate.windows()
    behind = Follower()
    sound = isinstance(embedder, SoundEmbedder)
    for frames in frame_blocks(behind.over(blocks), gate.spec):
        passed = behind.take(covered(frames, gate.spec))
        yield from filter(_counts, _heard(passed if sound else (frames,), tagger))
        for item in passed if gate.grid.takes_sound else (frames,):
            yield from filter(_counts, _judged(windower, item, gate, tagger))
    rest = behind.take()
    last = _heard(rest if sound else (), tagger)
    last += [tag for item in (rest if gate.grid.takes_sound else ()) for tag in _judged(windower, item, gate, tagger)]
    last += [tag for change in gate.flush() for tag in tagger.push(change)]
    yield from filter(_counts, [*last, *tagger.flush()])


def _heard(items: Iterable[FeatureBlock | AudioBlock], tagger: Tagger) -> list[TagDetection]:
    return [tag for item in items for tag in tagger.push(item)]


def _judged(
    windower: Stage[Any, Any], item: FeatureBlock | AudioBlock, gate: Gate, tagger: Tagger
) -> list[TagDetection]:
    """What the tagger makes of what the gate makes of it."""
    return [tag for window in windower.push(item) for told in gate.push(window) for tag in tagger.push(told)]


def _counts(tag: TagDetection) -> bool:
    return not tag.provisional and not tag.continues
