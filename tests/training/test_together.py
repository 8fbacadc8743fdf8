from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from training.nets.together import Together


def test_several_answer_with_their_mean_probability() -> None:
    torch.manual_seed(0)
    networks = [nn.Linear(5, 3), nn.Linear(5, 3)]
    told = Together(list(networks))(torch.ones(2, 5))
    wanted = sum(torch.softmax(network(torch.ones(2, 5)), dim=1) for network in networks) / 2
    torch.testing.assert_close(told.exp(), wanted)
    # Certain and wrong: a finite loss all the same, in half precision too.
    sure = nn.Linear(1, 2, bias=False)
    sure.weight.data = torch.tensor([[1e4], [-1e4]])
    with torch.autocast("cpu", torch.bfloat16):
        answer = Together([sure, sure])(torch.ones(1, 1))
    assert answer.dtype == torch.float32
    assert torch.isfinite(answer).all()
