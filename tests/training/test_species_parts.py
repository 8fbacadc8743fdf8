from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import AuricleError, UsageError
from tests.helpers.recordings import DATA, needs_recordings
from training.data.catalog import Kind, Recording, load_catalog
from training.data.species_parts import (
    LEAST_RECORDISTS,
    TABLE,
    TEST_SPECIES,
    VALIDATION_SPECIES,
    load_parts,
    main,
    make_parts,
    read_table,
    recordings_of,
    recordist_of,
    table_text,
)
from training.data.splits import Part

if TYPE_CHECKING:
    import random
    from pathlib import Path


def clip(taxon: str, recordist: str, number: int, kind: Kind = Kind.SPECIES) -> Recording:
    groups = (f"recordist:{recordist}", f"file:{number}") if recordist else (f"file:{number}",)
    return Recording(f"birds/{number}.opus", kind, taxon, "CC0", groups)


def table_of_clips(species: int, kind: Kind = Kind.SPECIES) -> list[Recording]:
    """Species i has i % 5 + 1 recordists."""
    people = [(f"Species {i}", f"person {i}-{j}") for i in range(species) for j in range(i % 5 + 1)]
    return [clip(taxon, person, number, kind) for number, (taxon, person) in enumerate(people)]


def people(recordings: list[Recording]) -> dict[str, set[str | None]]:
    names: dict[str, set[str | None]] = {}
    for one in recordings:
        names.setdefault(one.label, set()).add(recordist_of(one))
    return {taxon: known - {None} for taxon, known in names.items()}


@given(st.integers(170, 260), st.integers(0, 1000), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_parts_have_their_sizes_and_do_not_depend_on_the_order(species: int, seed: int, chance: random.Random) -> None:
    clips = table_of_clips(species)
    shuffled = clips.copy()
    chance.shuffle(shuffled)
    parts = make_parts(clips, seed)
    assert table_text(make_parts(shuffled, seed)) == table_text(parts)
    counts = Counter(parts.values())
    assert (counts[Part.TEST], counts[Part.VALIDATION]) == (TEST_SPECIES, VALIDATION_SPECIES)
    assert len(parts) == species
    names = people(clips)
    assert all(len(names[taxon]) >= LEAST_RECORDISTS for taxon, part in parts.items() if part is not Part.TRAIN)


def test_another_seed_gives_another_table() -> None:
    clips = table_of_clips(260)
    assert make_parts(clips, 0) != make_parts(clips, 1)


def test_well_recorded_species_are_in_every_part() -> None:
    clips = table_of_clips(260)
    names = people(clips)
    parts = make_parts(clips)
    shares = {part: Counter(len(names[t]) for t in parts if parts[t] is part)[5] for part in Part}
    assert all(count >= 10 for count in shares.values()), shares


def test_frogs_and_unknown_recordists_only_train() -> None:
    frogs = [replace(one, label=f"Frog {one.label}") for one in table_of_clips(20, Kind.FROG)]
    unknown = [clip("Nobody knows", "", 90_000 + i) for i in range(9)]
    parts = make_parts(table_of_clips(200) + frogs + unknown)
    assert {part for taxon, part in parts.items() if taxon.startswith(("Frog", "Nobody"))} == {Part.TRAIN}


def test_too_few_species_are_told() -> None:
    with pytest.raises(UsageError, match="12 bird species have 3 known recordists, 100 are needed"):
        make_parts(table_of_clips(20))


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    parts = make_parts(table_of_clips(200))
    path = tmp_path / "species.csv"
    path.write_text(table_text(parts), encoding="utf-8")
    assert read_table(path) == parts
    assert load_parts(table_of_clips(200), path) == parts
    test = recordings_of(table_of_clips(200), parts, Part.TEST)
    assert len({one.label for one in test}) == TEST_SPECIES


def test_every_fault_of_a_table_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "species.csv"
    path.write_text("taxon,part\nA a,train\nB b,exam\na A,test\n,test\nC c\n", encoding="utf-8")
    with pytest.raises(AuricleError) as caught:
        read_table(path)
    told = str(caught.value)
    assert "4 things are wrong" in told
    assert "line 3" in told
    assert "a A is there already as A a" in told
    path.write_text("species,part\n", encoding="utf-8")
    with pytest.raises(UsageError, match="its columns are species, part"):
        read_table(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_table(tmp_path / "none.csv")


def test_taxa_that_only_one_side_knows_are_told(tmp_path: Path) -> None:
    path = tmp_path / "species.csv"
    path.write_text("taxon,part\nParus major,test\nPica pica,train\n", encoding="utf-8")
    clips = [clip("Parus major", "a", 1), clip("Corvus corax", "b", 2)]
    with pytest.raises(AuricleError) as caught:
        load_parts(clips, path)
    told = str(caught.value)
    assert "taxa that no recording has: Pica pica" in told
    assert "not in it: Corvus corax" in told
    assert "fewer than 3 known recordists: Parus major" in told


def test_the_table_in_the_repository_has_the_agreed_sizes() -> None:
    counts = Counter(read_table(TABLE).values())
    assert counts == {Part.TRAIN: 908, Part.VALIDATION: 40, Part.TEST: 60}


@needs_recordings
def test_the_table_in_the_repository_fits_the_recordings() -> None:
    catalog = load_catalog(DATA)
    parts = load_parts(catalog)
    labels = {part: {one.label for one in recordings_of(catalog, parts, part)} for part in Part}
    assert not labels[Part.TRAIN] & labels[Part.TEST]
    assert not labels[Part.VALIDATION] & (labels[Part.TRAIN] | labels[Part.TEST])


@needs_recordings
def test_the_command_makes_the_same_table_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "species.csv"
    assert main([str(DATA), "--table", str(path)]) == 0
    assert path.read_bytes() == TABLE.read_bytes()
    assert "908 train, 40 validation, 60 test" in capsys.readouterr().out
    assert main([str(DATA), "--table", str(path / "below" / "a" / "file.csv")]) == 2
    assert "it cannot be written" in capsys.readouterr().err


def test_the_command_tells_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AURICLE_DATA", raising=False)
    assert main([str(tmp_path / "nowhere"), "--table", str(tmp_path / "species.csv")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert not (tmp_path / "species.csv").exists()
