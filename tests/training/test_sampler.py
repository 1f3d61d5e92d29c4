from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from steadygan.training import Sampler


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 100))
def test_every_sample_is_drawn_once_per_epoch(size: int, batch: int, seed: int) -> None:
    sampler = Sampler(size, seed)
    drawn = torch.cat([sampler.draw(batch) for _ in range(3 * size)])
    whole = drawn[: len(drawn) // size * size].view(-1, size)
    assert (whole.sort(dim=1).values == torch.arange(size)).all()


def test_epochs_differ_and_seeds_differ() -> None:
    first, second = Sampler(50, 0).draw(100).view(2, 50)
    assert not torch.equal(first, second)
    assert not torch.equal(first, Sampler(50, 1).draw(50))


@given(st.integers(1, 30), st.integers(0, 8), st.integers(1, 17))
def test_a_restored_sampler_goes_on_where_it_was(size: int, before: int, batch: int) -> None:
    sampler = Sampler(size, 3)
    for _ in range(before):
        sampler.draw(batch)
    other = Sampler(size, 99)
    other.load_state(sampler.state())
    for _ in range(4):
        assert torch.equal(sampler.draw(batch), other.draw(batch))
