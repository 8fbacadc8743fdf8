"""A scene classifier measured: every recording by networks that never heard it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.data.catalog import Kind
from training.data.splits import fraction
from training.nets.counting import count
from training.nets.mobileast import FRAMES
from training.results import Figure
from training.scene.cues import measure_cues
from training.scene.eight import eight_bits, scores_of_file
from training.scene.fit import fit, fit_teacher
from training.scene.networks import student_of
from training.scene.quantise import sizes
from training.scene.results import Accuracies, Cost, CurvePoint, Rejection, SceneResults
from training.scene.scores import Scored, accuracy, join, score_clips, scores_of
from training.scene.steadiness import steadiness

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from training.scene.devices import Device
    from training.scene.recipe import SceneSettings
    from training.scene.source import Clip, Source

ROUNDS = 2000
CURVE = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Thresholds that are told beside the chosen one."""
HOW = "resampled by recording"
UNHEARD = "all that never trained"
STRANGERS = {Kind.SCENE: "recordings of other scenes", Kind.ESC50: "ESC-50 classes that were never heard"}


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Scores of all folds."""

    student: Scored
    quantised: Scored
    teacher: Scored | None
    devices: dict[str, Scored]
    """Eight-bit networks, through microphones."""
    strangers: dict[str, Scored]
    """Eight-bit networks, by kind."""


def score_folds(
    settings: SceneSettings,
    source: Source,
    progress: Callable[[str], None],
    devices: bool = True,
    beside: bool = True,
) -> Measured:
    """Train what is missing, and score every test recording by the networks of its fold.

    `devices`: through microphones as well; `beside`: the teachers too, and what has to be rejected.
    """
    seconds = settings.decision.seconds
    parts: dict[str, list[Scored]] = {}
    taught = beside and settings.distillation.loss != "none" and settings.teacher.kind == "cnn"
    for fold in source.folds:
        tested = source.tested(fold)
        student = fit(settings, source, fold, progress)
        parts.setdefault("student", []).append(score_clips(tested, source, scores_of(student), seconds))
        if taught:
            teacher = scores_of(fit_teacher(settings, source, fold, progress))
            parts.setdefault("teacher", []).append(score_clips(tested, source, teacher, seconds))
        score = scores_of_file(eight_bits(settings, source, fold, progress)[1])
        parts.setdefault("quantised", []).append(score_clips(tested, source, score, seconds))
        if devices:
            for name, some in (("heard", source.devices), ("unheard", source.unseen)):
                if some:
                    heard = score_clips(tested, source, score, seconds, _chooser(some, settings.seed))
                    parts.setdefault(f"device {name}", []).append(heard)
        for kind in STRANGERS if beside else ():
            some_strangers = [clip for clip in source.strangers(fold) if clip.recording.kind is kind]
            if some_strangers:
                parts.setdefault(f"stranger {kind}", []).append(score_clips(some_strangers, source, score, seconds))
        last = join(parts["quantised"])
        progress(f"fold {fold}: int8 so far, 1 s {accuracy(last, len(source.scenes)):.3f}")
    joined = {name: join(some) for name, some in parts.items()}
    named = {"device heard": "microphones that trained", "device unheard": "microphones that did not"}
    return Measured(
        student=joined["student"],
        quantised=joined["quantised"],
        teacher=joined.get("teacher"),
        devices={title: joined[name] for name, title in named.items() if name in joined},
        strangers={title: joined[f"stranger {k}"] for k, title in STRANGERS.items() if f"stranger {k}" in joined},
    )


def measure(settings: SceneSettings, source: Source, progress: Callable[[str], None]) -> SceneResults:
    """Everything that the card tells."""
    measured = score_folds(settings, source, progress)
    scenes = len(source.scenes)
    decided = measured.quantised.decided()
    answers = decided.probabilities[:, :scenes].argmax(axis=1)
    confusion = np.zeros((scenes, scenes), dtype=np.int64)
    np.add.at(confusion, (decided.labels, answers), 1)
    rejection = reject(measured.quantised, measured.strangers, scenes, settings.decision.rejected)
    wide, narrow = eight_bits(settings, source, None, progress)
    counts, stored = count(student_of(settings, source), FRAMES, 256), sizes(narrow)
    named = [clip for clip in source.clips if clip.label in source.labels and not clip.stranger and not clip.kin]
    progress(f"the final float model has {sizes(wide).file} bytes")
    return SceneResults(
        labels=source.labels,
        student=accuracies(measured.student, source),
        quantised=accuracies(measured.quantised, source),
        teacher=accuracies(measured.teacher, source) if measured.teacher is not None else None,
        devices={name: accuracy(some.decided(), scenes) for name, some in measured.devices.items()},
        recorders=by_recorder(measured.quantised, source),
        cues=measure_cues(source, settings.decision.seconds, settings.seed),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        rejection=rejection,
        steadiness=steadiness(measured.quantised, measured.strangers, source.labels, rejection.threshold),
        recordings={label: sum(clip.label == label for clip in named) for label in source.labels},
        cost=Cost(counts.parameters, counts.table_macs, counts.macs, stored.file, stored.initialisers),
    )


def accuracies(scored: Scored, source: Source) -> Accuracies:
    """Figures with intervals."""
    scenes = len(source.scenes)
    decided = scored.decided()
    hits = decided.probabilities[:, :scenes].argmax(axis=1) == decided.labels
    inside = {label: decided.labels == i for i, label in enumerate(source.scenes)}
    return Accuracies(
        windows=_figure(scored, scenes),
        decisions=_figure(decided, scenes),
        recall={label: float(hits[rows].mean()) for label, rows in inside.items() if rows.any()},
    )


def by_recorder(scored: Scored, source: Source) -> dict[str, float]:
    """Accuracy of decisions by what recorded them, where the recordings tell; the mean over those that never trained.

    Yu et al. and the challenge report both; devices `s4` to `s6` of TAU are only in its test part.
    """
    decided = scored.decided()
    trained = {clip.device for clip in source.clips if clip.trains(0)}
    names = sorted({str(name) for name in decided.devices} - {""})
    hits = decided.probabilities[:, : len(source.scenes)].argmax(axis=1) == decided.labels
    found = {name: float(hits[decided.devices == name].mean()) for name in names}
    unheard = [name for name in names if name not in trained]
    told = {name if name in trained else f"{name} (never trained)": share for name, share in found.items()}
    return told | ({UNHEARD: float(np.mean([found[name] for name in unheard]))} if unheard else {})


def reject(known: Scored, strangers: dict[str, Scored], scenes: int, rejected: float) -> Rejection:
    """Thresholds on the likeliest scene's probability, each fold's chosen on the decisions of the others."""
    decided = known.decided()
    score = decided.probabilities[:, :scenes].max(axis=1)
    hits = decided.probabilities[:, :scenes].argmax(axis=1) == decided.labels
    folds = np.unique(decided.folds)
    threshold = {
        int(fold): threshold_of(score[decided.folds != fold] if len(folds) > 1 else score, rejected) for fold in folds
    }
    kept = score >= np.array([threshold[int(fold)] for fold in decided.folds])
    refused: dict[str, float] = {}
    for name, some in strangers.items():
        asked = some.decided()
        limits = np.array([threshold[int(fold)] for fold in asked.folds])
        refused[name] = float((asked.probabilities[:, :scenes].max(axis=1) < limits).mean())
    curve = [
        CurvePoint(
            limit,
            float((score >= limit).mean()),
            float((hits & (score >= limit)).mean()),
            {
                name: float((some.decided().probabilities[:, :scenes].max(axis=1) < limit).mean())
                for name, some in strangers.items()
            },
        )
        for limit in CURVE
    ]
    return Rejection(
        threshold=threshold_of(score, rejected),
        accuracy=float((hits & kept).mean()),
        kept=float(kept.mean()),
        rejected=refused,
        curve=tuple(curve),
    )


def threshold_of(scores: NDArray[np.float64], rejected: float) -> float:
    """Below it lies that share of the scores."""
    return float(np.quantile(scores, rejected))


def _figure(scored: Scored, scenes: int) -> Figure:
    hits = (scored.probabilities[:, :scenes].argmax(axis=1) == scored.labels).astype(np.float64)
    names, unit = np.unique(scored.units, return_inverse=True)
    sums, sizes_ = np.bincount(unit, hits), np.bincount(unit)
    drawn = np.random.default_rng(0).integers(len(names), size=(ROUNDS, len(names)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / sizes_[drawn].sum(axis=1), [0.025, 0.975])
    return Figure(float(hits.mean()), float(low), float(high), HOW)


def _chooser(devices: Sequence[Device], seed: int) -> Callable[[Clip], Device]:
    """A device for each recording, always the same."""
    return lambda clip: devices[int(fraction(clip.path, seed) * len(devices))]
