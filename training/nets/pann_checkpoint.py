"""The published CNN14 of PANNs, from the checkpoint that a user has."""

from __future__ import annotations

from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from monitor.errors import UsageError
from monitor.features.filterbank import full_scale_power
from monitor.features.spec import FeatureSpec
from training.nets.pann import PlainCNN, cnn14

if TYPE_CHECKING:
    from pathlib import Path

AUDIOSET_CLASSES = 527
BIRD_CLASSES = (111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121)
"""Places of AudioSet's `Bird` and of what lies below it, to `Bird flight, flapping wings`."""

_LEAST_POWER = 1e-10
"""Smallest power that its front-end keeps, raw."""
_WINDOW = 1024


def _published_spec() -> FeatureSpec:
    # dB relative to a full-scale sine, so the floor is relative to it too: (sum of a Hann window / 2)^2.
    floor = _LEAST_POWER / (_WINDOW / 4.0) ** 2
    return FeatureSpec("cnn14", 32_000, _WINDOW, _WINDOW, 320, 64, "slaney", 50.0, 14_000.0, floor=floor)


CNN14_SPEC = _published_spec()
"""Front-end of the checkpoint at 32 kHz; the original centres its frames, this one does not."""

_REMEDY = "Take Cnn14_mAP=0.431.pth of the PANNs authors, or save its `model` dictionary of tensors by itself."


class PublishedCNN14(nn.Module):
    """Features of `CNN14_SPEC`, `(batch, frames, 64)` -> probability of each class of AudioSet `(batch, 527)`."""

    def __init__(self) -> None:
        super().__init__()
        self.network = cnn14(AUDIOSET_CLASSES)
        # The checkpoint's decibels are of raw power.
        self.offset = float(10.0 * torch.log10(torch.tensor(full_scale_power(CNN14_SPEC))))

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        return self.network(features + self.offset).sigmoid()

    def embed(self, features: Tensor) -> Tensor:
        """Embeddings `(batch, 2048)`."""
        return self.network.embed(self.network.normalise(features + self.offset))

    def bird(self, features: Tensor) -> Tensor:
        """Probability of a bird `(batch,)`: the highest of its classes; how the few-shot paper chooses windows."""
        return self(features)[:, BIRD_CLASSES].amax(dim=1)


def load_cnn14(path: Path) -> PublishedCNN14:
    """The network of a checkpoint, in evaluation mode.

    Raises UsageError when there is none, when it holds more than tensors, or when tensors are missing or misshapen.
    """
    network = PublishedCNN14()
    network.network.load_state_dict(_translated(_read(path), network.network, path))
    return network.eval()


def load_cnn14_classifier(path: Path, classes: int) -> PlainCNN:
    """The same layers with a new head of so many classes, to be fine-tuned on features of the spec `species`.

    The first normalisation starts anew, since the front-end is another. Raises as `load_cnn14`.
    """
    network = cnn14(classes)
    published = _translated(_read(path), cnn14(AUDIOSET_CLASSES), path)
    kept = {name: tensor for name, tensor in published.items() if not name.startswith(("bn0.", "head."))}
    network.load_state_dict(kept, strict=False)
    return network


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UsageError(f"checkpoint {path}", "there is no such file", _REMEDY)
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError, OSError, ValueError, LookupError) as error:
        # What is no checkpoint, or one that would run code.
        why = f"it cannot be read as plain tensors ({type(error).__name__})"
        raise UsageError(f"checkpoint {path}", why, _REMEDY) from error
    inner = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(inner, dict) or not all(isinstance(one, Tensor) for one in inner.values()):
        raise UsageError(f"checkpoint {path}", "it holds no dictionary of tensors", _REMEDY)
    return cast("dict[str, Tensor]", inner)


def _translated(published: dict[str, Tensor], network: PlainCNN, path: Path) -> dict[str, Tensor]:
    """By our names. Tensors of its own front-end are passed over."""
    found: dict[str, Tensor] = {}
    for name, tensor in published.items():
        found[_our_name(name)] = tensor
    wanted = network.state_dict()
    faults = [f"{name} missing" for name in wanted if name not in found]
    faults += [
        f"{name} has {tuple(found[name].shape)} for {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in found and found[name].shape != tensor.shape
    ]
    if faults:
        shown = "; ".join(faults[:5]) + (f" and {len(faults) - 5} more" if len(faults) > 5 else "")
        raise UsageError(f"checkpoint {path}", f"it is no CNN14: {shown}", _REMEDY)
    return {name: found[name] for name in wanted}


def _our_name(name: str) -> str:
    """`conv_block2.bn1.weight` -> `blocks.1.norms.0.weight`, and so on."""
    first, _, rest = name.partition(".")
    if first == "fc_audioset":
        return f"head.{rest}"
    if not first.startswith("conv_block"):
        return name
    layer, _, last = rest.partition(".")
    kind = "convolutions" if layer.startswith("conv") else "norms"
    return f"blocks.{int(first[len('conv_block') :]) - 1}.{kind}.{int(layer[-1]) - 1}.{last}"
