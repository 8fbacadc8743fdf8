"""Milliseconds of one tag by the number of enrolled species: `python tests/bench/bench_tagger.py`.

With the shipped encoder where there is one, else with a cohort of the size that one has; the encoder's own run, up to
three windows a tag, is told apart. Prints; asserts nothing.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import numpy as np

from monitor import paths
from monitor.birds.cohort import Calibration, Cohort
from monitor.birds.enrolled import Enrolled
from monitor.birds.prototype import ClipReference, average
from monitor.birds.prototype_set import prototype_set
from monitor.engine.models import load_models
from monitor.settings import BirdsSettings

if TYPE_CHECKING:
    from collections.abc import Callable

SPECIES = (1, 10, 100, 1_000)
ROWS, WIDTH = 4_000, 1_024
"""Of a cohort without an encoder."""


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    encoder = load_models(BirdsSettings(), paths.model_roots()).encoder
    generator = np.random.default_rng(0)
    if encoder is None:
        print(f"no encoder is installed: a cohort of {ROWS} rows of {WIDTH} dimensions instead")
        cohort = Cohort(units(generator, ROWS, WIDTH), [f"{row % 400:03d}" for row in range(ROWS)], 200)
        calibration, width, model_id = Calibration(1.0, 0.0, 0.5), WIDTH, "none@1.0.0"
    else:
        cohort, calibration, width = encoder.cohort, encoder.calibration, encoder.embedder.dimension
        model_id = encoder.embedder.model_id
        windows = np.full((1, encoder.embedder.frames, encoder.embedder.spec.bands), -60.0, np.float32)
        print(f"{model_id}: {best_ms(lambda: encoder.embedder.embed(windows)):.2f} ms a window")
    print(f"{'species':>8} {'ms to judge a tag':>20} {'ms when species change':>24}")
    for count in SPECIES:
        species = [one_species(number, row, model_id) for number, row in enumerate(units(generator, count, width))]
        of_encoder = prototype_set(model_id, species)
        enrolled = Enrolled.of(of_encoder, cohort, calibration)
        assert enrolled
        query = units(generator, 1, width)[0]
        judging = best_ms(lambda enrolled=enrolled, query=query: enrolled.judge(query))
        changing = best_ms(lambda species=of_encoder: Enrolled.of(species, cohort, calibration), repeats=3)
        print(f"{count:>8} {judging:>20.2f} {changing:>24.1f}")


def one_species(number: int, vector: np.ndarray, model_id: str):
    reference = ClipReference(f"{number:064x}", 48_000, 48_000, "none")
    return average(f"species {number:04d}", model_id, [(reference, vector)], 0)


def units(generator: np.random.Generator, count: int, width: int) -> np.ndarray:
    rows = generator.standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def best_ms(work: Callable[[], object], repeats: int = 20) -> float:
    """Best of several, in milliseconds."""
    times: list[float] = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times) * 1_000


if __name__ == "__main__":
    main()
