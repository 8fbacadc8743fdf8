"""Which recording is in which set and part: never in two parts, never with one user and in what trained anything.

Within each kind (class of noise, scene, package of music, speech) recordings are ranked by a hash. The first half
trains, the next tenth validates, the rest evaluates (Koppelman et al., 4.2: 50, 10, 40 %). What evaluates is also what
users live among, halved again: one half for their mixtures, one for what they are tested on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from monitor.errors import UsageError
from training.data.splits import connected, fraction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.personal.recipe import PersonalRecipe, SoundSet, UserSet
    from training.sound.source import Sounds, SoundSource

Part = Literal["train", "validation", "aggregation", "user"]

ENDS: tuple[tuple[float, Part], ...] = ((0.5, "train"), (0.6, "validation"), (0.8, "aggregation"), (1.0, "user"))
"""Share of the ranked recordings up to which they are in a part."""

AMBIENCES = ("cafe_restaurant", "nature_forest", "office_library", "seaside", "street_traffic", "vehicle_interior")


@dataclass(frozen=True, slots=True)
class Pool:
    """The recordings that a set draws from in one part."""

    noise: dict[str, list[Sounds]]
    """By label; all labels are drawn alike."""
    music: dict[str, list[Sounds]]
    """By origin."""
    speech: list[Sounds]


def parts_of(source: SoundSource, seed: int) -> list[Part]:
    """Part of each of the source's recordings; those that share a take, speaker or original recording share it."""
    components = _components(source)
    strata: dict[str, dict[str, None]] = {}
    for one, component in zip(source.sounds, components, strict=True):
        strata.setdefault(_stratum(one), {}).setdefault(component)
    found: dict[str, Part] = {}
    for stratum in sorted(strata):
        ranked = sorted(strata[stratum].keys() - found.keys(), key=lambda name: fraction(name, seed))
        for place, name in enumerate(ranked):
            share = (place + 0.5) / len(ranked)
            found[name] = next(part for end, part in ENDS if share < end)
    return [found[component] for component in components]


def pool_of(
    recipe: PersonalRecipe, source: SoundSource, parts: Sequence[Part], chosen: SoundSet, wanted: Sequence[Part]
) -> Pool:
    """What a set draws from. Raises UsageError when it has a kind that there is nothing of."""
    inside = [one for one, part in zip(source.sounds, parts, strict=True) if part in wanted]
    noise: dict[str, list[Sounds]] = {}
    music: dict[str, list[Sounds]] = {}
    for one in inside:
        label = one.recording.label
        if one.content in ("ambience", "noise") and label and (not chosen.noise or label in chosen.noise):
            noise.setdefault(label, []).append(one)
        elif one.content == "music" and (not chosen.music or label in chosen.music):
            music.setdefault(label, []).append(one)
    speech = _voices(recipe, chosen, [one for one in inside if one.content == "speech"])
    missing = [name for name in (*chosen.noise, *chosen.music) if name not in noise and name not in music]
    missing += [kind for kind, there in (("noise", noise), ("music", music), ("speech", speech)) if not there]
    if missing:
        what = f"set {chosen.name}, {' and '.join(wanted)}"
        raise UsageError(
            what, f"there is nothing of {', '.join(missing)}", "Correct the recipe, or fetch what it names"
        )
    return Pool(dict(sorted(noise.items())), dict(sorted(music.items())), speech)


def _voices(recipe: PersonalRecipe, chosen: SoundSet, speech: list[Sounds]) -> list[Sounds]:
    """A user's own share of the speakers; of other sets all."""
    users: dict[str, UserSet] = {user.name: user for user in recipe.users}
    if chosen.name not in users:
        return speech
    shares = max(user.voices for user in recipe.users) + 1
    ranked = sorted(speech, key=lambda one: fraction(one.recording.groups[0], recipe.seed))
    return ranked[users[chosen.name].voices :: shares]


def _stratum(one: Sounds) -> str:
    return f"{one.content} {one.recording.label}"


def _components(source: SoundSource) -> list[str]:
    """Music is divided track by track here: users differ by package, and a package has one composer or several."""
    named = connected([one.recording for one in source.sounds])
    return [
        f"track:{one.recording.path}" if one.content == "music" else name
        for one, name in zip(source.sounds, named, strict=True)
    ]
