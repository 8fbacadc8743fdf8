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
    from collections.abc import Callable, Sequence
    from typing import Any

    from monitor.core.stage import Stage
    from monitor.core.types import Window
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


class SoundClassBranch(Branch):
    """Blocks at 16 kHz -> readings, one every ten seconds."""

    def __init__(self, classifier: SoundClassifier, stages: Sequence[Stage[Any, Any]]) -> None:
        super().__init__("sound class", stages)
        self._classifier = classifier

    @property
    def bundle(self) -> Bundle:
        """The model that tells classes; may be exchanged between two pushes, and no window is lost by it."""
        return self._classifier.bundle

    @bundle.setter
    def bundle(self, value: Bundle) -> None:
        """Raises BundleError when that one takes or tells something else."""
        if value is not self._classifier.bundle:
            self._classifier.exchange(value)


def sound_class_branch(
    bundle: Bundle, time_constant_s: float, timed: Timed, heard: Callable[[Window], None] | None = None
) -> SoundClassBranch:
    """The branch, wired; `heard` is handed each window that the classifier is."""
    classifier = SoundClassifier(bundle, time_constant_s)
    stages = [
        timed("sound-class features", AmsFrontend(classifier.spec)),
        timed("sound-class windows", Windower(classifier.spec, classifier.cut.frames, classifier.cut.hop)),
        *([_Listening(heard)] if heard else []),
        timed("sound-class classifier", classifier),
    ]
    return SoundClassBranch(classifier, stages)


class _Listening:
    """Stage that lets windows through and shows them to somebody."""

    latency = 0

    def __init__(self, heard: Callable[[Window], None]) -> None:
        self._heard = heard

    def push(self, item: Window) -> Sequence[Window]:
        self._heard(item)
        return (item,)

    def flush(self) -> Sequence[Window]:
        return ()

    def reset(self, at: int) -> None:
        """Nothing to forget."""
