"""The sound-class branch, wired by hand.

16 kHz -> modulation features, nine values every 2 s -> windows of five -> classifier -> readings
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.engine.branch import Branch
from monitor.features.ams import AmsFrontend
from monitor.features.windows import Windower
from monitor.scene.soundclass import SoundClassifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from monitor.core.stage import Stage
    from monitor.engine.shelf import Shelf
    from monitor.inference.bundle import Bundle
    from monitor.settings import SoundSettings

    Timed = Callable[[str, Stage[Any, Any]], Stage[Any, Any]]

DEFAULT_SOUND_CLASS = "sound-class"
"""Bundle that is used where the settings name none, if it is there."""


def load_sound_class(settings: SoundSettings, shelf: Shelf) -> Bundle | None:
    """The bundle that the settings ask for, None where there is none. Raises BundleError when it is no such one."""
    if not settings.enabled or (settings.model is None and not shelf.has(DEFAULT_SOUND_CLASS)):
        return None
    bundle = shelf.take(settings.model or DEFAULT_SOUND_CLASS)
    SoundClassifier(bundle)  # a bundle of another task is refused here, before any audio comes
    return bundle


def sound_class_branch(bundle: Bundle, time_constant_s: float, timed: Timed) -> Branch:
    """Blocks at 16 kHz -> readings, one every ten seconds."""
    classifier = SoundClassifier(bundle, time_constant_s)
    windows = Windower(classifier.spec, classifier.cut.frames, classifier.cut.hop)
    return Branch(
        "sound class",
        [
            timed("sound-class features", AmsFrontend(classifier.spec)),
            timed("sound-class windows", windows),
            timed("sound-class classifier", classifier),
        ],
    )
