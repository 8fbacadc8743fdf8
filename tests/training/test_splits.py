from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.catalog import SITE_PREFIX, Kind, Recording
from training.data.splits import Part, assign, connected, fraction

GROUPS = st.lists(st.integers(0, 12).map(lambda i: f"group:{i}"), min_size=1, max_size=3).map(tuple)


def recording(index: int, groups: tuple[str, ...], kind: Kind = Kind.SPECIES, fold: int = 0) -> Recording:
    return Recording(f"{index}.wav", kind, "label", "CC0", groups, fold)


@given(st.lists(st.tuples(GROUPS, st.sampled_from([Kind.SPECIES, Kind.ESC50, Kind.SCENE, Kind.FIELD])), max_size=40))
@settings(max_examples=60)
def test_no_group_is_on_two_sides(rows: list[tuple[tuple[str, ...], Kind]]) -> None:
    recordings = [recording(i, groups, kind) for i, (groups, kind) in enumerate(rows)]
    parts: dict[str, set[Part]] = {}
    for one, assignment in zip(recordings, assign(recordings, 0.3, 0), strict=True):
        for group in one.groups:
            parts.setdefault(group, set()).add(assignment.part)
        if one.kind is Kind.FIELD:
            assert assignment.part is Part.TEST
    assert all(len(sides) == 1 for sides in parts.values())


@given(st.lists(GROUPS, min_size=1, max_size=20), st.randoms())
def test_components_do_not_depend_on_the_order(rows: list[tuple[str, ...]], random) -> None:
    recordings = [recording(i, groups) for i, groups in enumerate(rows)]
    shuffled = recordings.copy()
    random.shuffle(shuffled)
    first = dict(zip((r.path for r in recordings), assign(recordings, 0.3, 1), strict=True))
    second = dict(zip((r.path for r in shuffled), assign(shuffled, 0.3, 1), strict=True))
    assert first == second


def test_a_chain_of_groups_is_one_component() -> None:
    chain = [recording(0, ("a", "b")), recording(1, ("b", "c")), recording(2, ("c",)), recording(3, ("d",))]
    assert connected(chain) == ["a", "a", "a", "d"]


def test_a_source_with_clips_in_two_folds_is_kept_from_both() -> None:
    clips = [recording(0, ("freesound:1",), Kind.ESC50, 1), recording(1, ("freesound:1",), Kind.ESC50, 3)]
    assert [assignment.folds for assignment in assign(clips, 0.1, 0)] == [frozenset({1, 3})] * 2


def test_each_label_validates_and_sites_never_do() -> None:
    birds = [recording(i, (f"recordist:{i}",)) for i in range(20)]
    site = [recording(100 + i, (f"{SITE_PREFIX}somewhere", f"file:{i}")) for i in range(20)]
    parts = [assignment.part for assignment in assign(birds + site, 0.2, 0)]
    assert parts[:20].count(Part.VALIDATION) >= 3
    assert set(parts[20:]) == {Part.TRAIN}


def test_fractions_are_the_same_everywhere() -> None:
    assert fraction("recordist:a", 0) == fraction("recordist:a", 0) != fraction("recordist:a", 1)
    assert round(fraction("recordist:a", 0), 6) == 0.70303
