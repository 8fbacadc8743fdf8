"""The newest calls of a source: when a bird was audible, and what it was taken for. No terminal in here."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from monitor.core.clock import samples
from monitor.core.naming import CallName, call_name, is_bird

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.core.events import ActivityChange, SpeciesDetection, TagDetection
    from monitor.core.types import Span

CALLS_KEPT = 64
"""Calls of one source."""
_BACK = 8
"""How far back the call is looked for that a tag belongs to."""
_STALE = samples(15.0)
"""A provisional tag that has waited so long for its final one, in engine samples, is shown no more."""


@dataclass(slots=True)
class Call:
    """A stretch with an audible bird."""

    source: str
    span: Span
    """From the onset to the newest window, or to the end."""
    utc_ns: int | None
    """When it began, None when unknown."""
    order: int
    """Row of the event log: a later call of any source has a higher one."""
    active: bool
    """Whether it goes on."""
    probability: float
    """The highest gate probability so far, 0..1."""
    tag: TagDetection | None = None
    """What it was taken for; None before the first tag, and without a tagger."""
    heard: SpeciesDetection | None = None
    """The most probable bird that a classifier heard in it."""

    @property
    def name(self) -> CallName | None:
        """What it is called, by the rule of `monitor.core.naming`."""
        return call_name(self.tag, () if self.heard is None else (self.heard,))

    def hear(self, detection: SpeciesDetection) -> None:
        """A classifier heard a bird in it."""
        if self.heard is None or detection.score > self.heard.score:
            self.heard = detection


class Calls:
    """Calls and tags of one source; bounded."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self._heard: deque[SpeciesDetection] = deque(maxlen=_BACK)
        """The newest birds of classifiers: a call may be told of after them."""

    def __iter__(self) -> Iterator[Call]:
        """Newest first."""
        return reversed(self._calls)

    def provisional(self, head: int) -> TagDetection | None:
        """What the newest call is taken for until its final tag comes, as of engine index `head`."""
        tag = self._calls[-1].tag if self._calls else None
        return tag if tag and tag.provisional and head - tag.span.end < _STALE else None

    def fold_activity(self, change: ActivityChange, utc_ns: int | None, order: int) -> None:
        """A call began or ended."""
        known = next((call for call in self._newest() if call.span.start == change.span.start), None)
        if known is None:
            known = Call(self._source, change.span, utc_ns, order, change.active, change.probability)
            self._calls.append(known)
        else:
            known.span, known.active, known.probability = change.span, change.active, change.probability
        for detection in self._heard:
            if detection.span.overlaps(known.span):
                known.hear(detection)

    def fold_tag(self, tag: TagDetection) -> None:
        """The newest call in its span was taken for something; of those before it, it says nothing new."""
        call = next((call for call in self._newest() if call.span.overlaps(tag.span)), None)
        if call is not None and (call.tag is None or call.tag.provisional):
            call.tag = tag

    def fold_species(self, detection: SpeciesDetection) -> None:
        """A classifier heard something; only birds name calls."""
        if not is_bird(detection):
            return
        self._heard.append(detection)
        for call in self._newest():
            if call.span.overlaps(detection.span):
                call.hear(detection)

    def clear(self) -> None:
        """The stream begins anew."""
        self._calls.clear()
        self._heard.clear()

    def _newest(self) -> Iterator[Call]:
        return islice(reversed(self._calls), _BACK)
