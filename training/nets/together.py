"""Several classifiers that answer as one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Together(nn.Module):
    """Several classifiers: the logarithm of their mean probability `(batch, classes)`, in float32."""

    def __init__(self, networks: list[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        told = [torch.softmax(network(features).float(), dim=1) for network in self.networks]
        return torch.log(torch.stack(told).mean(dim=0).clamp_min(1e-9))
