"""Alarms as they would have rung: clips joined into one recording and streamed through the monitor's own stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

from monitor.core.clock import engine_index, native_index
from monitor.core.machine_readings import AnomalyReading
from monitor.core.text import counted
from monitor.core.types import AudioBlock
from monitor.errors import AuricleError
from monitor.features.frontend import Kernel
from monitor.features.spec import MACHINE
from monitor.machines.anomaly import AnomalyDetector
from monitor.machines.context import Contexts
from monitor.machines.enroll import fit_profile
from monitor.machines.options import Options
from monitor.machines.sounds import Sound
from monitor.machines.window import MachineWindows
from training.anomaly.views import sections_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.core.types import Float32Array
    from monitor.machines.profile import MachineProfile
    from training.anomaly.material import Material
    from training.data.layouts.dcase2022 import MachineClip

FADE = MACHINE.rate // 10
"""Samples over which clips are blended: a click at each join would be a fault of the recording."""
FOLDS = 4
"""Parts of the training clips; each is streamed to a machine that was enrolled from the others."""
STEP = MACHINE.rate // 5
"""Samples that are pushed at a time."""
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of one section's recording."""

    machine: str
    section: int
    anomalous_windows: int
    """Windows whose middle lies in an anomalous clip ..."""
    anomalous_alarmed: int
    """... and those of them in an alarm."""
    normal_windows: int
    normal_alarmed: int
    false_alarms: int
    """Alarms that began in sound of the healthy machine: normal test clips, and training clips that were left out."""
    healthy_s: float
    """Seconds of that sound."""
    untaught: int
    """Test clips left out, because no training clip has their attribute: whether that is normal, nobody said."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A clip of a joined recording, samples."""

    start: int
    end: int
    anomalous: bool


def replays(material: Material, progress: Callable[[str], None]) -> list[Replay]:
    """Each section enrolled as on site, without an encoder, and its test clips replayed, normals first.

    Sections that cannot be enrolled are left out, and why is told.
    """
    found: list[Replay] = []
    kernel = Kernel(MACHINE)
    for (machine, section), rows in sections_of(material.clips).items():
        clips = [material.clips[i] for i in rows]
        train = [clip for clip in clips if clip.train]
        taught = {clip.attribute for clip in train}
        asked = [clip for clip in clips if not clip.train]
        test = [clip for clip in asked if clip.anomalous or clip.attribute in taught]
        test.sort(key=lambda clip: (bool(clip.anomalous), clip.path))
        try:
            profile = _enrolled(material, train)
        except AuricleError as error:
            progress(f"{machine} {section:02d} cannot be replayed: {error}")
            continue
        sound, parts = joined([(material.wave(clip), bool(clip.anomalous)) for clip in test])
        heard = _heard(profile, sound, kernel)
        healthy = next((part.start for part in parts if part.anomalous), len(sound))
        alarms, seconds = _false_alarms(heard, healthy), healthy / MACHINE.rate
        more = _left_out(material, train, kernel)
        counts = {flag: [one.alarm for one in heard if _within(one, parts, anomalous=flag)] for flag in (False, True)}
        found.append(
            Replay(
                machine,
                section,
                len(counts[True]),
                sum(counts[True]),
                len(counts[False]),
                sum(counts[False]),
                alarms + more[0],
                seconds + more[1],
                len(asked) - len(test),
            )
        )
        progress(f"replayed {machine} {section:02d}: {counted(found[-1].false_alarms, 'false alarm')}")
    return found


def joined(clips: Sequence[tuple[Float32Array, bool]]) -> tuple[Float32Array, list[_Part]]:
    """Clips `(n,)` one after the other, each faded into the next, and where each lies."""
    sound = np.zeros(0, dtype=np.float32)
    pieces: list[Float32Array] = []
    parts: list[_Part] = []
    rise = np.sin(np.linspace(0.0, np.pi / 2.0, FADE)).astype(np.float32)
    end = 0
    for wave, anomalous in clips:
        clip = np.array(wave)
        if pieces:
            overlap = min(FADE, len(clip), len(pieces[-1]))
            clip[:overlap] = pieces[-1][-overlap:] * rise[::-1][-overlap:] + clip[:overlap] * rise[:overlap]
            pieces[-1] = pieces[-1][:-overlap]
            end -= overlap
        parts.append(_Part(end, end + len(clip), anomalous))
        pieces.append(clip)
        end += len(clip)
    return (np.concatenate(pieces) if pieces else sound), parts


