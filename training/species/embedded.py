"""Complementary experiments of the primate paper (section 5): a linear SVM on embeddings, and two networks fused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from training.data.splits import Part
from training.nets.pann import PannNetwork
from training.species.fit import checkpoint, fit, predict, train
from training.species.measure import answer, ask_about
from training.species.run import embeddings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.species.measure import Answers, Score
    from training.species.recipe import SpeciesSettings
    from training.species.source import Source

    Progress = Callable[[str], None]


class Fusion(PannNetwork):
    """Two networks side by side, their embeddings one after the other, and one layer over them."""

    def __init__(self, first: PannNetwork, second: PannNetwork, classes: int, frozen: bool) -> None:
        super().__init__(1, first.embedding + second.embedding, classes)
        # Neither is used: the branches normalise, and their embeddings need no further layer.
        self.bn0, self.fc1 = nn.Identity(), nn.Identity()
        self.branches = nn.ModuleList([first, second])
        self.frozen = frozen
        self.branches.requires_grad_(not frozen)

    def normalise(self, features: Tensor) -> Tensor:
        """By each branch; `(batch, 2, frames, bands)`."""
        return torch.stack([branch.normalise(features) for branch in self._pann()], dim=1)

    def embed(self, normalised: Tensor) -> Tensor:
        """Embeddings of both branches, `(batch, first + second)`."""
        return torch.cat([branch.embed(normalised[:, i]) for i, branch in enumerate(self._pann())], dim=1)

    def train(self, mode: bool = True) -> Fusion:
        """Frozen branches stay in evaluation mode: neither dropout nor statistics move."""
        super().train(mode)
        if self.frozen:
            self.branches.eval()
        return self

    def _pann(self) -> list[PannNetwork]:
        return [branch for branch in self.branches if isinstance(branch, PannNetwork)]


def experiment(settings: SpeciesSettings, source: Source, part: Part, progress: Progress) -> tuple[Answers | None, int]:
    """Answers about a part's clips by what a row asks for, and how many parameters it has in all."""
    asked = ask_about(settings, source, part)
    network, _ = fit(settings, source, progress)
    if settings.embedded.kind == "fusion":
        network = _fused(settings, source, network, progress)
    count = sum(one.numel() for one in network.parameters())
    if asked is None:
        return None, count
    if settings.embedded.kind == "svm":
        return answer(asked, _svm(settings, source, network)), count
    return answer(asked, lambda windows: predict(network, windows, settings.outcome)), count


def _fused(settings: SpeciesSettings, source: Source, network: PannNetwork, progress: Progress) -> PannNetwork:
    """Both branches begin with the weights of their own best training."""
    embedded = settings.embedded
    partner = settings.model_copy(
        update={"network": settings.network.model_copy(update={"kind": embedded.partner, "checkpoint": ""})}
    )
    second, _ = fit(partner, source, progress)
    torch.manual_seed(settings.seed)
    fusion = Fusion(network, second, len(source.labels), embedded.frozen)
    path = checkpoint(settings, source, "fusion")
    if path.is_file():
        fusion.load_state_dict(torch.load(path, weights_only=True))
        return fusion.eval()
    # A fraction of the steps, so a fraction of what waits for a number of steps.
    share = embedded.steps / settings.optimiser.steps
    shorter = settings.model_copy(
        update={
            "optimiser": settings.optimiser.model_copy(
                update={
                    "evaluate_from": round(settings.optimiser.evaluate_from * share),
                    "evaluate_every": max(1, round(settings.optimiser.evaluate_every * share)),
                }
            ),
            "average": settings.average.model_copy(update={"start": round(settings.average.start * share)}),
        }
    )
    return train(shorter, source, fusion, path, embedded.steps, progress)[0]


def _svm(settings: SpeciesSettings, source: Source, network: PannNetwork) -> Score:
    """A linear SVM on the training windows' embeddings; its values are distances from the planes."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    heard = ask_about(settings, source, Part.TRAIN)
    if heard is None:
        raise ValueError("a source has clips that train")
    model = make_pipeline(
        StandardScaler(), LinearSVC(class_weight="balanced", random_state=settings.seed, max_iter=5000)
    )
    model.fit(embeddings_of(network, heard.features), heard.labels[heard.places])
    classes = np.asarray(model.classes_)

    def score(windows: NDArray[np.float32]) -> NDArray[np.float64]:
        distances = model.decision_function(embeddings_of(network, windows))
        if len(classes) == 2:
            distances = np.stack([-distances, distances], axis=1)
        values = np.full((len(windows), len(source.labels)), distances.min() - 1.0)
        values[:, classes] = distances
        return values

    return score
