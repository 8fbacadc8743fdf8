"""All few-shot figures of an encoder on the clips of one part, drawn once for everything that is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import UsageError
from training.data.episodes import Apart, Protocol
from training.fewshot.embeddings import Choice, window_embeddings
from training.fewshot.enrolled_sets import draw_sets
from training.fewshot.episodes_score import EPISODES, REPLICATES, EpisodeSet, Method
from training.fewshot.false_tags import count_false_tags
from training.fewshot.figures import InsertedFigure
from training.fewshot.openset import SETS, answer
from training.fewshot.openset import measure as measure_open_set

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from monitor.birds.cohort import Calibration, Cohort
    from training.data.catalog import Recording
    from training.fewshot.clips import ClipSet
    from training.fewshot.embeddings import Encoder
    from training.fewshot.episodes_score import Measured
    from training.fewshot.false_tags import Heard
    from training.fewshot.figures import FalseTagFigure, OpenSetFigure

HEADLINE = Protocol(5, 1)
PROTOCOLS = tuple(
    Protocol(ways, shots, apart=apart)
    for apart in (Apart.RECORDIST, Apart.RECORDING)
    for ways, shots in ((5, 1), (5, 5), (20, 1))
)
ENROLLED = tuple((enrolled, shots) for enrolled in SETS for shots in (1, 3))
"""Species enrolled, and clips of each."""

CHOICE_NAMES = {
    Choice.BEST_ONE: "the best by the gate (PS)",
    Choice.BEST: "the three best by the gate (the monitor)",
    Choice.ALL: "all, a second apart",
}


class FewShotSuite:
    """Episodes of every protocol that the clips allow."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        protocols: Sequence[Protocol] = PROTOCOLS,
        progress: Callable[[str], None] = print,
        episodes: int = EPISODES,
        seed: int = 0,
        replicates: int = REPLICATES,
    ) -> None:
        """What cannot be asked of these clips is told and left out."""
        self.sets: list[EpisodeSet] = []
        for protocol in protocols:
            try:
                self.sets.append(EpisodeSet(recordings, protocol, episodes, seed, replicates))
            except UsageError as error:
                progress(str(error))

    def measure(
        self,
        name: str,
        embeddings: NDArray[np.floating],
        methods: Sequence[Method] = (Method.NEAREST,),
        mean: NDArray[np.floating] | None = None,
    ) -> list[Measured]:
        """Embeddings `(clips, d)` by every method and protocol; `mean` `(d,)` is of base species."""
        return [episodes.measure(embeddings, method, mean, name) for method in methods for episodes in self.sets]


def inserted_figures(
    clip_sets: Mapping[float, ClipSet], encoder: Encoder, protocol: Protocol = HEADLINE, seed: int = 0
) -> list[InsertedFigure]:
    """Accuracy by choice of windows, for clips put into longer sound at each ratio in dB."""
    figures: list[InsertedFigure] = []
    for snr_db, clips in clip_sets.items():
        episodes = EpisodeSet(clips.recordings, protocol, seed=seed)
        embedded = window_embeddings(clips, encoder)
        figures += [
            InsertedFigure(snr_db, episodes.measure(embedded.of(choice), name=name).figure)
            for choice, name in CHOICE_NAMES.items()
        ]
    return figures


def open_set_figures(
    recordings: Sequence[Recording],
    embeddings: NDArray[np.floating],
    cohort: Cohort,
    calibration: Calibration,
    name: str = "",
    enrolled: Sequence[tuple[int, int]] = ENROLLED,
    progress: Callable[[str], None] = print,
) -> list[OpenSetFigure]:
    """Known against unknown species for each number of species and clips; what the clips do not allow is told."""
    figures: list[OpenSetFigure] = []
    for species, shots in enrolled:
        try:
            sets = draw_sets(recordings, species, shots, SETS.get(species, 100))
        except UsageError as error:
            progress(str(error))
            continue
        answers = answer(embeddings, sets, cohort)
        figures.append(measure_open_set(answers, sets, recordings, calibration, name))
    return figures


def false_tag_figures(
    heard: Sequence[Heard],
    recordings: Sequence[Recording],
    embeddings: NDArray[np.floating],
    cohort: Cohort,
    calibration: Calibration,
    enrolled: Sequence[tuple[int, int]] = ((1, 1), (5, 1), (20, 1), (20, 3)),
    progress: Callable[[str], None] = print,
) -> list[FalseTagFigure]:
    """False tags of each stream by number of species and clips, averaged over the sets of the open-set figures."""
    figures: list[FalseTagFigure] = []
    for species, shots in enrolled:
        try:
            sets = draw_sets(recordings, species, shots, SETS.get(species, 100))
        except UsageError as error:
            progress(str(error))
            continue
        figures += [count_false_tags(stream, sets, embeddings, cohort, calibration) for stream in heard]
    return figures