def most_an_hour(count: int, seconds: float) -> float:
    """Upper end of the 95 % interval of a Poisson rate, one-sided, after `count` events; infinite without time."""
    if seconds <= 0.0:
        return float("inf")
    return float(chi2.ppf(CONFIDENCE, 2 * (count + 1))) / 2.0 / (seconds / 3600.0)


def lines_of(found: Sequence[Replay]) -> list[str]:
    """For a terminal and the page: a table, Markdown."""
    head = "| | anomalies in alarm, windows | normals in alarm | false alarms | healthy hours | at most an hour |"
    rows = [_line(f"{one.machine} {one.section:02d}", [one]) for one in found]
    return [head, "|---|---|---|---|---|---|", *rows, *([_line("all", found)] if found else [])]


def _line(name: str, some: Sequence[Replay]) -> str:
    def share(hits: int, of: int) -> str:
        return f"{hits} of {of} ({hits / of:.0%})" if of else ""

    alarms, seconds = sum(one.false_alarms for one in some), sum(one.healthy_s for one in some)
    bad = share(sum(one.anomalous_alarmed for one in some), sum(one.anomalous_windows for one in some))
    good = share(sum(one.normal_alarmed for one in some), sum(one.normal_windows for one in some))
    bound = most_an_hour(alarms, seconds)
    return f"| {name} | {bad} | {good} | {alarms} | {seconds / 3600:.2f} | {bound:.0f} |"


def _enrolled(material: Material, train: Sequence[MachineClip]) -> MachineProfile:
    sounds = [(bool(clip.target), Sound(np.array(material.wave(clip)), clip.path)) for clip in train]
    source, target = ([sound for is_target, sound in sounds if is_target == of] for of in (False, True))
    return fit_profile("replayed", source, target, None, Options(), 0)


def _left_out(material: Material, train: Sequence[MachineClip], kernel: Kernel) -> tuple[int, float]:
    """False alarms, and seconds, on training clips that the machine was not enrolled from."""
    alarms, seconds = 0, 0.0
    for fold in range(FOLDS):
        # Neighbours go together: they are cut from one recording.
        inside = [number * FOLDS // len(train) == fold for number in range(len(train))]
        known = [clip for clip, left in zip(train, inside, strict=True) if not left]
        asked = [clip for clip, left in zip(train, inside, strict=True) if left]
        taught = {(clip.attribute, clip.target) for clip in known}
        asked = [clip for clip in asked if (clip.attribute, clip.target) in taught]
        try:
            profile = _enrolled(material, known)
        except AuricleError:
            continue  # too few are left to enroll from: these seconds are not counted either
        sound, _ = joined([(material.wave(clip), False) for clip in asked])
        heard = _heard(profile, sound, kernel)
        alarms, seconds = alarms + _false_alarms(heard, len(sound)), seconds + len(sound) / MACHINE.rate
    return alarms, seconds


def _heard(profile: MachineProfile, sound: Float32Array, kernel: Kernel) -> list[AnomalyReading]:
    """What the monitor's stages say of a recording at 16 kHz."""
    windows, contexts, detector = MachineWindows(kernel), Contexts(), AnomalyDetector(profile)
    readings: list[AnomalyReading] = []
    for start in range(0, len(sound), STEP):
        for window in windows.push(AudioBlock(sound[start : start + STEP], start, MACHINE.rate)):
            told = detector.push(contexts.add(window))
            readings += [one for one in told if isinstance(one, AnomalyReading)]
    return readings


def _false_alarms(heard: Sequence[AnomalyReading], until: int) -> int:
    """Alarms that began before a sample at 16 kHz."""
    count, before = 0, False
    for one in heard:
        count += one.alarm and not before and one.span.end <= engine_index(until, MACHINE.rate)
        before = one.alarm
    return count


def _within(one: AnomalyReading, parts: Sequence[_Part], *, anomalous: bool) -> bool:
    """Whether the middle of a window lies in a clip of that kind."""
    middle = native_index((one.span.start + one.span.end) // 2, MACHINE.rate)
    return any(part.anomalous == anomalous and part.start <= middle < part.end for part in parts)
