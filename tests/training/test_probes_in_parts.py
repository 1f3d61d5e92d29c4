"""Probes that pass samples in parts find what one pass finds, and hold no more than a part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import steadygan
from steadygan.interfaces import Samples
from steadygan.stabilisers import Packing
from steadygan.training import LayerProbe, Probe, Sampler, ScoreProbe, TrainingState

REAL = Samples(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)))
TRAIN = Samples(torch.randn(50, 3, generator=torch.Generator().manual_seed(1)))
BOUNDS = (-1.0, 1.0)


def networks(width: int) -> dict[str, nn.Module]:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3))
    critic = nn.Sequential(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, 1))
    return {"generator": generator, "critic": critic}


def look(probe: Probe, pair: dict[str, nn.Module]) -> tuple[dict[str, float], int]:
    """What it finds, and the largest batch that it gave to a network."""
    state = TrainingState(
        seed=0, device=torch.device("cpu"), networks=pair, optimisers={}, averages={},
        sampler=Sampler(50, 0),
    )  # fmt: skip
    sizes: list[int] = []

    def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        sizes.append(len(inputs[0]))

    handles = [network.register_forward_pre_hook(note) for network in pair.values()]
    found = probe(state, torch.Generator().manual_seed(0))
    for handle in handles:
        handle.remove()
    return found, max(sizes)


@pytest.mark.parametrize("packing", [None, Packing(4)])
@pytest.mark.parametrize("part", [8, 20, 48])
def test_parts_find_what_the_whole_does(packing: Packing | None, part: int) -> None:
    """50 samples are no multiple of any of them, nor of a pack."""
    pair = networks(3 if packing is None else 12)
    for probe in (
        LayerProbe(REAL, 2, BOUNDS, packing),
        ScoreProbe(TRAIN, REAL, 2, packing),
    ):
        whole, all_at_once = look(probe, pair)
        found, at_once = look(replace(probe, part=part), pair)
        assert found == pytest.approx(whole, rel=1e-4, abs=1e-7)
        assert list(found) == list(whole)
        assert at_once <= part < all_at_once


def test_a_unit_at_one_end_in_one_part_and_at_the_other_in_the_next_is_not_silent() -> None:
    x = torch.cat([torch.full((10, 1), 5.0), torch.full((10, 1), -5.0)])
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(1.0)
    critic = nn.Sequential(layer, nn.Tanh(), nn.Linear(1, 1))

    class Echo(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return x[: len(z)]

    for part, both_ends in ((20, 0.0), (10, 0.0)):
        pair: dict[str, nn.Module] = {"generator": Echo(), "critic": critic}
        found, _ = look(LayerProbe(Samples(x), 2, part=part), pair)
        # Of real samples it is at both ends. Those of the echo are the first ones of each part.
        assert found["silent.critic"] == (both_ends if part == 20 else 0.5)


def test_a_run_differentiates_few_large_samples_at_a_time(tmp_path: Path) -> None:
    """2¹⁸ values, which are 64 images of 64 pixels, or half a batch."""
    seen: list[int] = []
    original = LayerProbe.__call__

    def spy(self: LayerProbe, *given: object) -> dict[str, float]:
        seen.append(self.part)
        return original(self, *given)  # type: ignore[arg-type]

    images = torch.randint(0, 256, (40, 1, 64, 64), dtype=torch.uint8).numpy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LayerProbe, "__call__", spy)
        for batch, expected in ((32, 64), (256, 128)):
            steadygan.train(
                images, "dcgan", out=tmp_path / str(batch), steps=1,
                overrides=[
                    f"training.batch_size={batch}", "architecture=DCGAN(width=4)",
                    "training.best=None", "training.probe_every=1", "training.threads=1",
                ],
            )  # fmt: skip
            assert set(seen[-1:]) == {expected}
