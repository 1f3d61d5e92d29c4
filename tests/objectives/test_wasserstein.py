from __future__ import annotations

import torch

from steadygan.objectives import Wasserstein


def test_values_by_hand() -> None:
    real, fake = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.25, 3.0, 0.5])
    objective = Wasserstein()
    assert torch.equal(objective.critic_loss(real, fake), torch.tensor([-0.75, 5.0, 0.0]))
    assert torch.equal(objective.generator_loss(None, fake), torch.tensor([-0.25, -3.0, -0.5]))
    assert not objective.needs_real_scores
