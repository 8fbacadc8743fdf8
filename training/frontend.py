"""The monitor's front-end as a differentiable torch module, from the same arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from monitor.features.filterbank import analysis_window, full_scale_power, mel_bank

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.features.spec import FeatureSpec


class TorchFrontend(nn.Module):
    """Waveforms `(batch, samples)` -> float32 `(batch, frames, bands)`; causal, never padded, float64 inside.

    Equals `monitor.features.frontend.Kernel` within 0.01 dB; for augmentation on the device, where numpy cannot go.
    """

    window: Tensor
    bank: Tensor

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__()
        self.spec = spec
        self.reference = full_scale_power(spec)
        self.register_buffer("window", torch.from_numpy(analysis_window(spec)), persistent=False)
        self.register_buffer("bank", torch.from_numpy(mel_bank(spec)), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """Samples at the spec's rate, full scale +-1, at least one window of them."""
        spec = self.spec
        signal = samples.double()  # (batch, n)
        if spec.pre_emphasis:
            # The first sample of a frame lacks its predecessor; the window is 0 there, so nothing depends on it.
            signal = torch.cat([signal[:, :1], signal[:, 1:] - spec.pre_emphasis * signal[:, :-1]], dim=1)
        frames = signal.unfold(1, spec.window, spec.hop) * self.window  # (batch, t, window)
        spectrum = torch.fft.rfft(frames, n=spec.fft)  # (batch, t, fft // 2 + 1)
        power = spectrum.real.square() + spectrum.imag.square()
        bands = power @ self.bank  # (batch, t, bands)
        if spec.compression == "db":
            return (10.0 * torch.log10((bands / self.reference).clamp_min(spec.floor))).float()
        return torch.log(bands + spec.floor).float()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> TorchFrontend:
        """Moves with the model, but keeps the arrays in float64 where the model is made float or half."""
        super()._apply(fn, recurse)
        self.window = torch.from_numpy(analysis_window(self.spec)).to(self.window.device)
        self.bank = torch.from_numpy(mel_bank(self.spec)).to(self.bank.device)
        return self
