from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch")

import torch

from monitor.errors import UsageError
from training.nets.passt import PASST_SPEC, Passt, PasstSizes, load_passt

if TYPE_CHECKING:
    from pathlib import Path

SIZES = PasstSizes(width=64, depth=2, heads=1, bands=128)
FRAMES = PASST_SPEC.frames_in(33_500)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A small stand-in, for ten seconds and 527 classes, as trainers wrap it."""
    torch.manual_seed(0)
    network = Passt(527, PASST_SPEC.frames_in(320_000), SIZES)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    path = tmp_path / "passt.pt"
    weights = {f"net.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": weights | {"net.head_dist.weight": torch.zeros(527, 64)}}, path)
    return path


def test_a_checkpoint_is_squeezed_to_fewer_classes_and_frames(published: Path) -> None:
    network = load_passt(published, 6, FRAMES).eval()
    kept = {k.removeprefix("net."): v for k, v in torch.load(published, weights_only=True)["state_dict"].items()}
    assert torch.equal(network.blocks[1].attn.qkv.weight, kept["blocks.1.attn.qkv.weight"])
    # Adaptive pooling: class 0 is the mean of the first 88 of 527 rows.
    assert torch.allclose(network.head[1].weight[0], kept["head.1.weight"][:88].mean(dim=0), atol=1e-6)
    assert network.time_new_pos_embed.shape[3] == (FRAMES - 16) // 10 + 1
    features = torch.randn(2, FRAMES, 128)
    assert network(features).shape == (2, 6)
    assert torch.allclose(network(features)[:1], network(features[:1]), atol=1e-5)


def test_patchout_drops_rows_in_training_only(published: Path) -> None:
    network = load_passt(published, 6, FRAMES, patchout=6)
    seen: list[int] = []
    network.blocks[0].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[1]))
    features = torch.randn(1, FRAMES, 128)
    columns = (FRAMES - 16) // 10 + 1
    network.train()(features)
    network.eval()(features)
    assert seen == [2 + 6 * columns, 2 + 12 * columns]


def test_the_untouched_checkpoint_is_itself(published: Path) -> None:
    frames = PASST_SPEC.frames_in(320_000)
    network = load_passt(published, 527, frames)
    kept = torch.load(published, weights_only=True)["state_dict"]
    assert all(torch.equal(value, kept[f"net.{name}"]) for name, value in network.state_dict().items())


def test_wrong_files_are_named(tmp_path: Path, published: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.pt"):
        load_passt(tmp_path / "none.pt", 6, FRAMES)
    text = tmp_path / "text.pt"
    text.write_text("no tensors")
    with pytest.raises(UsageError, match="cannot be read as tensors"):
        load_passt(text, 6, FRAMES)
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(UsageError, match="it has no cls_token"):
        load_passt(tmp_path / "other.pt", 6, FRAMES)
    weights = torch.load(published, weights_only=True)["state_dict"]
    del weights["net.blocks.1.norm1.weight"]
    torch.save(weights, tmp_path / "part.pt")
    with pytest.raises(UsageError, match=r"blocks\.1\.norm1\.weight"):
        load_passt(tmp_path / "part.pt", 6, FRAMES)


def test_pickled_code_is_refused(tmp_path: Path) -> None:
    torch.save({"cls_token": Path_()}, tmp_path / "code.pt")
    with pytest.raises(UsageError, match="cannot be read as tensors"):
        load_passt(tmp_path / "code.pt", 6, FRAMES)


class Path_:  # noqa: N801 any class of one's own
    """What only executed code could restore."""
