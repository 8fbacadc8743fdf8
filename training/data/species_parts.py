"""The fixed table of which species train, validate and test the few-shot tagger.

Species are disjoint, recordists are not: one person's clips of two species may lie in two parts, so an encoder may have
heard a test clip's microphone, never its species. That support and query of one task do not share a recordist is the
matter of `training.data.episodes`. Other birds sing behind many clips, so a test species may be heard unlabelled.

`python -m training.data.species_parts DATA` makes the table again, identical byte for byte.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import AuricleError, UsageError, raise_all
from training.data.catalog import Kind, data_folder, load_catalog
from training.data.splits import Part, fraction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from training.data.catalog import Recording

TABLE = Path(__file__).resolve().parents[2] / "configs" / "training" / "fewshot" / "species.csv"
COLUMNS = ("taxon", "part")
SEED = 0
TEST_SPECIES = 60
VALIDATION_SPECIES = 40
LEAST_RECORDISTS = 3
"""Known recordists that a species needs to validate or test: two for an episode, one more so that episodes differ."""
MANY_RECORDISTS = 6
"""Enough for five clips of five people and a query of another; the most even stratum."""
SPECIES_KINDS = (Kind.SPECIES, Kind.FROG)

_RECORDIST = "recordist:"


def recordist_of(recording: Recording) -> str | None:
    """Who recorded it, in one spelling; None where it is not known."""
    return next((group for group in recording.groups if group.startswith(_RECORDIST)), None)


def species_recordings(recordings: Iterable[Recording]) -> list[Recording]:
    """Those that are clips of one species, bird or frog."""
    return [recording for recording in recordings if recording.kind in SPECIES_KINDS]


def make_parts(recordings: Sequence[Recording], seed: int = SEED) -> dict[str, Part]:
    """Part of each species, by name.

    Birds with `LEAST_RECORDISTS` known recordists are ranked by a hash of seed and name within strata of 3, 4, 5 and
    more recordists; of each stratum the same share tests (60 in all) and validates (40), the rest trains. So no part
    has all the well-recorded species. Frogs train only: the bird gate, which finds the call, need not hear them.

    Raises UsageError when too few species qualify.
    """
    clips = species_recordings(recordings)
    recordists = _recordists(clips)
    frogs = {clip.label for clip in clips if clip.kind is Kind.FROG}
    able = [taxon for taxon, names in recordists.items() if len(names) >= LEAST_RECORDISTS and taxon not in frogs]
    wanted = TEST_SPECIES + VALIDATION_SPECIES
    if len(able) < wanted:
        why = f"{len(able)} bird species have {LEAST_RECORDISTS} known recordists, {wanted} are needed"
        raise UsageError("species for validation and test", why, "Use the whole data folder.")

    def rank(taxon: str) -> tuple[int, float]:
        return min(len(recordists[taxon]), MANY_RECORDISTS), fraction(taxon, seed)

    ranked = sorted(able, key=rank)
    parts = dict.fromkeys(sorted(recordists), Part.TRAIN)
    # Evenly spaced along the strata: each gives its share, and the sums are exact.
    chosen = [ranked[i * len(ranked) // wanted] for i in range(wanted)]
    for index, taxon in enumerate(chosen):
        # Spread 40 among 100 in the same manner.
        step = (index + 1) * VALIDATION_SPECIES // wanted - index * VALIDATION_SPECIES // wanted
        parts[taxon] = Part.VALIDATION if step else Part.TEST
    return parts


def table_text(parts: Mapping[str, Part]) -> str:
    """The table as it is stored: one line a species, by name."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((taxon, str(parts[taxon])) for taxon in sorted(parts))
    return stream.getvalue()


