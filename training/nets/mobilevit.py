"""Blocks of MobileViT: convolutions with normalisation, inverted residuals, and attention over unfolded patches.

MobileNetV2 (Sandler et al., CVPR 2018), MobileViT (Mehta and Rastegari, 2021), MobileViTv3 (Wadekar and Chaurasia,
2022). Feature maps are `(batch, channels, height, width)`; for sound height is frequency, width is time.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from training.scene.recipe import Activation

HEADS = 4
PATCH = 2
"""Height and width of a patch; a feature map has whole patches."""


def activation(name: Activation) -> nn.Module:
    """The non-linearity of that name."""
    return nn.SiLU() if name == "silu" else nn.ReLU()


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation and, where named, an activation."""

    def __init__(
        self,
        inward: int,
        outward: int,
        kernel: int,
        act: Activation | None,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
    ) -> None:
        super().__init__()
        around = kernel // 2 if padding is None else padding
        self.convolution = nn.Conv2d(inward, outward, kernel, stride, around, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outward)
        self.act = activation(act) if act else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """As the class says."""
        return self.act(self.norm(self.convolution(maps)))

    def fuse(self) -> None:
        """Fold the normalisation into the convolution, for good; same outputs in evaluation mode."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.convolution = fuse_conv_bn_eval(self.convolution, self.norm)
            self.norm = nn.Identity()


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen by `expansion` (not at 1), depthwise 3x3, narrow without activation.

    The input is added where the shape allows it.
    """

    def __init__(self, inward: int, outward: int, stride: int, expansion: int, act: Activation) -> None:
        super().__init__()
        wide = inward * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [ConvNorm(inward, wide, 1, act)]
        layers += [ConvNorm(wide, wide, 3, act, stride, groups=wide), ConvNorm(wide, outward, 1, None)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inward == outward

    def forward(self, maps: Tensor) -> Tensor:
        """As the class says."""
        return maps + self.layers(maps) if self.residual else self.layers(maps)


class Attention(nn.Module):
    """Multi-head self-attention over all tokens of a sequence: `(n, tokens, d)` -> the same shape."""

    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.width = width
        self.inward = nn.Linear(width, 3 * width, bias=bias)
        self.outward = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """As the class says."""
        n, count, width = tokens.shape
        # (n, tokens, 3, heads, d / heads) -> 3 x (n, heads, tokens, d / heads)
        split = self.inward(tokens).reshape(n, count, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.outward(mixed.transpose(1, 2).reshape(n, count, width))


class TransformerLayer(nn.Module):
    """Pre-norm: `x + attention(norm(x))`, then `x + feed-forward(norm(x))`."""

    def __init__(self, width: int, hidden: int, act: Activation, bias: bool) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, bias)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, hidden), activation(act), nn.Linear(hidden, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """As the class says."""
        tokens = tokens + self.attention(self.attention_norm(tokens))
        return tokens + self.feed(self.feed_norm(tokens))


class Global(nn.Module):
    """Transformer over patches: pixels at one place of their patches attend to one another over the whole map.

    `(batch, d, height, width)` -> the same shape. The four places of a 2x2 patch are four sequences.
    """

    def __init__(self, width: int, hidden: int, depth: int, act: Activation, bias: bool, final_norm: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(TransformerLayer(width, hidden, act, bias) for _ in range(depth)))
        self.norm = nn.LayerNorm(width) if final_norm else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """As the class says."""
        height, width = maps.shape[2:]
        tokens = unfold(maps)
        batch, places, count, depth = tokens.shape
        tokens = self.norm(self.layers(tokens.reshape(batch * places, count, depth)))
        return fold(tokens.reshape(batch, places, count, depth), height, width)


def unfold(maps: Tensor) -> Tensor:
    """`(batch, d, height, width)` -> `(batch, places in a patch, patches, d)`: Table 2's `4 x 128 x d`."""
    batch, depth, height, width = maps.shape
    patches = maps.reshape(batch, depth, height // PATCH, PATCH, width // PATCH, PATCH)
    return patches.permute(0, 3, 5, 2, 4, 1).reshape(batch, PATCH * PATCH, -1, depth)


def fold(tokens: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `unfold`."""
    batch, _, _, depth = tokens.shape
    patches = tokens.reshape(batch, PATCH, PATCH, height // PATCH, width // PATCH, depth)
    return patches.permute(0, 5, 3, 1, 4, 2).reshape(batch, depth, height, width)


class BlockV3(nn.Module):
    """MobileViTv3 block as Table 2 has it: transformer and local features side by side, fused by 1x1, plus the input.

    The two local convolutions have a bias, neither normalisation nor activation.
    """

    def __init__(self, channels: int, width: int, hidden: int, depth: int, act: Activation) -> None:
        super().__init__()
        self.local = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels), nn.Conv2d(channels, width, 1)
        )
        self.transformer = Global(width, hidden, depth, act, bias=False, final_norm=False)
        self.back = ConvNorm(width, channels, 1, act)
        self.fusion = ConvNorm(width + channels, channels, 1, act)

    def forward(self, maps: Tensor) -> Tensor:
        """`(batch, channels, height, width)` -> the same shape."""
        local = self.local(maps)
        return maps + self.fusion(torch.cat([self.back(self.transformer(local)), local], dim=1))


class BlockV1(nn.Module):
    """MobileViT block: 3x3 and 1x1 convolution, transformer, 1x1 back; joined with the input, fused by 3x3."""

    def __init__(self, channels: int, width: int, hidden: int, depth: int, act: Activation) -> None:
        super().__init__()
        self.local = nn.Sequential(ConvNorm(channels, channels, 3, act), nn.Conv2d(channels, width, 1, bias=False))
        self.transformer = Global(width, hidden, depth, act, bias=True, final_norm=True)
        self.back = ConvNorm(width, channels, 1, act)
        self.fusion = ConvNorm(2 * channels, channels, 3, act)

    def forward(self, maps: Tensor) -> Tensor:
        """`(batch, channels, height, width)` -> the same shape."""
        return self.fusion(torch.cat([maps, self.back(self.transformer(self.local(maps)))], dim=1))


def fused(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose normalisations are folded into their convolutions; same outputs."""
    copied = copy.deepcopy(network).eval()
    for module in copied.modules():
        if isinstance(module, ConvNorm):
            module.fuse()
    return copied
