"""What the monitor hears in a joined recording, against what is in it.

auricle replay joined.wav --no-tui --speed max --species NAME --jsonl - | python -m training.species.heard joined.csv
"""

from __future__ import annotations

import json
import sys
import wave
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from monitor.core.clock import samples, seconds
from monitor.core.types import FeatureBlock, Span
from monitor.errors import AuricleError, UsageError
from monitor.features.frontend import Kernel
from monitor.features.spec import SPECIES
from monitor.features.windows import Windower
from monitor.species.classifier import Classifier
from monitor.species.merge import Merge
from training.species.joined import read_calls
from training.species.results import Joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from monitor.core.species_readings import SpeciesDetection
    from monitor.inference.bundle import Bundle
    from training.species.joined import Call


class Detection(Protocol):
    """What counts of a detection."""

    @property
    def span(self) -> Span:
        """All of it."""
        ...

    @property
    def best(self) -> Span:
        """The window with its score."""
        ...

    @property
    def label(self) -> str:
        """As the model spells it."""
        ...

    @property
    def score(self) -> float:
        """0..1."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """A detection as JSON Lines have it."""

    span: Span
    best: Span
    label: str
    score: float


def listen(bundle: Bundle, sound: NDArray[np.float32]) -> list[SpeciesDetection]:
    """Detections in sound at 16 kHz by the monitor's own stages, with the bundle's own thresholds."""
    classifier = Classifier(bundle)
    merge = Merge(classifier.model_id, classifier.window_length + classifier.hop_length)
    cut = classifier.cut
    stage = Windower(SPECIES, cut.frames, cut.hop)
    found: list[SpeciesDetection] = []
    for window in stage.push(FeatureBlock(Kernel(SPECIES)(sound), 0)):
        for hits in classifier.push(window):
            found += merge.push(hits)
    return [*found, *merge.flush()]


def judge(calls: Sequence[Call], detections: Sequence[Detection], whole_s: float) -> Joined:
    """A call is found if the detection with the highest score among those that overlap it has its label.

    False hits are the detections that overlap no call. `whole_s`: seconds of the recording.
    """
    right: dict[str, list[bool]] = {}
    for call in calls:
        over = [one for one in detections if one.best.overlaps(call.span)]
        best = max(over, key=lambda one: one.score, default=None)
        right.setdefault(call.label, []).append(best is not None and best.label == call.label)
    false = [one.label for one in detections if not any(one.span.overlaps(call.span) for call in calls)]
    recall = {label: float(np.mean(hits)) for label, hits in sorted(right.items())}
    return Joined(
        calls=len(calls),
        uar=float(np.mean(list(recall.values()))) if recall else float("nan"),
        false_hits=len(false),
        background_h=(whole_s - sum(seconds(call.span.length) for call in calls)) / 3600,
        recall=recall,
        false=dict(Counter(false).most_common()),
    )


def read_detections(lines: Iterable[str]) -> list[Line]:
    """The `species` readings among JSON Lines. Raises UsageError where a line is none."""
    found: list[Line] = []
    for number, text in enumerate(lines, start=1):
        try:
            line = json.loads(text)
            if line["type"] == "species":
                best = line["best"]
                found.append(Line(_span(line), _span(best), line["label"], float(line["score"])))
        except (ValueError, KeyError, TypeError) as error:
            remedy = "Pipe what `auricle replay --jsonl -` writes."
            raise UsageError(f"line {number}", f"it is no reading ({error!r})", remedy) from error
    return found


def lines(joined: Joined) -> list[str]:
    """For a terminal."""
    told = [f"{joined.calls} calls, UAR {joined.uar:.3f}"]
    told += [f"  {label:45} recall {value:.3f}" for label, value in joined.recall.items()]
    rate, minutes = joined.false_hits_per_hour, 60 * joined.background_h
    told.append(f"{joined.false_hits} false hits in {minutes:.1f} minutes of background, {rate:.1f} an hour")
    return told + [f"  {label:45} {count}" for label, count in joined.false.items()]


def main(words: list[str]) -> int:
    """`joined.csv`; JSON Lines on standard input; the recording lies beside the list. The exit code."""
    if len(words) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    table = Path(words[0])
    try:
        found = judge(read_calls(table), read_detections(sys.stdin), _length_s(table.with_suffix(".wav")))
    except AuricleError as error:
        print(f"training.species.heard: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(lines(found)))
    return 0


def _span(line: dict[str, float]) -> Span:
    return Span(samples(line["start_s"]), samples(line["end_s"]))


def _length_s(audio: Path) -> float:
    try:
        with wave.open(str(audio)) as stream:
            return stream.getnframes() / stream.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        why = f"it cannot be read ({error})"
        raise UsageError(str(audio), why, "It belongs beside the list of its calls.") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
