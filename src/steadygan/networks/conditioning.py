"""How networks take labels, and how a critic's features become scores.

- concatenation (CGAN: Mirza & Osindero 2014, section 3): the label as one-hot numbers beside the
  input, for images as planes beside the channels.
- projection (Miyato & Koyama 2018, eq. 4): the score gains the product of an embedded label and the
  critic's last features.
- auxiliary (AC-GAN: Odena, Olah & Shlens 2017): the critic does not see the label, it names it.

Generators always take the label by concatenation to the latent vector.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from steadygan.interfaces import Judgement
from steadygan.networks import layers
from steadygan.processes import batch_mean

CONCATENATION, PROJECTION, AUXILIARY = "concatenation", "projection", "auxiliary"
CONDITIONINGS: dict[str, str] = {
    CONCATENATION: "the label beside the input (CGAN)",
    PROJECTION: "an embedded label times the features (projection critic)",
    AUXILIARY: "a classifier beside the score (AC-GAN)",
}


def joined_classes(classes: int | None, conditioning: str) -> int | None:
    """The classes whose labels a critic takes beside its input; None where it takes none."""
    return classes if conditioning == CONCATENATION else None


def join_label(x: Tensor, y: Tensor | None, classes: int | None) -> Tensor:
    """``x`` ``(batch, features, …)`` with the one-hot label ``(batch,)`` as further features, the
    same at every place; ``x`` itself where ``classes`` is None."""
    if classes is None:
        return x
    if y is None:
        raise ValueError(f"this network was built for {classes} classes: it needs labels y too.")
    # torch's one_hot reads the labels back to check them, and a captured update may not wait.
    chosen = x.new_zeros(*y.shape, classes).scatter_(-1, y.unsqueeze(-1), 1.0)
    planes = chosen.view(*y.shape, classes, *(1,) * (x.ndim - 2))
    return torch.cat([x, planes.expand(-1, -1, *x.shape[2:])], dim=1)


class MinibatchStandardDeviation(nn.Module):
    """One more feature: the standard deviation of each feature over the batch, averaged over all
    features (Karras et al. 2018, section 3). A batch without variety shows; samples are coupled."""

    def forward(self, features: Tensor) -> Tensor:
        variance = batch_mean((features - batch_mean(features)).square())
        spread = (variance + 1e-8).sqrt().mean()
        return torch.cat([features, spread.expand(len(features), 1)], dim=1)


class Head(nn.Module):
    """From a critic's features ``(batch, features)`` to scores ``(batch,)``, or a ``Judgement``.

    Args:
        features: their number.
        classes: the number of classes, or None.
        conditioning: a name in ``CONDITIONINGS``; of no effect without classes.
        minibatch_std: add the minibatch standard deviation to the features.
    """

    def __init__(
        self, features: int, classes: int | None, conditioning: str, *, minibatch_std: bool = False
    ) -> None:
        super().__init__()
        layers.pick(CONDITIONINGS, conditioning, "conditioning")
        self.spread = MinibatchStandardDeviation() if minibatch_std else None
        features += minibatch_std
        self.score = nn.Linear(features, 1)
        self.embedding: nn.Embedding | None = None
        self.classify: nn.Linear | None = None
        if classes is not None and conditioning == PROJECTION:
            self.embedding = nn.Embedding(classes, features)
            nn.init.xavier_uniform_(self.embedding.weight)
        if classes is not None and conditioning == AUXILIARY:
            self.classify = nn.Linear(features, classes)

    @property
    def is_linear(self) -> bool:
        """Whether it is its linear layer and no more."""
        return self.spread is None and self.embedding is None and self.classify is None

    def forward(self, features: Tensor, y: Tensor | None = None) -> Tensor | Judgement:
        features = features if self.spread is None else self.spread(features)
        scores: Tensor = self.score(features).squeeze(1)
        if self.embedding is not None:
            if y is None:
                raise ValueError("a projection critic needs labels y too.")
            scores = scores + (self.embedding(y) * features).sum(1)
        if self.classify is not None:
            return Judgement(scores, self.classify(features))
        return scores
