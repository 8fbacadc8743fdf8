"""What comes back: the files of a bundle, and how it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from monitor.errors import UsageError
from monitor.inference.manifest import CARD_FILE, GOLDEN_FILE, MANIFEST_FILE, MODEL_FILE

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1

KIND = "auricle personal classifier"

LARGEST = 4_000_000
"""Bytes; a classifier for the device has a few thousand."""

FILES = (CARD_FILE, GOLDEN_FILE, MANIFEST_FILE, MODEL_FILE)
"""Nothing else is ever written, so that no path can lead elsewhere."""


class Made(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a classifier was made, in numbers."""

    vectors: int
    """Decisions that the mixture stood for."""
    drawn: int
    """Vectors drawn from it."""
    kept: int
    """Of them, those whose label was certain enough; they were learnt from."""
    wanted: int
    """How many would have been kept at most."""
    certainty: float
    """Least probability of a label that is kept, 0..1."""
    labels: dict[str, int]
    """Of those kept, by class."""
    baseline: int
    """Labelled vectors of the back-end's own that were learnt from besides."""

    def lines(self) -> list[str]:
        """For a terminal."""
        kinds = ", ".join(f"{label} {count}" for label, count in self.labels.items())
        told = [
            f"learnt from {self.kept} vectors drawn from the mixture ({kinds}) and {self.baseline} labelled ones",
        ]
        if self.kept < self.wanted:
            least = f"{self.certainty:.0%}"
            told.append(
                f"only {self.kept} of {self.drawn} draws were labelled with {least} certainty; {self.wanted} were "
                "wanted, so this classifier is less personal than it could be"
            )
        return told


class PersonalAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer, field by field."""

    kind: Literal["auricle personal classifier"]
    version: int
    """Of this layout."""
    name: str
    """Of the bundle, as its manifest says."""
    bundle_version: str
    """The same."""
    made: Made
    files: dict[str, bytes]
    """Of the bundle: manifest.json, model.onnx, golden.npz, CARD.md."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(PersonalAnswer)


def encode_answer(folder: Path, made: Made) -> bytes:
    """The answer that carries the bundle in `folder`, which is `<name>/<version>`. Raises OSError."""
    files = {name: (folder / name).read_bytes() for name in FILES}
    return _encoder.encode(PersonalAnswer(KIND, VERSION, folder.parent.name, folder.name, made, files))


def decode_answer(content: bytes, what: str = "the answer") -> PersonalAnswer:
    """The answer in these bytes. Raises UsageError saying why `what` is none; the bundle is not checked yet."""
    if len(content) > LARGEST:
        raise _refused(what, f"it has {len(content)} bytes, more than {LARGEST}")
    try:
        answer = _decoder.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError) as fault:
        raise _refused(what, f"is no answer of a back-end ({fault})") from fault
    if answer.version != VERSION:
        why = f"it has version {answer.version}, this program reads version {VERSION}"
        raise UsageError(what, why, "Install the same version of Auricle on both sides")
    if set(answer.files) != set(FILES):
        held = ", ".join(sorted(answer.files)) or "nothing"
        raise _refused(what, f"it must hold {', '.join(FILES)}, and holds {held}")
    return answer


def _refused(what: str, why: str) -> UsageError:
    return UsageError(what, why, "Take what `auricle-train personalize` gave, or send the mixture again")
