from __future__ import annotations

import pytest
import torch
from scipy.spatial.distance import cdist

from steadygan.metrics import coverage
from steadygan.metrics.prdc import prdc


def normal(n: int, seed: int, d: int = 4) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("d", [4, 300])
def test_agrees_with_all_distances_at_once(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadygan.metrics.neighbours._BLOCK", 64)
    real, fake, k = normal(200, 0, d), normal(150, 1, d) * 0.9, 3
    between = cdist(real.double(), fake.double())
    real_radius = torch.from_numpy(cdist(real.double(), real.double())).sort(1).values[:, k]
    fake_radius = torch.from_numpy(cdist(fake.double(), fake.double())).sort(1).values[:, k]
    in_real = torch.from_numpy(between) <= real_radius[:, None]
    in_fake = torch.from_numpy(between) <= fake_radius
    assert prdc(real, fake, k).means() == pytest.approx({
        "precision": float(in_real.any(0).double().mean()),
        "recall": float(in_fake.any(1).double().mean()),
        "density": float(in_real.double().sum(0).mean() / k),
        "coverage": float(in_real.any(1).double().mean()),
    }, rel=1e-9)  # fmt: skip
    assert prdc(real, fake, k).means()["coverage"] == pytest.approx(coverage(real, fake, k))


def test_each_moves_with_its_own_fault() -> None:
    real, honest = normal(1_000, 0), normal(1_000, 1)
    good = prdc(real, honest).means()
    assert good["precision"] > 0.9
    assert good["recall"] > 0.9
    assert good["density"] == pytest.approx(1.0, abs=0.1)
    noisy = prdc(real, honest + 2.0 * normal(1_000, 2)).means()
    assert noisy["precision"] < 0.7 * good["precision"]
    assert noisy["density"] < 0.5 * good["density"]
    one_side = torch.where(honest[:, :1] > 0, honest, -honest)
    dropped = prdc(real, one_side).means()
    assert dropped["recall"] < 0.75 * good["recall"]
    assert dropped["coverage"] < 0.75 * good["coverage"]
    assert dropped["precision"] > 0.9
    shifted = prdc(real, honest + 50.0).means()
    assert set(shifted.values()) == {0.0}
    crowded = prdc(real, 0.3 * honest).means()  # where real samples are densest
    assert crowded["density"] > good["density"] - 0.1
    assert crowded["recall"] < 0.5


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 5"):
        prdc(normal(5, 0), normal(10, 1))