def read_table(path: Path) -> dict[str, Part]:
    """Part of each species in a table of columns taxon and part.

    Raises UsageError, or StartError naming every faulty line.
    """
    what = f"species table {path}"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(what, f"it cannot be read ({error})", "Name a CSV of columns taxon and part.") from error
    reader = csv.reader(io.StringIO(text))
    header = next(reader, list[str]())
    if tuple(header) != COLUMNS:
        raise UsageError(what, f"its columns are {', '.join(header) or 'none'}", "They must be taxon and part.")
    parts: dict[str, Part] = {}
    spelt: dict[str, str] = {}
    errors: list[AuricleError] = []
    for row in reader:
        where = f"{what}, line {reader.line_num}"
        if len(row) != len(COLUMNS) or not row[0].strip() or row[1] not in {str(part) for part in Part}:
            errors.append(UsageError(where, f"{','.join(row)!r} is no species and part", _TABLE_REMEDY))
            continue
        taxon = row[0].strip()
        if taxon.casefold() in spelt:
            errors.append(UsageError(where, f"{taxon} is there already as {spelt[taxon.casefold()]}", _TABLE_REMEDY))
            continue
        spelt[taxon.casefold()] = taxon
        parts[taxon] = Part(row[1])
    raise_all(errors)
    return parts


_TOLD = "Make the table of few-shot training, validation and test species again."
_TABLE_REMEDY = "One line a species: its name and train, validation or test."


def load_parts(recordings: Sequence[Recording], path: Path = TABLE) -> dict[str, Part]:
    """The fixed table, checked against the recordings that are there.

    Raises UsageError, or StartError with everything that is wrong: taxa that only one of the two knows, and species
    that validate or test with too few known recordists.
    """
    parts = read_table(path)
    recordists = _recordists(species_recordings(recordings))
    errors: list[AuricleError] = []
    what = f"species table {path}"
    unknown = sorted(parts.keys() - recordists.keys())
    if unknown:
        remedy = "Correct the names, or use the whole data folder."
        errors.append(UsageError(what, f"taxa that no recording has: {_some(unknown)}", remedy))
    absent = sorted(recordists.keys() - parts.keys())
    if absent:
        remedy = "Add each with its part; new species train unless a new test is meant."
        errors.append(UsageError(what, f"taxa of the recordings are not in it: {_some(absent)}", remedy))
    held = (taxon for taxon, part in parts.items() if part is not Part.TRAIN and taxon in recordists)
    poor = sorted(taxon for taxon in held if len(recordists[taxon]) < LEAST_RECORDISTS)
    if poor:
        why = f"species that validate or test with fewer than {LEAST_RECORDISTS} known recordists: {_some(poor)}"
        errors.append(UsageError(what, why, "Let them train, or use the whole data folder."))
    raise_all(errors)
    return parts


def recordings_of(recordings: Iterable[Recording], parts: Mapping[str, Part], part: Part) -> list[Recording]:
    """Species clips of one part, in the order given."""
    return [recording for recording in species_recordings(recordings) if parts[recording.label] is part]


def _recordists(clips: Iterable[Recording]) -> dict[str, set[str]]:
    """Known recordists of each species; an empty set where there is none."""
    known: dict[str, set[str]] = {}
    for clip in clips:
        names = known.setdefault(clip.label, set())
        name = recordist_of(clip)
        if name:
            names.add(name)
    return known


def _some(names: Sequence[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _write(path: Path, text: str) -> None:
    """All of it or nothing. Raises UsageError when it cannot be written."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    except OSError as error:
        remedy = "Name a file in a folder that may be written."
        raise UsageError(f"species table {path}", f"it cannot be written ({error})", remedy) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table again; 0, or the exit code of what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m training.data.species_parts", description=_TOLD)
    parser.add_argument("data", help="folder of recordings; AURICLE_DATA wins over it")
    parser.add_argument("--table", type=Path, default=TABLE, help="where it is written (default: %(default)s)")
    given = parser.parse_args(arguments)
    try:
        parts = make_parts(load_catalog(data_folder(given.data)))
        _write(given.table, table_text(parts))
    except AuricleError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    counts = Counter(parts.values())
    print(f"{given.table}: {', '.join(f'{counts[part]} {part}' for part in Part)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
