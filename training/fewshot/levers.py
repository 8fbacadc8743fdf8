"""What each part of the encoder is worth, on validation species: the rows that choices were made by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.data.episodes import Protocol
from training.fewshot.baselines import log_mel_statistics, standardised
from training.fewshot.embeddings import encode
from training.fewshot.encoder import ANSWER, POOLED, sizes
from training.fewshot.episodes_score import EpisodeSet
from training.fewshot.handmade import HandMade
from training.fewshot.material import base_windows, origins
from training.fewshot.whitening import fit_whitening, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.fewshot.clips import ClipSet
    from training.fewshot.encoder import Chooser
    from training.fewshot.figures import FewShotFigure
    from training.fewshot.joined import Join


def measure_levers(
    base: NDArray[np.float32], base_clips: ClipSet, chosen: Join, chooser: Chooser, validation: ClipSet
) -> list[FewShotFigure]:
    """Rows with one part left out, or alone; `base` are the joined features of base windows."""
    hand_made = tuple(HandMade().groups)
    none = dict.fromkeys(hand_made, 0.0)
    network = dict.fromkeys((POOLED, ANSWER), 0.0)
    ends = dict(zip(sizes(), np.cumsum(list(sizes().values())), strict=True))
    answer = slice(ends[ANSWER] - sizes()[ANSWER], ends[ANSWER])
    log_mel = np.concatenate([log_mel_statistics(windows) for windows in base_windows(base_clips)])
    whitened = fit_whitening(log_mel, origins(base_clips))
    rows = {
        "log-mel mean and deviation": encode(validation, standardised(log_mel_statistics, log_mel)),
        "the same, whitened": encode(validation, lambda windows: whitened.apply(log_mel_statistics(windows))),
        "student's answer as it is": chooser.mapped(lambda features: unit(features[:, answer])),
        "student's answer, whitened": chooser.embeddings(chosen.weighted({**none, POOLED: 0.0, ANSWER: 1.0})),
        "student's pooled features, whitened": chooser.embeddings(chosen.weighted({**none, ANSWER: 0.0, POOLED: 1.0})),
        "both, whitened": chooser.embeddings(chosen.weighted({**none, ANSWER: 1.0, POOLED: 1.0})),
        "hand-made, whitened by group": chooser.embeddings(chosen.weighted(network)),
        "joined": chooser.embeddings(chosen),
    }
    sets = [EpisodeSet(chooser.recordings, Protocol(ways, 1)) for ways in (5, 20)]
    return [one.measure(embeddings, name=name).figure for name, embeddings in rows.items() for one in sets]
