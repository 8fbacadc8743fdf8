"""What the screen says of the kind of sound of one source. No terminal in here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.core.clock import samples
from monitor.tui.scenes import Badge

if TYPE_CHECKING:
    from monitor.core.events import SoundClassReading

STALE = samples(25.0)
"""Engine samples without a reading after which the kind of sound is not known: two decisions and a half."""


def sound_badge(newest: SoundClassReading | None, head: int) -> Badge | None:
    """What to say as of engine index `head`; None where nothing ever told it."""
    if newest is None:
        return None
    if head - newest.span.end > STALE:
        return Badge("not told", "", settled=False)
    return Badge(newest.smoothed, "", settled=True)
