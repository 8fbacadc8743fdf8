"""The recordings of a sound recipe: what each is, and in which fold it tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from monitor.errors import UsageError
from training.data.audio import AudioStore
from training.data.catalog import Kind, Recording, data_folder, load_catalog
from training.data.layouts.audioset import load_audioset
from training.data.layouts.musan import load_musan
from training.data.splits import connected, fraction
from training.sound.packages import fetch_packages, music_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from training.sound.recipe import SoundRecipe

    Progress = Callable[[str], None]

RATE = 16_000
Content = Literal["ambience", "noise", "music", "speech"]
CONTENTS: tuple[Content, ...] = ("ambience", "noise", "music", "speech")
"""`ambience` is noise that a place is full of; `noise` is the rest of it."""

PACKAGES = "packages"
"""Folder of the cache in which Debian's packages lie unpacked."""

OWN_MUSIC = "data"
"""Origin of the music in the data folder."""


@dataclass(frozen=True, slots=True)
class Sounds:
    """A recording and what it is for."""

    recording: Recording
    content: Content
    fold: int
    store: int
    """Place of its store among the source's."""


@dataclass(frozen=True, slots=True)
class SoundSource:
    """All that rendering reads."""

    sounds: list[Sounds]
    stores: tuple[AudioStore, ...]
    folds: int
    origins: dict[int, list[str]]
    """Of the music that tests in each fold."""

    def samples(self, sound: Sounds) -> NDArray:
        """float32 `(n,)` at 16 kHz."""
        return self.stores[sound.store][sound.recording.path]

    def of(self, content: Content, fold: int) -> list[Sounds]:
        """Recordings of a fold."""
        return [one for one in self.sounds if one.content == content and one.fold == fold]

    @property
    def name(self) -> str:
        """Changes with the recordings."""
        return "-".join(store.name for store in self.stores)


def load_sound_source(recipe: SoundRecipe, progress: Progress) -> SoundSource:
    """Read the tables, fetch the packages, decode what the cache lacks.

    Raises UsageError or StartError naming what is missing: every fold needs music, speech and noise.
    """
    parts = _audioset(recipe) if recipe.recordings.layout == "audioset" else _catalog(recipe, progress)
    packages = Path(recipe.cache) / PACKAGES
    folds = recipe.recordings.folds
    sounds: list[Sounds] = []
    stores: list[AudioStore] = []
    origins: dict[int, list[str]] = {fold: [] for fold in range(folds)}
    for root, rows in parts:
        if not rows:
            continue
        limit = recipe.recordings.track_s if root == packages else None
        store = AudioStore.open(root, [row for row, _ in rows], RATE, Path(recipe.cache), progress, limit_s=limit)
        stores.append(store)
        sounds += [Sounds(row, content, -1, len(stores) - 1) for row, content in rows]
    places = _folds(sounds, folds, recipe.seed)
    sounds = [Sounds(one.recording, one.content, fold, one.store) for one, fold in zip(sounds, places, strict=True)]
    for one in sounds:
        if one.content == "music" and one.recording.label not in origins[one.fold]:
            origins[one.fold].append(one.recording.label)
    source = SoundSource(sounds, tuple(stores), folds, origins)
    for fold in range(folds):
        lacking = [c for c in ("music", "speech") if not source.of(c, fold)]
        lacking += [] if source.of("ambience", fold) or source.of("noise", fold) else ["noise"]
        if lacking:
            why = f"fold {fold} of {folds} has no {' and no '.join(lacking)}"
            remedy = "Set recordings.folds to less, or name more packages (music is divided by package)"
            raise UsageError("the recordings of the recipe", why, remedy)
    return source


def _catalog(recipe: SoundRecipe, progress: Progress) -> list[tuple[Path, list[tuple[Recording, Content]]]]:
    root = data_folder(recipe.recordings.folder)
    contents: dict[Kind, Content] = {
        Kind.SCENE: "ambience",
        Kind.ESC50: "noise",
        Kind.MUSIC: "music",
        Kind.SPEECH: "speech",
    }
    rows: list[tuple[Recording, Content]] = []
    for one in load_catalog(root):
        content = contents.get(one.kind)
        if content == "music":
            rows.append((Recording(one.path, one.kind, OWN_MUSIC, one.licence, (f"origin:{OWN_MUSIC}",)), content))
        elif content:
            rows.append((one, content))
    folder = Path(recipe.cache) / PACKAGES
    music: list[tuple[Path, list[tuple[Recording, Content]]]] = []
    for name in fetch_packages(recipe.recordings.packages, folder, progress):
        licence = f"usr/share/doc/{name}/copyright of Debian's package {name}"
        files = music_files(name, folder)
        if not files:
            progress(f"without the music of {name}: it has no OGG files")
        # A store each, so that a further package decodes only itself.
        group = (f"origin:{name}",)
        music.append(
            (folder, [(Recording(path.as_posix(), Kind.MUSIC, name, licence, group), "music") for path in files])
        )
    return [(root, rows), *music]


def _audioset(recipe: SoundRecipe) -> list[tuple[Path, list[tuple[Recording, Content]]]]:
    chosen = recipe.recordings
    if not chosen.musan or not chosen.noise_classes or not chosen.music_classes:
        why = "layout audioset needs recordings.musan, noise_classes and music_classes"
        raise UsageError("the recipe", why, "Name MUSAN's folder and the classes of AudioSet that are noise and music.")
    root, speech_root = Path(chosen.folder).expanduser(), Path(chosen.musan).expanduser()
    noise, music = set(chosen.noise_classes), set(chosen.music_classes)
    rows: list[tuple[Recording, Content]] = []
    for clip in load_audioset(root, ("Speech",)):
        # A clip that is both is neither: the label would be a guess.
        kinds: list[Content] = [c for c, names in (("noise", noise), ("music", music)) if names & set(clip.labels)]
        if len(kinds) == 1:
            kind = Kind.MUSIC if kinds[0] == "music" else Kind.OTHER
            row = Recording(clip.path, kind, kinds[0], "each video's own", (f"file:{clip.path}",))
            rows.append((row, kinds[0]))
    speech: list[tuple[Recording, Content]] = [
        (Recording(one.path, Kind.SPEECH, "", "CC BY 4.0 or public domain", (f"file:{one.path}",)), "speech")
        for one in load_musan(speech_root, "speech")
    ]
    return [(root, rows), (speech_root, speech)]


def _folds(sounds: Sequence[Sounds], folds: int, seed: int) -> list[int]:
    """Fold of each: connected recordings lie in one, and every kind and label is spread over all of them."""
    components = connected([one.recording for one in sounds])
    strata: dict[tuple[str, str], set[str]] = {}
    for one, component in zip(sounds, components, strict=True):
        label = "" if one.content == "music" else one.recording.label
        strata.setdefault((one.content, label), set()).add(component)
    found: dict[str, int] = {}
    for stratum in sorted(strata):
        ranked = sorted(strata[stratum] - found.keys(), key=lambda name: fraction(name, seed))
        found |= {name: place % folds for place, name in enumerate(ranked)}
    return [found[component] for component in components]
