"""Learns a machine from its normal clips: detectors, their calibration, the alarm line, and the evidence to come."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.text import counted
from monitor.errors import UsageError, raise_all
from monitor.features.spec import MACHINE
from monitor.kept.audio import LONGEST_CLIP
from monitor.machines.evidence import BandStatistics
from monitor.machines.fitting import fit_calibration, fittable
from monitor.machines.learning import DetectorOptions, learn
from monitor.machines.name import machine_name
from monitor.machines.normals import context_length, gather
from monitor.machines.options import Options, aggregate
from monitor.machines.profile import MachineProfile, NormalClip, Scorer
from monitor.machines.sounds import RATE
from monitor.machines.whitening import fit_whitening
from monitor.machines.window import window_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.errors import AuricleError
    from monitor.features.filterbank import Float64Array
    from monitor.machines.encoder import MachineEncoder
    from monitor.machines.learning import Learnt
    from monitor.machines.normals import Normals, View
    from monitor.machines.sounds import Sound

WEIGHTS: dict[View, float] = {"spectrum": 1.0, "level": 0.5, "embedding": 0.5}
"""Of the views in the mean of all scorers. The level alone tells much of some faults and nothing of others, and so does
an embedding that never heard the machine. Crest factor and kurtosis are part of the spectrum's view: as views of their
own they bring nothing."""

LEAST_SOURCE = 3
"""Contexts of the source domain that share no audio; of fewer nothing can be left out and compared."""

MOST_CLIPS = 2_000
"""Clips of one machine."""

LONGEST_TOTAL = 2 * LONGEST_CLIP
"""Samples of all clips together: half an hour."""

FEW_CLIP_SCORES = 10
"""Below so many clips, contexts stand for them in the calibration of clips."""

SMALL = 10
"""Contexts apart from which on the source domain is well known."""


def fit_profile(
    name: str,
    source: Sequence[Sound],
    target: Sequence[Sound],
    encoder: MachineEncoder | None,
    options: Options,
    enrolled_utc_ns: int,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> MachineProfile:
    """Learn a machine; `progress` is told how many of the clips were heard.

    Raises UsageError, or StartError for several faults: no name, no or too many clips, the same audio twice, too little
    of the source domain, options that cannot be used.
    """
    sounds = [*source, *target]
    refuse_faults(name, source, target, options)
    context = context_length([window_count(len(sound.samples)) for sound in source])
    is_target = [False] * len(source) + [True] * len(target)
    normals = gather(
        [sound.samples for sound in sounds],
        is_target,
        context,
        encoder.embed if encoder else None,
        lambda done: progress(done, len(sounds)),
    )
    _refuse_little(name, normals, options)
    scorers, left_out, notes = _scorers(normals, options)
    told = np.isfinite(left_out)
    gain_db = -float(normals.vectors["level"][told].mean())
    stretches = [left_out[mask & told] for mask in normals.stretches(told)]
    per_clip = np.array([aggregate(scores, options.aggregator) for scores in stretches])
    domains = [mask for mask in (~normals.target, normals.target) if mask.any()]
    whitening = fit_whitening(normals.vectors["spectrum"], normals.apart(np.ones(len(normals), dtype=np.bool_)))
    return MachineProfile(
        machine_name(name),
        encoder.id if encoder else None,
        MACHINE.fingerprint,
        context,
        gain_db,
        scorers,
        fit_calibration(left_out[told]),
        fit_calibration(per_clip if len(per_clip) >= FEW_CLIP_SCORES else left_out[told]),
        options,
        BandStatistics.of([normals.bands_db[mask] + gain_db for mask in domains]),
        whitening(normals.vectors["spectrum"]),
        whitening,
        normals.clip,
        tuple(NormalClip(sound.reference, flag) for sound, flag in zip(sounds, is_target, strict=True)),
        enrolled_utc_ns,
        (*_size_notes(normals), *notes, *_rate_notes(sounds)),
    )


def refuse_faults(
    name: str,
    source: Sequence[Sound],
    target: Sequence[Sound],
    options: Options,
    errors: Sequence[AuricleError] = (),
) -> None:
    """Raise everything that is wrong with what was given, `errors` that were found before included."""
    found = [*errors, *options.faults()]
    try:
        machine_name(name)
    except UsageError as error:
        found.append(error)
    if not source and not errors:
        found.append(
            UsageError(f"machine {name}", "no source clip was given", "Give recordings of it while it is well")
        )
    if len(source) + len(target) > MOST_CLIPS or sum(len(one.samples) for one in [*source, *target]) > LONGEST_TOTAL:
        limits = f"{MOST_CLIPS} clips and {LONGEST_TOTAL // RATE // 60} minutes are the most"
        found.append(UsageError(f"machine {name}", f"too much was given: {limits}", "Choose typical stretches"))
    seen: dict[str, str] = {}
    for sound in (*source, *target):
        key = sound.reference.sha256
        if key in seen:
            why = f"it is the same audio as {seen[key]} and would count twice"
            found.append(UsageError(f"clip {sound.origin}", why, "Leave it out, or give another recording"))
        seen.setdefault(key, sound.origin)
    raise_all(found)


def _refuse_little(name: str, normals: Normals, options: Options) -> None:
    found: list[AuricleError] = []
    apart = normals.apart(~normals.target)
    if apart < LEAST_SOURCE:
        why = f"{counted(apart, 'clip')} apart are too few to tell what is usual; {LEAST_SOURCE} are needed"
        remedy = "Give more clips of two seconds or more, or a longer one; ten of ten seconds are good"
        found.append(UsageError(f"machine {name}", why, remedy))
    elif lacking := [kind for kind in options.detectors if fittable(kind, 1, apart - 1) < 1]:
        why = f"{apart} clips are too few for {', '.join(lacking)}"
        found.append(UsageError(f"machine {name}", why, "Give more clips, or use --detector knn"))
    raise_all(found)


def _scorers(normals: Normals, options: Options) -> tuple[tuple[Scorer, ...], Float64Array, list[str]]:
    """All of them, how the normals score when they are left out, and what could not be done as asked."""
    scorers: list[Scorer] = []
    notes: dict[str, None] = {}
    total = np.zeros(len(normals))
    for view in normals.vectors:
        for kind in options.detectors:
            settings = DetectorOptions(kind, options.size(kind), options.rule, options.kappa)
            learnt: Learnt = learn(normals, view, settings)
            weight = WEIGHTS[view] / len(options.detectors)
            scorers.append(Scorer(view, learnt.domains, weight))
            total += weight * learnt.left_out
            notes |= dict.fromkeys(learnt.notes)
    return tuple(scorers), total / sum(one.weight for one in scorers), list(notes)


def _size_notes(normals: Normals) -> list[str]:
    apart = normals.apart(~normals.target)
    few = f"learnt from only {apart} stretches that share no audio, {SMALL} or more are better"
    return [f"{few}: percentiles are rough, and alarms may come too often or never"] if apart < SMALL else []


def _rate_notes(sounds: Sequence[Sound]) -> list[str]:
    rates = Counter(min(sound.rate, RATE) for sound in sounds)
    if len(rates) < 2:
        return []
    told = ", ".join(f"{count} at {rate} Hz" for rate, count in sorted(rates.items()))
    return [
        f"the clips were recorded at different rates ({told}): what is missing above half a rate sounds like a fault"
    ]
