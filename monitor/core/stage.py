"""The one protocol of everything between the source and the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


class Stage(Protocol[In, Out]):
    """A streaming step. Its laws are checked in `tests/contract` on every class of this shape.

    Cutting the input differently changes nothing; `reset(at)` equals a fresh stage that begins at `at`; `flush` twice
    equals once; inputs are not mutated and outputs not aliased; spans are ordered; no clock, input, output, randomness
    or logging inside.
    """

    @property
    def latency(self) -> int:
        """Engine samples between the newest input and the newest output that it can still hold back."""
        ...

    def push(self, item: In) -> Sequence[Out]:
        """Take the next input, return what it completes."""
        ...

    def flush(self) -> Sequence[Out]:
        """The stream ends or breaks here: return what is still held. Only `reset` may follow."""
        ...

    def reset(self, at: int) -> None:
        """Forget everything; the next input begins at engine index `at`, a multiple of 3."""
        ...
