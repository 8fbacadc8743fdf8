"""The scene branch, wired by hand.

48 kHz -> 32 kHz -> frames -> windows of about 1 s, one a second -> classifier -> smoothing -> readings, changes
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.audio.resample import Decimate
from monitor.core.clock import seconds
from monitor.core.scene_readings import UNKNOWN, SceneReading, SceneState
from monitor.core.types import Span
from monitor.errors import AuricleError, BundleError, SettingsError, raise_all
from monitor.features.frontend import Frontend
from monitor.features.windows import Windower
from monitor.scene.classifier import RATE, SceneClassifier
from monitor.scene.smoothing import SceneSmoother, Settling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from monitor.core.events import Reading
    from monitor.core.stage import Stage
    from monitor.core.types import AudioBlock, FeatureBlock, Window
    from monitor.engine.shelf import Shelf
    from monitor.settings import ScenePolicy, SceneSettings

    Timed = Callable[[str, Stage[Any, Any]], Stage[Any, Any]]

DEFAULT_SCENE = "scene"
"""Bundle that is used where the settings name none, if it is there."""


@dataclass(frozen=True, slots=True)
class SceneModel:
    """What scenes are told with, ready to run."""

    classifier: SceneClassifier
    settling: Settling
    policies: tuple[ScenePolicy, ...] = ()
    """What a scene means for the other branches."""


def load_scene(settings: SceneSettings, shelf: Shelf) -> SceneModel | None:
    """The classifier that the settings ask for, None where there is none.

    Raises BundleError or SettingsError, or StartError where several things are wrong.
    """
    if not settings.enabled or (settings.model is None and not shelf.has(DEFAULT_SCENE)):
        if settings.policies:
            why = "nothing tells scenes" if settings.enabled else "scene.enabled is false"
            remedy = "Give scene.model a classifier of scenes, or take the policies out"
            raise SettingsError("scene.policies", why, remedy)
        return None
    classifier = SceneClassifier(shelf.take(settings.model or DEFAULT_SCENE))
    name = f"model {classifier.bundle.manifest.id}"
    known = classifier.known if settings.known is None else settings.known
    errors: list[AuricleError] = []
    if known is None:
        why = "has no threshold `known`, below which a scene is unknown"
        errors.append(BundleError(name, why, "Set scene.known"))
    scenes = (*(label for label in classifier.labels if label != classifier.reject), UNKNOWN)
    # A name that is misspelt would leave its policy without effect, and nobody would know.
    errors += [
        SettingsError("scene.policies", f"{name} does not know `{policy.scene}`", f"It knows {', '.join(scenes)}")
        for policy in settings.policies
        if policy.scene not in scenes
    ]
    raise_all(errors)
    settling = Settling(known or 0.0, settings.time_constant_s, settings.hold_s, settings.margin)
    return SceneModel(classifier, settling, settings.policies)


class SceneBranch:
    """Blocks at the engine rate -> readings; of a stream too short for a window, one that says so.

    While `shedding`, windows are dropped in front of the classifier, and counted.
    """

    name = "scene"

    def __init__(self, model: SceneModel, timed: Timed) -> None:
        classifier = model.classifier
        self.shedding = False
        self.dropped_windows = 0
        self._window_s = seconds(classifier.window_length)
        self._at_32_khz: Stage[AudioBlock, AudioBlock] = timed("32 kHz", Decimate(RATE))
        self._frames: Stage[AudioBlock, FeatureBlock] = timed("scene frames", Frontend(classifier.spec))
        windower = Windower(classifier.spec, classifier.cut.frames, classifier.cut.hop)
        self._windows: Stage[FeatureBlock, Window] = timed("scene windows", windower)
        self._classifier = timed("scene classifier", classifier)
        smoother = SceneSmoother(classifier.labels, model.settling, classifier.reject)
        self._smoother: Stage[Any, Reading] = timed("scene smoothing", smoother)
        self._heard: Span | None = None
        self._windowed = False

    def push(self, item: AudioBlock) -> Sequence[Reading]:
        """Readings for a block."""
        start = item.start if self._heard is None else self._heard.start
        self._heard = Span(start, item.end)
        return self._told(self._at_32_khz.push(item))

    def flush(self) -> Sequence[Reading]:
        """The stream ends or breaks here: the last window, or that there was too little for one."""
        readings = self._told(self._at_32_khz.flush())
        heard, self._heard = self._heard, None
        if heard is None or self._windowed:
            return readings
        why = f"{seconds(heard.length):.2f} s of sound hold no window of {self._window_s:.2f} s"
        return [SceneReading(heard, UNKNOWN, {}, SceneState.WARMING_UP, why)]

    def reset(self, at: int) -> None:
        """Forget everything; the next block begins at engine index `at`."""
        for stage in (self._at_32_khz, self._frames, self._windows, self._classifier, self._smoother):
            stage.reset(at)
        self._heard, self._windowed = None, False

    def _told(self, blocks: Sequence[AudioBlock]) -> list[Reading]:
        windows = [
            window for block in blocks for frames in self._frames.push(block) for window in self._windows.push(frames)
        ]
        self._windowed = self._windowed or bool(windows)
        if self.shedding:
            self.dropped_windows += len(windows)
            return []
        return [
            reading
            for window in windows
            for scores in self._classifier.push(window)
            for reading in self._smoother.push(scores)
        ]
