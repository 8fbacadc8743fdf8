"""Ten minutes of audio at full speed on one core: the cost of each stage, and the whole command from outside.

In memory the encoder, where there is one, runs on every window of its hop of a second, bird or not; the command runs it
only on what the gate lets through, and only if species are enrolled.

    python tests/bench/bench_pipeline.py [MINUTES]

Prints; asserts nothing. The ratio to real time is of processor time, which a busy machine disturbs less.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from monitor import paths
from monitor.audio.resample import Decimate
from monitor.audio.synthetic import soundscape
from monitor.core.types import AudioBlock
from monitor.engine import bench
from monitor.engine.machines import MachineBranch, Watched
from monitor.engine.models import load_models
from monitor.engine.species import Species
from monitor.engine.times import StageTimes
from monitor.machines.anomaly import Attention
from monitor.machines.enroll import fit_profile
from monitor.machines.sounds import heard_sound
from monitor.settings import BirdsSettings, MachinesSettings, SceneSettings, SoundSettings, SpeciesSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.helpers.machines import QUICK, fan

if TYPE_CHECKING:
    from monitor.machines.encoder import MachineEncoder

SHIPPED_SPECIES = "species-animals"


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    blocks = [block.samples for block in soundscape().blocks()]
    roots = paths.model_roots()
    models = load_models(
        BirdsSettings(), roots, species=SpeciesSettings(), scene=SceneSettings(), sound=SoundSettings()
    )
    told = "the encoder on every window" if models.encoder else "gate alone"
    told += "".join(f", {classifier.model_id}" for classifier in models.classifiers)
    told += f", {models.scene.classifier.bundle.manifest.id}" if models.scene else ", no scenes"
    print(f"the pipeline in memory, 48 kHz, {told}")
    print("\n".join(bench.run(blocks, 48_000, minutes, models).lines()))
    print()
    bundled = load_models(BirdsSettings(), paths.model_roots(), machines=MachinesSettings()).machine_encoder
    for encoder in (None, bundled) if bundled else (None,):
        machine_branch(minutes, encoder)
        print()
    species_branch(np.concatenate(blocks), minutes)
    print()
    whole_command(np.concatenate(blocks), minutes)


def machine_branch(minutes: float, encoder: MachineEncoder | None) -> None:
    """The machine branch alone, from 16 kHz to readings: one machine, a window every 1.008 s."""
    clips = [heard_sound(fan(10.0, seed), 16_000, f"fan {seed}") for seed in range(12)]
    profile = fit_profile("fan-1", clips, (), encoder, QUICK, 0)
    times = StageTimes()
    branch = MachineBranch(encoder, times.timed)
    branch.watch({profile.name: Watched(profile, Attention())})
    sound, step = fan(60.0, 99), 3_200
    began = process_time()
    for start in range(0, round(minutes * 60 * 16_000), step):
        place = start % len(sound)
        branch.push(AudioBlock(sound[place : place + step], start, 16_000))
    cost = process_time() - began
    told = f"with {encoder.id}" if encoder else "without an encoder"
    print(f"the machine branch alone, {told}: {minutes * 60 / cost:.0f} times real time on one core")
    for name, cost in times.seconds.items():
        print(f"{name:<18} {cost / minutes / 60 * 1e3:>8.3f} ms per second of audio")


def species_branch(sound: np.ndarray, minutes: float) -> None:
    """A shipped classifier of known species alone, from 48 kHz to detections: a window of 3 s every 1.5 s."""
    settings = SpeciesSettings(models=(SHIPPED_SPECIES,))
    models = load_models(BirdsSettings(enabled=False), paths.model_roots(), species=settings)
    times = StageTimes()
    to_16_khz, branch = Decimate(16_000), Species(models, times.timed)
    step = 9_600
    whole = np.resize(sound, round(minutes * 60 * 48_000))
    began = process_time()
    for start in range(0, len(whole), step):
        for block in to_16_khz.push(AudioBlock(whole[start : start + step], start, 48_000)):
            branch.push(block, 3 * block.start)
    cost = process_time() - began
    print(f"the species branch alone, with {SHIPPED_SPECIES}: {minutes * 60 / cost:.0f} times real time on one core")
    for name, cost in times.seconds.items():
        print(f"{name:<18} {cost / minutes / 60 * 1e3:>8.3f} ms per second of audio")


LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""
"""Starts the command from a small process: a child's largest memory counts from before it became another program."""


def whole_command(sound: np.ndarray, minutes: float) -> None:
    """`auricle replay` of a file as long, start-up and JSON Lines included."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "long.wav"
        samples = np.resize(sound, round(minutes * 60 * 48_000))
        soundfile.write(file, samples, 48_000, subtype="PCM_16")
        words = [sys.executable, "-m", "monitor", "replay", str(file), "--no-tui", "--speed", "max"]
        words += ["--jsonl", str(Path(folder) / "out.jsonl")]
        launcher = [sys.executable, "-c", LAUNCHER, *words]
        told = subprocess.run(launcher, check=True, capture_output=True, text=True).stdout
    processor_s, largest_kb = (float(figure) for figure in told.split())
    print(f"`auricle replay` of a file of {minutes:g} minutes, start-up and JSON Lines included")
    print(f"{processor_s:.2f} processor seconds: {minutes * 60 / processor_s:.0f} times real time on one core")
    print(f"largest resident memory: {largest_kb * 1024 / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
