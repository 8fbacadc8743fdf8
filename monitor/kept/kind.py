"""What differs between the folders of enrolled things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from monitor.kept.name import kept_file_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.kept.audio import ClipReference

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of enrolled thing: how its files read, and what messages call it."""

    thing: str
    """What it is of, such as `species`."""
    file: str
    """What a file of it is called, such as `prototype`."""
    encode: Callable[[T], bytes]
    """The content of its file."""
    decode: Callable[[bytes], T]
    """The thing of a file's content. Raises ValueError, with the reason, for whatever is wrong with it."""
    name_of: Callable[[T], str]
    parse_name: Callable[[str], str]
    """A name that a user gave, as it is kept. Raises UsageError when it is none."""
    clips_of: Callable[[T], Sequence[ClipReference]]
    """Clips whose audio is kept beside it."""

    @property
    def store(self) -> str:
        """What the folder is called."""
        return f"{self.file} store"

    def file_name(self, name: str) -> str:
        """Of the thing with that name."""
        return kept_file_name(name, self.thing)
