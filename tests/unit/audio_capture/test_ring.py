from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.audio.ring import Ring, RingReader


def counted(start: int, count: int, channels: int = 1) -> np.ndarray:
    """Frames whose value is their index."""
    return np.repeat(np.arange(start, start + count, dtype=np.float32)[:, None], channels, axis=1)


@given(
    frames=st.integers(1, 40),
    channels=st.integers(1, 3),
    steps=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), max_size=40),
)
def test_reader_gets_every_frame_or_counts_it(frames: int, channels: int, steps: list[tuple[int, int]]) -> None:
    ring = Ring(frames, channels)
    reader = RingReader(ring)
    written = received = 0
    for write, read in steps:
        ring.write(counted(written, write, channels))
        written += write
        before = reader.position
        piece = reader.read(read)
        assert piece.start == before + piece.lost_before
        assert len(piece.samples) <= read
        np.testing.assert_array_equal(piece.samples, counted(piece.start, len(piece.samples), channels))
        if read and written > before:
            assert piece.start == max(before, written - frames)
            assert len(piece.samples) == min(read, written - piece.start)
        received += len(piece.samples)
        assert received + reader.lost == reader.position <= written
    assert ring.committed == ring.claimed == written


@given(frames=st.integers(1, 20), writes=st.lists(st.integers(0, 30), max_size=10), start=st.integers(0, 300))
def test_copy_never_returns_frames_outside_what_was_asked(frames: int, writes: list[int], start: int) -> None:
    ring = Ring(frames)
    for count in writes:
        ring.write(counted(ring.committed, count))
    piece = ring.copy(start, 7)
    np.testing.assert_array_equal(piece.samples, counted(piece.start, len(piece.samples)))
    assert piece.start >= start
    assert piece.start + len(piece.samples) <= max(ring.committed, piece.start)


def test_going_back_gets_the_same_frames_again() -> None:
    ring = Ring(100)
    reader = RingReader(ring)
    ring.write(counted(0, 80))
    first = reader.read(50)
    reader.position = 20
    again = reader.read(30)
    np.testing.assert_array_equal(again.samples, first.samples[20:])
    assert again.lost_before == 0


def test_a_write_that_laps_the_copy_is_found_out() -> None:
    """The writer gets in between the copy and the second look, as its thread may at any time."""

    class Overtaken(Ring):
        overtake = 0

        @property
        def oldest(self) -> int:
            oldest = super().oldest
            if self.overtake and self._looked:
                self.claimed += self.overtake
                return super().oldest
            self._looked = True
            return oldest

        _looked = False

    ring = Overtaken(100)
    ring.write(counted(0, 100))
    ring.overtake, ring._looked = 30, False
    piece = ring.copy(0, 50)
    assert (piece.start, piece.lost_before, len(piece.samples)) == (30, 30, 20)
    np.testing.assert_array_equal(piece.samples, counted(30, 20))


@pytest.mark.parametrize("frames", [700, 4_096, 50_000])
def test_readers_and_writer_in_threads(frames: int) -> None:
    """Numpy lets go of the interpreter lock in long copies, so that these really overlap."""
    ring = Ring(frames)
    total = 3_000_000
    done = threading.Event()
    results: list[tuple[int, int, bool]] = []

    def read(limit: int) -> None:
        reader = RingReader(ring, 0)
        received, right = 0, True
        while not (done.is_set() and reader.position >= ring.committed):
            piece = reader.read(limit)
            right = right and bool(np.array_equal(piece.samples, counted(piece.start, len(piece.samples))))
            received += len(piece.samples)
        results.append((received, reader.lost, right))

    readers = [threading.Thread(target=read, args=(limit,)) for limit in (64, 1_000, 100_000)]
    for thread in readers:
        thread.start()
    frames_to_write = counted(0, total)
    at = 0
    for count in np.random.default_rng(0).integers(1, 1_500, size=total):
        if at >= total:
            break
        ring.write(frames_to_write[at : at + count])
        at += int(count)
    done.set()
    for thread in readers:
        thread.join()
    assert len(results) == 3
    for received, lost, right in results:
        assert right
        assert received + lost == total


def test_refuses_what_is_no_ring() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Ring(0)
