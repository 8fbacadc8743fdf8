"""The windows that may be drawn, by what they hold: birds, the pauses between them, and everything else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from training.data.catalog import Kind
from training.data.contrast import window_contrast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.features.frontend import Kernel
    from training.config import WindowChoice
    from training.data.audio import AudioStore
    from training.data.catalog import Recording
    from training.data.splits import Assignment, Part

ESC50_BIRDS = frozenset({"chirping_birds", "crow", "rooster", "hen"})
"""ESC-50 classes that are birds."""

SCENES_WITHOUT_BIRDS = frozenset({"cafe_restaurant", "office_library", "street_traffic", "vehicle_interior"})
"""Scenes taken as bird-free; forest and sea may hold birds, and `unknown` has a playground and a building site."""

MACHINES = frozenset({"fan", "valve", "lathe", "ferry"})
"""Bearing is left out: it is vibration, and mixed with ESC-50 clips of all folds."""

OUTDOORS = frozenset(
    {"wind", "rain", "sea_waves", "insects", "crickets", "thunderstorm", "airplane", "helicopter", "train", "engine"}
)
"""ESC-50 classes that a recorder in the field may hear, beside `street_traffic`."""


ANIMALS = frozenset({"dog", "cat", "cow", "pig", "sheep", "frog", "crying_baby", "laughing"})
"""ESC-50 classes with a voice: what is taken for a bird most easily."""


class Content(StrEnum):
    """What a window holds."""

    BIRD = "bird"
    ESC50_BIRD = "esc50_bird"
    PAUSE = "pause"
    """Of a species clip: nothing stands out, so no bird is near."""
    FROG = "frog"
    ESC50 = "esc50"
    ANIMAL = "animal"
    """Of ESC-50, with a voice that is no bird's."""
    OUTDOORS = "outdoors"
    """Of ESC-50 or street traffic: what is behind a bird in the field."""
    SCENE = "scene"
    SPEECH = "speech"
    MUSIC = "music"
    MACHINE = "machine"


NEVER_BEHIND = frozenset({Content.ANIMAL, Content.FROG})
"""Never mixed behind another source: a faint bird behind a loud cat would teach that a cat may be a bird."""

POSITIVE = frozenset({Content.BIRD, Content.ESC50_BIRD})


@dataclass(frozen=True, slots=True)
class Place:
    """A window in a recording."""

    path: str
    start: int
    """Sample at the spec's rate."""
    content: Content
    component: str
    part: Part
    folds: frozenset[int]
    """ESC-50 folds that its recording touches."""


def content_of(recording: Recording) -> Content | None:
    """What a recording counts as, or None when it is not to be trained on.

    Left out: field minutes, gibbons and hornbills (one rain forest, with birds behind), soundscapes, mixed clips,
    forest and seaside scenes, bearings.
    """
    if recording.kind is Kind.SPECIES:
        return Content.BIRD
    if recording.kind is Kind.ESC50:
        if recording.label in ESC50_BIRDS:
            return Content.ESC50_BIRD
        if recording.label in ANIMALS:
            return Content.ANIMAL
        return Content.OUTDOORS if recording.label in OUTDOORS else Content.ESC50
    if recording.kind is Kind.SCENE and recording.label in SCENES_WITHOUT_BIRDS:
        return Content.OUTDOORS if recording.label == "street_traffic" else Content.SCENE
    if recording.kind is Kind.MACHINE and recording.label in MACHINES:
        return Content.MACHINE
    simple = {Kind.FROG: Content.FROG, Kind.SPEECH: Content.SPEECH, Kind.MUSIC: Content.MUSIC}
    return simple.get(recording.kind)


def make_pool(
    recordings: Sequence[Recording],
    assignments: Sequence[Assignment],
    store: AudioStore,
    kernel: Kernel,
    frames: int,
    choice: WindowChoice,
    progress: Callable[[str], None],
) -> list[Place]:
    """All windows that may be drawn, in the order of the recordings."""
    spec = kernel.spec
    length = spec.samples_in(frames)
    lowest_band = int(np.searchsorted(band_centres(spec.bands, spec.low_hz, spec.high_hz), choice.lowest_hz))
    pool: list[Place] = []
    for i, (recording, assignment) in enumerate(zip(recordings, assignments, strict=True)):
        content = content_of(recording)
        if content is None or (recording.birdnet is not None and recording.birdnet < choice.lowest_birdnet):
            continue
        samples = store[recording.path]
        starts = np.arange(0, max(1, len(samples) - length + 1), choice.hop_frames * spec.hop)
        contents = [content] * len(starts)
        if content in POSITIVE:
            features = kernel(samples)
            contrast = window_contrast(features, starts // spec.hop, frames, lowest_band)
            contents = label_windows(contrast, content, choice)
        else:
            contents = [c if np.any(samples[s : s + length]) else None for c, s in zip(contents, starts, strict=True)]
        pool += [
            Place(recording.path, int(start), kept, assignment.component, assignment.part, assignment.folds)
            for start, kept in zip(starts, contents, strict=True)
            if kept is not None
        ]
        if (i + 1) % 1000 == 0:
            progress(f"windows of {i + 1} of {len(recordings)} recordings")
    return pool


def label_windows(contrast: np.ndarray, content: Content, choice: WindowChoice) -> list[Content | None]:
    """`content` where something stands out, PAUSE where nothing does in a clip where something else did, else None."""
    loudest = float(contrast.max()) if len(contrast) else 0.0
    if content is Content.ESC50_BIRD:
        # Short clips cut tightly around the sound: a chorus may never pause, and its contrast is low.
        return [content if value >= loudest - choice.bird_range_db else None for value in contrast]
    positive = contrast >= max(choice.bird_db, loudest - choice.bird_range_db)
    pause = (contrast <= choice.pause_db) & (loudest >= choice.pause_db + choice.pause_range_db)
    return [content if p else Content.PAUSE if q else None for p, q in zip(positive, pause, strict=True)]


def band_centres(bands: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Centres of HTK mel bands in Hz, `(bands,)`."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (low_hz, high_hz))
    return 700.0 * (10.0 ** (np.linspace(low, high, bands + 2)[1:-1] / 2595.0) - 1.0)
