"""The scene as context for the other branches: what the settings say is marked as suppressed, and goes on to the log.

A policy holds while its scene is the settled one, as of the moment when a reading is made. A scene that is no longer
told of is none after a while.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.core.clock import samples
from monitor.core.events import TagDetection
from monitor.core.scene_readings import SceneReading, SceneState
from monitor.core.species_readings import SpeciesDetection
from monitor.machines.anomaly import Raised

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.core.events import Reading
    from monitor.settings import ScenePolicy

STALE = samples(10.0)
"""Engine samples after which a scene that is no longer told of does not count: its branch failed, or is overloaded."""

_KINDS: dict[str, type[TagDetection] | type[SpeciesDetection]] = {
    "bird_tags": TagDetection,
    "known_species": SpeciesDetection,
}
"""Word of the settings -> what it suppresses."""


class ScenePolicies:
    """What holds now; without a policy it changes nothing."""

    def __init__(self, policies: Sequence[ScenePolicy]) -> None:
        self._policies = tuple(policies)
        self._newest: SceneReading | None = None

    def forget(self) -> None:
        """The stream begins anew: there is no scene."""
        self._newest = None

    def note(self, told: Iterable[Reading]) -> None:
        """What the scene branch said."""
        for reading in told:
            if isinstance(reading, SceneReading):
                self._newest = reading

    def scene(self, now: int) -> str | None:
        """The settled scene at engine index `now`; None while there is none."""
        newest = self._newest
        if newest is None or newest.state is not SceneState.READY or now - newest.span.end > STALE:
            return None
        return newest.label

    def raised(self, now: int) -> Raised:
        """How much rarer than usual a machine must sound for an alarm."""
        policies = self._holding(now)
        rarer = max((policy.alarm_rarer for policy in policies), default=1.0)
        return Raised(rarer, _why(policies[0])) if rarer > 1.0 else Raised()

    def marked(self, readings: Sequence[Reading], now: int) -> list[Reading]:
        """The same readings, those that a policy suppresses marked with its scene."""
        policies = self._holding(now)
        why = {_KINDS[word]: _why(policy) for policy in policies for word in policy.suppress}
        if not why:
            return list(readings)
        return [
            replace(reading, suppressed=why[type(reading)])
            if isinstance(reading, TagDetection | SpeciesDetection) and type(reading) in why
            else reading
            for reading in readings
        ]

    def _holding(self, now: int) -> list[ScenePolicy]:
        scene = self.scene(now) if self._policies else None
        return [policy for policy in self._policies if policy.scene == scene]


def _why(policy: ScenePolicy) -> str:
    return f"scene {policy.scene}"
