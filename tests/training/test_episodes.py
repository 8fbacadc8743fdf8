from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from monitor.errors import UsageError
from tests.helpers.recordings import DATA, needs_recordings
from training.data.catalog import Kind, Recording, load_catalog
from training.data.episodes import Apart, Episode, EpisodeSampler, Protocol, exclusions
from training.data.species_parts import load_parts, recordings_of, recordist_of
from training.data.splits import Part

if TYPE_CHECKING:
    import random

# Mostly enough clips for an episode, with people, recordings and files that recur within and across species.
CLIP = st.tuples(st.integers(0, 3), st.none() | st.integers(0, 15), st.none() | st.integers(0, 60), st.integers(0, 60))
CLIPS = st.integers(0, 60).flatmap(lambda size: st.lists(CLIP, min_size=size, max_size=60))
PROTOCOLS = st.builds(
    Protocol, st.integers(2, 3), st.integers(1, 3), st.integers(1, 2), st.sampled_from(Apart), st.booleans()
)


def clip(number: int, species: str, recordist: str | None, take: str | None, file: str) -> Recording:
    groups = [f"recordist:{recordist}"] if recordist is not None else []
    groups += [f"xeno-canto:{take}"] if take is not None else []
    return Recording(f"birds/{number}.opus", Kind.SPECIES, species, "CC0", (*groups, f"file:{file}"))


def catalog(drawn: list[tuple[int, int | None, int | None, int]]) -> list[Recording]:
    return [
        clip(i, f"species {s}", None if r is None else str(r), None if t is None else f"XC{t}", str(f))
        for i, (s, r, t, f) in enumerate(drawn)
    ]


def takes(recording: Recording, apart: Apart) -> set[str]:
    """What names the recording: its number, else its file, and in the headline who made it."""
    number = {group for group in recording.groups if group.startswith("xeno-canto:")}
    who = recordist_of(recording) if apart is Apart.RECORDIST else ""
    return number or {f"{who}:{group}" for group in recording.groups if group.startswith("file:")}


def check(episode: Episode, recordings: list[Recording], protocol: Protocol) -> None:
    assert len(set(episode.species)) == len(episode.support) == len(episode.query) == protocol.ways
    for species, support, query in zip(episode.species, episode.support, episode.query, strict=True):
        assert {recordings[row].label for row in (*support, *query)} == {species}
        assert (len(set(support)), len(set(query))) == (protocol.shots, protocol.queries)
        apart(support, query, recordings, protocol)
        for rows in (support, query):
            names = [frozenset(takes(recordings[row], protocol.apart)) for row in rows]
            assert len(set(names)) == len(names)
    if protocol.across_species:
        everything = [[row for rows in side for row in rows] for side in (episode.support, episode.query)]
        apart(*everything, recordings, protocol)


def apart(support, query, recordings: list[Recording], protocol: Protocol) -> None:
    learnt = set().union(*(takes(recordings[row], protocol.apart) for row in support))
    asked = set().union(*(takes(recordings[row], protocol.apart) for row in query))
    assert not learnt & asked
    if protocol.apart is Apart.RECORDIST:
        people = {recordist_of(recordings[row]) for row in support}
        others = {recordist_of(recordings[row]) for row in query}
        assert None not in people | others
        assert not people & others


