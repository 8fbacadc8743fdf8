"""What each choice costs: the whole pipeline in memory, on a field recording, by `auricle bench`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.encoders.program import benchmark

if TYPE_CHECKING:
    from pathlib import Path

MINUTES = 2.0
"""Of the recording, again and again."""

CHOICES = {
    "no encoder: the gate alone": "[birds]\ntagging = false\n[species]\nenabled = false\n",
    "bird-encoder": "[species]\nenabled = false\n",
    "birdnet as encoder": '[birds]\nencoder = "birdnet"\n[species]\nenabled = false\n',
    "bird-encoder, and birdnet names what it knows": "",
    "birdnet for both": '[birds]\nencoder = "birdnet"\n',
}
"""Settings by what they choose; all other branches are as they are by default."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one choice."""

    name: str
    real_time_factor: float
    """Audio seconds for one processor second on one core, an encoder window every second, bird or not."""
    memory_mb: float
    """The most that was resident."""
    encoder_ms: float
    """Of the encoder for a second of audio, if it ran on every window."""
    classifier_ms: float
    """Of the classifier of known species for a second of audio."""


def measure_costs(recording: Path, minutes: float = MINUTES) -> list[Cost]:
    """Of every choice."""
    return [_cost(name, benchmark(minutes, settings, recording)) for name, settings in CHOICES.items()]


def _cost(name: str, told: dict[str, Any]) -> Cost:
    stages: dict[str, float] = told["stages_ms"]
    encoder, classifier = (stages.get(stage, 0.0) for stage in ("encoder", "species classifier"))
    return Cost(name, float(told["real_time_factor"]), max(told["memory_mb"]), encoder, classifier)
