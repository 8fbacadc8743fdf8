"""Options that take several words."""

from __future__ import annotations

import pytest

from monitor.commands.words import repeat_options

B = frozenset({"--background"})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("name a.wav", "name a.wav"),
        ("name a.wav --background b c", "name a.wav --background b --background c"),
        ("name --background b c --threshold 0.5 a", "name --background b --background c --threshold 0.5 a"),
        ("name a --background b --background c", "name a --background b --background c"),
        ("name a --background - b", "name a --background - --background b"),
        ("name a --background", "name a --background"),
        ("name a --background --add", "name a --background --add"),
        ("name a --background=b c", "name a --background=b c"),
        ("name a --background b -- --background c", "name a --background b -- --background c"),
        ("--config x --background b -x c", "--config x --background b -x c"),
    ],
)
def test_words_up_to_the_next_option_are_its_own(words: str, told: str):
    assert repeat_options(words.split(), B) == told.split()
