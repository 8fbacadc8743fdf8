"""What a screen and an engine say to each other about the personal classifier of sound classes.

`personal` tells how much was gathered and which classifier is in use; `personal_apply` puts the newest answer of a
back-end in use, `personal_revert` the one before. Both answer with what `personal` would then tell.
"""

from __future__ import annotations

import msgspec

PERSONAL, PERSONAL_APPLY, PERSONAL_REVERT = "personal", "personal_apply", "personal_revert"
"""The commands."""


class PersonalStatus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer to all three."""

    gathering: bool
    """Whether what is heard is added to the mixture now."""
    why_not: str = ""
    """Where it is not: the reason, in the user's words."""
    vectors: int = 0
    """Decisions (ten seconds each) that the mixture stands for."""
    components: int = 0
    """Of the mixture as it would be sent; 0: it would not be sent yet."""
    numbers: int = 0
    """Weights, means and variances that would be sent."""
    fitted_ns: int | None = None
    """When the newest vector went into the mixture, nanoseconds since 1970."""
    since_ns: int | None = None
    """When the first one did."""
    model: str = ""
    """`name@version` of the classifier that runs."""
    personal: bool = False
    """Whether that is a personal one."""
    before: str = ""
    """`name/version` that `personal_revert` would put in use, `the one that came with the program`; empty: none."""
    applied_ns: int | None = None
    """When the one that runs was chosen; None where nothing was ever applied."""
    made: tuple[str, ...] = ()
    """How the personal one was made, in sentences."""
    received: str = ""
    """`name/version` of an answer that waits to be applied; empty: none."""
    fault: str = ""
    """What is wrong with what is on disk, in the user's words."""
