"""The networks that a recipe names, untrained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.features.spec import SCENE
from training.nets.mobileast import SUBMISSIONS, Light, MobileASTLight
from training.nets.passt import PASST_SPEC, load_passt
from training.nets.scene_teacher import SceneCNN
from training.scene.render import WINDOW

if TYPE_CHECKING:
    from torch import nn

    from monitor.features.spec import FeatureSpec
    from training.scene.recipe import Network, SceneSettings
    from training.scene.source import Source


def sizes_of(network: Network) -> Light:
    """The submission that a recipe names, with what it changes."""
    sizes = SUBMISSIONS[network.submission]
    if network.channels:
        c1, c2, c_out = network.channels
        sizes = replace(sizes, c1=c1, c2=c2, c_out=c_out)
    if network.expansions:
        e1, e2, e3 = network.expansions
        sizes = replace(sizes, e1=e1, e2=e2, e3=e3)
    if network.attention:
        width, hidden, depth = network.attention
        sizes = replace(sizes, width=width, hidden=hidden, depth=depth)
    return replace(sizes, act=network.activation) if network.activation else sizes


def network_of(network: Network, classes: int) -> MobileASTLight:
    """The small network with so many classes, untrained."""
    return MobileASTLight(sizes_of(network), classes, network.level)


def student_of(settings: SceneSettings, source: Source) -> MobileASTLight:
    """The small network, untrained."""
    return network_of(settings.network, len(source.labels))


def teacher_of(settings: SceneSettings, source: Source) -> nn.Module:
    """The larger network, untrained or, where there is a checkpoint, pre-trained."""
    teacher = settings.teacher
    if teacher.kind == "passt":
        frames = PASST_SPEC.frames_in(WINDOW)
        return load_passt(Path(teacher.checkpoint).expanduser(), len(source.labels), frames, teacher.patchout)
    events = len(source.events) if teacher.events_weight > 0 else 0
    return SceneCNN(teacher.channels, len(source.labels), events, teacher.dropout, settings.network.level)


def teacher_spec(settings: SceneSettings) -> FeatureSpec:
    """Front-end of the teacher."""
    return PASST_SPEC if settings.teacher.kind == "passt" else SCENE
