"""The privacy mode of an engine: a gate for each source, and what those ask who want to write a clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.core.clock import samples, seconds
from monitor.core.species_readings import SoundKind
from monitor.core.text import writable
from monitor.engine.privacy import PrivacyGate, PrivacyOptions, Verdict
from monitor.errors import SettingsError, UsageError
from monitor.scene.soundclass import SoundClassifier

if TYPE_CHECKING:
    from monitor.core.types import Span
    from monitor.engine.models import Models
    from monitor.settings import PrivacySettings

SOURCES = 16
"""Gates kept; of more (a replay of a folder has thousands) those that began first are forgotten."""


class PrivacyBook:
    """The gates of an engine's sources, by their names."""

    def __init__(self, options: PrivacyOptions) -> None:
        self._options = options
        self._gates: dict[str, PrivacyGate] = {}

    def gate(self, source: str) -> PrivacyGate:
        """A fresh gate for a source that begins."""
        name = writable(source)
        self._gates.pop(name, None)
        while len(self._gates) >= SOURCES:
            del self._gates[next(iter(self._gates))]
        gate = self._gates[name] = PrivacyGate(self._options)
        return gate

    def verdict(self, source: str, span: Span) -> Verdict:
        """Whether a clip of a source may be written. Of a source that is not known it may not."""
        gate = self._gates.get(writable(source))
        return Verdict.WITHHELD if gate is None else gate.verdict(span)

    def count_clip(self, source: str) -> None:
        """A clip of a source was asked for and is not written: its next event tells how many."""
        gate = self._gates.get(writable(source))
        if gate is not None:
            gate.count_clip()

    def require(self, source: str, span: Span) -> None:
        """Raises UsageError when a clip that a person asked for must not be written, or not yet."""
        verdict = self.verdict(source, span)
        if verdict is Verdict.CLEAR:
            return
        what = f"audio at {seconds(span.start):.1f} s"
        if verdict is Verdict.WAIT:
            patience = 2 * seconds(self._options.decision)
            remedy = f"Try again in {patience:.0f} seconds"
            raise UsageError(what, "it is not known yet whether somebody speaks in it (privacy mode)", remedy)
        self.count_clip(source)
        why = "somebody speaks in it, or nobody can tell, and the privacy mode keeps no such audio"
        raise UsageError(what, why, "Choose another call, or use a recording")


def open_privacy(settings: PrivacySettings, models: Models) -> PrivacyBook | None:
    """None when the mode is off. Raises SettingsError when there is no model that can tell speech."""
    if settings.mode == "off":
        return None
    if models.sound_class is None:
        why = "nothing can tell speech: there is no model of sound classes"
        remedy = "Set sound.enabled to true and sound.model to a bundle (`auricle models list`), or privacy.mode to off"
        raise SettingsError("privacy.mode", why, remedy)
    classifier = SoundClassifier(models.sound_class)
    hears = [one for one in models.classifiers if any(label.kind is SoundKind.VOICE for label in one.labels)]
    options = PrivacyOptions(
        settings.threshold,
        samples(settings.hold_s),
        classifier.cut.frames * classifier.spec.engine_hop,
        max((one.window_length + one.hop_length for one in hears), default=0),
        settings.voice,
    )
    return PrivacyBook(options)
