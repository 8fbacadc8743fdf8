"""The recordings of a scene recipe: their labels, who tests what, and which nobody trains on."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import UsageError
from monitor.features.spec import SCENE
from training.data.audio import AudioStore
from training.data.catalog import DATA_VARIABLE, Kind, data_folder, load_catalog
from training.data.frames import FrameStore
from training.data.layouts.folders import load_folders
from training.data.layouts.tau2022 import load_tau2022
from training.data.splits import Part, connected, fraction
from training.nets.mobileast import FRAMES
from training.scene.devices import ROOM_SECONDS, Device, divide, load_devices
from training.scene.recipe import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from training.data.catalog import Recording
    from training.scene.recipe import SceneSettings

ALWAYS = -1
"""Fold of a clip that every training hears and none tests."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording, and what it is for."""

    recording: Recording
    label: str
    """A scene, `unknown`, or empty for a sound that is only an event."""
    fold: int
    """The fold whose networks do not hear it and are tested on it; `ALWAYS` where there is none."""
    stranger: bool = False
    """Never trained on: what a classifier has to reject. `fold` names the networks that are asked."""
    device: str = ""
    """Of the recording, where it is known."""
    kin: bool = False
    """No recording of its label, but of a sound that the scene is full of."""

    @property
    def path(self) -> str:
        """Name in the store."""
        return self.recording.path

    def trains(self, fold: int | None) -> bool:
        """Whether the networks of a fold (None: the final one) hear it."""
        return not self.stranger and (fold is None or self.fold != fold)


@dataclass(frozen=True, slots=True)
class Babble:
    """Voices that make a scene."""

    label: str
    voices: tuple[str, ...]
    """Names in the store, one speaker each."""
    rooms: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """All that training and measuring read."""

    clips: list[Clip]
    labels: tuple[str, ...]
    """Scenes in alphabetical order, `unknown` last where it is trained."""
    folds: tuple[int, ...]
    store: AudioStore
    devices: tuple[Device, ...]
    """Heard in training."""
    unseen: tuple[Device, ...]
    """Never heard in training."""
    babble: Babble | None
    """What one scene may be made of."""
    events: tuple[str, ...]
    """Classes of ESC-50 that a network may tell apart beside the scenes."""
    frames: FrameStore | None = None
    """Log mel of the clips, where batches are made in the power of the bands."""

    @property
    def scenes(self) -> tuple[str, ...]:
        """Labels without `unknown`."""
        return tuple(label for label in self.labels if label != UNKNOWN)

    def tested(self, fold: int) -> list[Clip]:
        """Clips of known scenes that the networks of a fold are asked about."""
        return [clip for clip in self.clips if clip.fold == fold and not clip.stranger and clip.label in self.scenes]

    def strangers(self, fold: int) -> list[Clip]:
        """What these networks have to reject, and never heard: sounds, and recordings of other scenes."""
        return [
            clip
            for clip in self.clips
            if clip.fold == fold and clip.label == UNKNOWN and (clip.stranger or clip.recording.kind is not Kind.ESC50)
        ]


