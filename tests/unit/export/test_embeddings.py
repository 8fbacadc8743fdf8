"""The npz file of embeddings: what goes in comes out, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import StoreError
from monitor.export.embeddings import EmbeddingFile

if TYPE_CHECKING:
    from pathlib import Path

# Half characters, of file names that are no Unicode, come back escaped: a test of their own.
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(NAMES, st.integers(1, 4)), min_size=1, max_size=5), st.integers(1, 9))
def test_rows_come_back_in_order(tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[str, int]], width: int):
    out = tmp_path_factory.mktemp("out") / "rows.npz"
    vectors = np.random.default_rng(width).standard_normal((20, width)).astype(np.float32)
    told: list[tuple[str, float, float, float]] = []
    with EmbeddingFile(out, width) as file:
        for name, count in runs:
            for index in range(count):
                file.add(name, float(index), index + 3.0, 0.5, vectors[len(told)])
                told.append((name, float(index), index + 3.0, 0.5))
        file.add_gate(runs[0][0], 0.0, 1.0, 0.25)
        assert file.windows == len(told)
        file.save()
    with np.load(out, allow_pickle=False) as arrays:
        # numpy drops zero bytes at the end of text, which no path can hold.
        rows = zip(*(arrays[key].tolist() for key in ("path", "start_s", "end_s", "gate")), strict=True)
        assert list(rows) == told
        assert np.array_equal(arrays["embedding"], vectors[: len(told)])
        assert arrays["gate_probability"].tolist() == [0.25]
    assert [path.name for path in out.parent.iterdir()] == ["rows.npz"]


def test_without_save_nothing_is_left_and_the_old_file_stays(tmp_path: Path):
    (tmp_path / "rows.npz").write_bytes(b"old")
    with pytest.raises(RuntimeError), EmbeddingFile(tmp_path / "rows.npz", 4) as file:
        file.add("a", 0.0, 3.0, 0.5, np.ones(4, np.float32))
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["rows.npz"]
    assert (tmp_path / "rows.npz").read_bytes() == b"old"


def test_a_folder_that_is_not_there_and_one_in_the_way(tmp_path: Path):
    for out in (tmp_path / "absent" / "rows.npz", tmp_path):
        with pytest.raises(StoreError, match="--out"), EmbeddingFile(out, 4):
            pass
    assert not list(tmp_path.iterdir())


def test_no_gate_window_and_names_that_are_no_unicode(tmp_path: Path):
    with EmbeddingFile(tmp_path / "rows.npz", 2) as file:
        file.add("night-\udcff.wav", 0.0, 3.0, 0.5, np.ones(2, np.float32))
        file.save()
    with np.load(tmp_path / "rows.npz") as arrays:
        assert arrays["path"].tolist() == ["night-\\udcff.wav"]
        assert arrays["gate_path"].shape == (0,)