@given(CLIPS, PROTOCOLS, st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_support_and_query_are_apart(drawn, protocol: Protocol, seed: int) -> None:
    recordings = catalog(drawn)
    try:
        sampler = EpisodeSampler(recordings, protocol, seed)
        episodes = list(sampler.episodes(4))
    except UsageError:
        return
    event("episodes were drawn")
    for episode in episodes:
        check(episode, recordings, protocol)
        assert set(episode.species) <= set(sampler.species)
    excluded = {one.species for one in sampler.excluded}
    assert excluded.isdisjoint(sampler.species)
    assert excluded | set(sampler.species) == {one.label for one in recordings}


@given(CLIPS, PROTOCOLS, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_a_seed_gives_the_same_clips_whatever_their_order(drawn, protocol: Protocol, chance: random.Random) -> None:
    recordings = catalog(drawn)
    shuffled = recordings.copy()
    chance.shuffle(shuffled)

    def drawn_paths(given: list[Recording]) -> list[object]:
        try:
            episodes = list(EpisodeSampler(given, protocol, 3).episodes(3))
        except UsageError as error:
            return [str(error)]
        return [
            (one.species, *([[given[row].path for row in rows] for rows in side] for side in (one.support, one.query)))
            for one in episodes
        ]

    assert drawn_paths(recordings) == drawn_paths(shuffled)


def rich(species: int = 6, people: int = 8) -> list[Recording]:
    pairs = [(s, p) for s in range(species) for p in range(people)]
    return [clip(i, f"species {s}", f"{s}-{p}", f"XC{i}", str(i)) for i, (s, p) in enumerate(pairs)]


def test_any_episode_is_drawn_by_its_number() -> None:
    sampler = EpisodeSampler(rich(), Protocol(), 0)
    every = list(sampler.episodes(20))
    assert list(sampler.episodes(5, first=7)) == every[7:12]
    assert len(set(every)) > 15
    assert every != list(EpisodeSampler(rich(), Protocol(), 1).episodes(20))


def test_every_species_and_clip_has_its_turn() -> None:
    recordings = rich()
    episodes = list(EpisodeSampler(recordings, Protocol(5, 1, 1), 0).episodes(200))
    asked = {row for episode in episodes for rows in episode.query for row in rows}
    learnt = {row for episode in episodes for rows in episode.support for row in rows}
    assert asked == learnt == set(range(len(recordings)))


def test_species_of_too_few_recordists_are_counted() -> None:
    poor = [clip(900 + i, "one person", "same", f"XC{900 + i}", f"p{i}") for i in range(4)]
    unknown = [clip(950 + i, "nobody", None, f"XC{950 + i}", f"u{i}") for i in range(4)]
    sampler = EpisodeSampler(rich() + poor + unknown, Protocol(), 0)
    assert [(one.species, one.recordings, one.recordists) for one in sampler.excluded] == [
        ("nobody", 4, 0),
        ("one person", 4, 1),
    ]
    assert exclusions(sampler.excluded) == ("2 species left out: 1 with 0 known recordists, 1 with 1 known recordists")
    looser = EpisodeSampler(rich() + poor + unknown, Protocol(apart=Apart.RECORDING), 0)
    assert looser.excluded == []
    assert exclusions(looser.excluded) == "no species left out"


def test_cuts_of_one_recording_are_one_shot() -> None:
    cuts = [clip(i, f"species {i // 4}", None, f"XC{i // 4}", f"{i}") for i in range(8)]
    with pytest.raises(UsageError, match="0 of 2 species have clips of enough recordings"):
        EpisodeSampler(cuts, Protocol(2, apart=Apart.RECORDING), 0)


def test_five_shots_may_share_a_person_but_not_with_the_query() -> None:
    recordings = []
    for species in ("a", "b"):
        people = ["x", "x", "x", "x", "x", "y"]
        start = len(recordings)
        recordings += [clip(start + i, species, f"{species}{p}", f"XC{start + i}", "") for i, p in enumerate(people)]
    protocol = Protocol(2, 5, 1)
    for episode in EpisodeSampler(recordings, protocol, 0).episodes(10):
        check(episode, recordings, protocol)
        assert [recordist_of(recordings[rows[0]]) for rows in episode.query] == [
            f"recordist:{species}y" for species in episode.species
        ]


def test_a_recordist_on_both_sides_of_all_species_is_told() -> None:
    recordings = [
        clip(i, species, person, f"XC{i}", "")
        for i, (species, person) in enumerate([("a", "x"), ("a", "y"), ("b", "x"), ("b", "z"), ("c", "y"), ("c", "z")])
    ]
    with pytest.raises(UsageError, match="kept support and query apart in their recordists"):
        EpisodeSampler(recordings, Protocol(3), 0).draw(0)
    assert EpisodeSampler(recordings, Protocol(3, across_species=False), 0).draw(0)


@pytest.mark.parametrize("numbers", [(1, 1, 1), (5, 0, 1), (5, 1, 0)])
def test_a_protocol_without_an_episode_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="make no episode"):
        Protocol(*numbers)


@needs_recordings
@pytest.mark.parametrize(("ways", "shots", "species"), [(5, 1, 60), (20, 1, 60), (5, 5, 18)])
def test_the_test_species_give_episodes(ways: int, shots: int, species: int) -> None:
    everything = load_catalog(DATA)
    test = recordings_of(everything, load_parts(everything), Part.TEST)
    protocol = Protocol(ways, shots)
    sampler = EpisodeSampler(test, protocol, 0)
    assert len(sampler.species) == species
    for episode in sampler.episodes(200):
        check(episode, test, protocol)
