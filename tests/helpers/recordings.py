"""Real recordings for tests: never committed, read where they are."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("AURICLE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

needs_recordings = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no recordings in {DATA} (set AURICLE_DATA to the folder that has them)"
)


def annotated_minutes() -> dict[Path, list[tuple[float, float]]]:
    """Field minutes and the stretches (seconds) in which a person heard a bird; none where there was no bird."""
    minutes: dict[Path, list[tuple[float, float]]] = {}
    with (DATA / "birds" / "annotations.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            boxes = minutes.setdefault(DATA / "birds" / row["file"], [])
            if row["start_s"]:
                boxes.append((float(row["start_s"]), float(row["end_s"])))
    return minutes