def load_source(settings: SceneSettings, progress: Callable[[str], None]) -> Source:
    """Read the tables and decode what the cache lacks.

    Raises UsageError or StartError naming what is missing or wrong.
    """
    chosen = settings.recordings
    root = data_folder(chosen.folder) if chosen.layout == "catalog" else Path(chosen.folder).expanduser()
    pieces: dict[str, tuple[str, ...]] = {}
    voices: list[Recording] = []
    if chosen.layout == "tau2022":
        segments = load_tau2022(root)
        pieces = {one.recording.path: one.pieces for one in segments}
        fold = {Part.TRAIN: ALWAYS, Part.TEST: 0}
        clips = [Clip(s.recording, s.recording.label, fold[s.part], device=s.device) for s in segments]
    elif chosen.layout == "folders":
        clips = scene_clips(load_folders(root, Kind.SCENE).recordings, settings)
    else:
        catalog = load_catalog(root)
        clips = scene_clips([one for one in catalog if one.kind is Kind.SCENE], settings)
        events = settings.teacher.events_weight > 0 or settings.pretraining.student is not None
        clips += event_clips([one for one in catalog if one.kind is Kind.ESC50], settings, events)
        voices = [one for one in catalog if one.kind is Kind.SPEECH] if chosen.babble else []
    scenes = sorted({clip.label for clip in clips if not clip.kin} - {UNKNOWN, ""})
    if len(scenes) < 2:
        why = f"it has {len(scenes)} scenes"
        raise UsageError(f"recordings at {root}", why, "Name a folder with at least two scenes.")
    unknown = [UNKNOWN] if any(clip.label == UNKNOWN and not clip.stranger for clip in clips) else []
    wrong = sorted({*chosen.kin.values(), *([chosen.babble] if chosen.babble else [])} - set(scenes))
    if wrong:
        raise UsageError("recordings.kin, recordings.babble", f"no scene is called {', '.join(wrong)}", "Spell it.")
    recordings = [*(clip.recording for clip in clips), *voices]
    store = AudioStore.open(root, recordings, SCENE.rate, Path(settings.cache), progress, pieces)
    heard, unseen = _devices(settings, root)
    frames: FrameStore | None = None
    if "power" in (settings.sound.domain, settings.teacher.sound.domain):
        paths = [clip.path for clip in clips]
        frames = FrameStore.open(paths, store, SCENE, FRAMES, Path(settings.cache), progress)
    babble: Babble | None = None
    if voices:
        rooms = load_devices(_folder(settings, root, chosen.rooms), SCENE.rate, ROOM_SECONDS)
        babble = Babble(chosen.babble, tuple(voice.path for voice in voices), tuple(rooms))
    return Source(
        clips=clips,
        labels=(*scenes, *unknown),
        folds=tuple(sorted({clip.fold for clip in clips if clip.fold != ALWAYS and clip.label in scenes})),
        store=store,
        devices=tuple(heard),
        unseen=tuple(unseen),
        babble=babble,
        events=tuple(sorted({c.recording.label for c in clips if c.recording.kind is Kind.ESC50 and not c.stranger})),
        frames=frames,
    )


def _devices(settings: SceneSettings, root: Path) -> tuple[list[Device], list[Device]]:
    chosen = settings.recordings
    if settings.sound.device_share == 0 and settings.teacher.sound.device_share == 0 and not chosen.devices:
        return [], []
    return divide(
        load_devices(_folder(settings, root, chosen.devices), SCENE.rate), chosen.unseen_devices, settings.seed
    )


def _folder(settings: SceneSettings, root: Path, name: str) -> Path:
    """Of responses: beside the recordings where the environment says where those are."""
    beside = settings.recordings.layout == "catalog" and os.environ.get(DATA_VARIABLE)
    return root / Path(name).name if beside else Path(name).expanduser()


def scene_clips(recordings: Sequence[Recording], settings: SceneSettings) -> list[Clip]:
    """Whole components go into one fold; those of a label are dealt out in a random order, `unknown` too."""
    folds, seed, tested = settings.recordings.folds, settings.seed, settings.recordings.others == "tested"
    components = connected(recordings)
    by_label: dict[str, set[str]] = defaultdict(set)
    for recording, component in zip(recordings, components, strict=True):
        by_label[recording.label].add(component)
    fold_of: dict[str, int] = {}
    dealt = 0
    for label in sorted(by_label):
        for component in sorted(by_label[label], key=lambda name: fraction(name, seed)):
            if component not in fold_of:
                fold_of[component] = dealt % folds
                dealt += 1
    return [
        Clip(recording, recording.label, fold_of[component], stranger=recording.label == UNKNOWN and tested)
        for recording, component in zip(recordings, components, strict=True)
    ]


def event_clips(recordings: Sequence[Recording], settings: SceneSettings, events: bool) -> list[Clip]:
    """ESC-50: `unknown` in training, strangers in tests, and all others as events where a teacher wants them."""
    chosen = settings.recordings
    known = {recording.label for recording in recordings}
    named = [*chosen.negatives, *chosen.strangers, *chosen.kin]
    wrong = sorted(set(named) - known)
    if wrong:
        why = f"ESC-50 has no {', '.join(wrong)}"
        raise UsageError("recordings.negatives, recordings.strangers, recordings.kin", why, "Spell it.")
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        why = f"{', '.join(twice)} cannot be two of them"
        raise UsageError("recordings.negatives, recordings.strangers, recordings.kin", why, "Name each class once.")
    clips: list[Clip] = []
    for recording in recordings:
        # A Freesound source may have clips in two folds of ESC-50; it goes by its number instead.
        fold = int(fraction(recording.groups[0], settings.seed) * chosen.folds)
        if recording.label in chosen.strangers:
            clips.append(Clip(recording, UNKNOWN, fold, stranger=True))
        elif recording.label in chosen.negatives:
            clips.append(Clip(recording, UNKNOWN, fold))
        elif recording.label in chosen.kin:
            clips.append(Clip(recording, chosen.kin[recording.label], ALWAYS, kin=True))
        elif events:
            clips.append(Clip(recording, "", fold))
    return clips
