"""What the monitor itself says: every section enrolled from its training clips as on site, its test clips scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import AuricleError
from monitor.features.frontend import Kernel
from monitor.features.spec import MACHINE
from monitor.machines.enroll import fit_profile
from monitor.machines.options import Options
from monitor.machines.sounds import Sound
from monitor.machines.window import clip_windows
from training.anomaly.views import sections_of
from training.nets.asd import EMBEDDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from monitor.core.types import Float32Array
    from training.anomaly.material import Material
    from training.anomaly.views import Encoder


@dataclass(frozen=True, slots=True)
class Embedder:
    """What an enrollment asks of an encoder, by whatever network."""

    embed: Encoder
    id: str = "encoder@0.0.0"
    dimension: int = EMBEDDING


def enrolled_scores(
    material: Material, encoder_of: Callable[[str], Encoder | None], progress: Callable[[str], None]
) -> dict[tuple[str, int], NDArray[np.float64]]:
    """Scores of the test clips of each section, by the profile that its training clips give.

    `encoder_of` gives a machine's encoder, None for plain figures alone. Sections that cannot be enrolled are left out,
    and why is told.
    """
    found: dict[tuple[str, int], NDArray[np.float64]] = {}
    kernel = Kernel(MACHINE)
    for (machine, section), rows in sections_of(material.clips).items():
        encode = encoder_of(machine)
        normals = [material.clips[i] for i in rows if material.clips[i].train]
        sounds = [(bool(clip.target), Sound(np.array(material.wave(clip)), clip.path)) for clip in normals]
        source, target = ([sound for is_target, sound in sounds if is_target == of] for of in (False, True))
        name = f"{machine}-{section:02d}"
        try:
            embedder = None if encode is None else Embedder(encode)
            profile = fit_profile(name, source, target, embedder, Options(), 0)  # type: ignore[arg-type]
        except AuricleError as error:
            progress(f"{name} cannot be enrolled: {error}")
            continue
        scores: list[float] = []
        for clip in (material.clips[i] for i in rows if not material.clips[i].train):
            windows = clip_windows(np.array(material.wave(clip)), kernel)
            embeddings: Float32Array | None = None
            if encode is not None:
                embeddings = encode(np.stack([window.values for window in windows]))
            scores.append(profile.score_clip(windows, embeddings).score)
        found[machine, section] = np.array(scores)
    return found
