"""Windows one after the other, with embeddings only while a machine needs them."""

from __future__ import annotations

import numpy as np

from monitor.machines.context import Contexts, HeardContext
from monitor.machines.simple import LONGEST_CONTEXT
from monitor.machines.window import clip_windows
from tests.helpers.machines import fan


class Counting:
    """Embeds a window by its mean spectrum, and counts."""

    def __init__(self) -> None:
        self.windows = 0

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        self.windows += len(windows)
        return windows.mean(axis=1)[:, :4]


def test_embeddings_that_are_wanted_later_are_those_that_were_there_all_along() -> None:
    windows = clip_windows(fan(20.0, 1))
    always, later = Counting(), Counting()
    first, second = Contexts(always), Contexts(later)
    second.embedding = False
    told: list[tuple[HeardContext, HeardContext]] = []
    for number, window in enumerate(windows):
        if number == 10:
            assert later.windows == 0
            second.embedding = True
        told.append((first.add(window), second.add(window)))
    assert all(not before.embeddings for _, before in told[:10])
    for one, other in told[10:]:
        assert len(one.embeddings) == len(other.embeddings) == LONGEST_CONTEXT
        assert np.array_equal(np.stack(one.embeddings), np.stack(other.embeddings))
    assert always.windows == len(windows)
    assert later.windows == len(windows) - 10 + LONGEST_CONTEXT - 1


def test_without_an_encoder_there_is_nothing_to_embed() -> None:
    book = Contexts()
    book.embedding = True
    assert [book.add(window).embeddings for window in clip_windows(fan(4.0, 1))] == [(), ()]
