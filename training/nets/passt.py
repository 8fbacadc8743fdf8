"""PaSST, the paper's teacher, for whoever has a checkpoint of it: an audio spectrogram transformer with patchout.

Koutini et al., "Efficient training of audio transformers with patchout" (Interspeech 2022). Names of parameters are
those of the published checkpoints, so that they load; positions and the 527-class head are squeezed to what is needed
by adaptive average pooling, as Yu et al. (DCASE 2023, section 6) do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from monitor.errors import UsageError
from monitor.features.spec import FeatureSpec

if TYPE_CHECKING:
    from pathlib import Path

PASST_SPEC = FeatureSpec(
    "passt", 32_000, 1024, 800, 320, 128, "kaldi", 0.0, 15_000.0, "hann_symmetric", 0.97, "log", 1e-5
)
"""Front-end that its weights were made for."""

PATCH = 16
STRIDE = 10
PREFIXES = ("model.net.", "module.", "net.", "model.")
"""Wrappers that trainers leave in a checkpoint's names."""


@dataclass(frozen=True, slots=True)
class PasstSizes:
    """Size of the transformer; the defaults are PaSST-S."""

    width: int = 768
    depth: int = 12
    heads: int = 12
    bands: int = 128


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, count, width = tokens.shape
        split = self.qkv(tokens).reshape(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).reshape(batch, count, width))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = _Attention(width, heads)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp["fc2"](functional.gelu(self.mlp["fc1"](self.norm2(tokens))))


class Passt(nn.Module):
    """Log mel of `PASST_SPEC` `(batch, frames, bands)` -> logits `(batch, classes)`."""

    def __init__(self, classes: int, frames: int, sizes: PasstSizes | None = None, patchout: int = 6) -> None:
        """`patchout`: rows of patches over frequency that are dropped in training."""
        super().__init__()
        sizes = sizes or PasstSizes()
        width = sizes.width
        rows, columns = ((size - PATCH) // STRIDE + 1 for size in (sizes.bands, frames))
        self.patchout = min(patchout, rows - 1)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.dist_token = nn.Parameter(torch.zeros(1, 1, width))
        self.new_pos_embed = nn.Parameter(torch.zeros(1, 2, width))
        self.freq_new_pos_embed = nn.Parameter(torch.zeros(1, width, rows, 1))
        self.time_new_pos_embed = nn.Parameter(torch.zeros(1, width, 1, columns))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(1, width, PATCH, STRIDE)})
        self.blocks = nn.ModuleList(_Block(width, sizes.heads) for _ in range(sizes.depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        maps = ((features + 4.5) / 5.0).transpose(1, 2).unsqueeze(1)  # (batch, 1, bands, frames)
        patches = self.patch_embed["proj"](maps)  # (batch, width, rows, columns)
        patches = patches + self.freq_new_pos_embed + self.time_new_pos_embed
        if self.training and self.patchout:
            rows = torch.randperm(patches.shape[2], device=patches.device)[self.patchout :].sort().values
            patches = patches[:, :, rows]
        tokens = patches.flatten(2).transpose(1, 2)  # (batch, patches, width)
        extra = torch.cat([self.cls_token, self.dist_token], dim=1) + self.new_pos_embed
        tokens = torch.cat([extra.expand(len(tokens), -1, -1), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)
        return self.head((tokens[:, 0] + tokens[:, 1]) / 2.0)


def load_passt(path: Path, classes: int, frames: int, patchout: int = 6) -> Passt:
    """The network of a checkpoint, of whatever size it is, for other classes and windows.

    Raises UsageError when the file cannot be read as plain tensors or is no PaSST.
    """
    remedy = "Name a PaSST checkpoint, a file of tensors only (torch.save of a state dict)."
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(str(path), error.strerror or str(error), remedy) from error
    except Exception as error:  # torch raises whatever its unpickler meets
        why = f"it cannot be read as tensors ({type(error).__name__})"
        raise UsageError(str(path), why, remedy) from error
    weights = _plain(content.get("state_dict", content) if isinstance(content, dict) else content)
    needed = ("cls_token", "patch_embed.proj.weight", "freq_new_pos_embed", "time_new_pos_embed", "head.1.weight")
    missing = [name for name in needed if name not in weights]
    if missing:
        raise UsageError(str(path), f"it has no {', '.join(missing)}", remedy)
    width = weights["cls_token"].shape[2]
    depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    rows = weights["freq_new_pos_embed"].shape[2]
    sizes = PasstSizes(width, depth, max(1, width // 64), (rows - 1) * STRIDE + PATCH)
    network = Passt(classes, frames, sizes, patchout)
    own = network.state_dict()
    columns = own["time_new_pos_embed"].shape[3]
    time = weights["time_new_pos_embed"]
    if time.shape[3] != columns:
        squeezed = functional.adaptive_avg_pool1d(time[:, :, 0], columns)
        weights["time_new_pos_embed"] = squeezed[:, :, None]
    for name in ("head.1.weight", "head.1.bias"):
        if weights[name].shape[0] != classes:
            table = weights[name].reshape(weights[name].shape[0], -1).T[None]  # (1, width or 1, 527)
            weights[name] = functional.adaptive_avg_pool1d(table, classes)[0].T.reshape(own[name].shape)
    wrong = [name for name in own if name not in weights or weights[name].shape != own[name].shape]
    if wrong:
        raise UsageError(str(path), f"{', '.join(wrong[:5])} are missing or of another shape", remedy)
    network.load_state_dict({name: weights[name] for name in own})
    return network


def _plain(weights: object) -> dict[str, Tensor]:
    """Tensors by name, without the wrappers of trainers."""
    found: dict[str, Tensor] = {}
    for name, value in weights.items() if isinstance(weights, dict) else ():
        if isinstance(value, Tensor):
            for prefix in PREFIXES:
                name = name.removeprefix(prefix)
            found[name] = value
    return found
