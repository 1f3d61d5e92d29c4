from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from steadygan.errors import RunError
from steadygan.training import (
    Adam,
    CheckpointStore,
    Sampler,
    TrainingState,
    load_tensors,
    save_tensors,
    step_of,
    write_atomically,
)


def make_state(seed: int = 0) -> TrainingState:
    torch.manual_seed(seed)
    generator = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    critic = nn.Linear(2, 1)
    return TrainingState(
        seed=seed,
        device=torch.device("cpu"),
        networks={"generator": generator, "critic": critic},
        optimisers={
            "generator": Adam().build(generator.parameters()),
            "critic": Adam().build(critic.parameters()),
        },
        averages={"generator": nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))},
        sampler=Sampler(10, seed),
    )


def advance(state: TrainingState) -> None:
    for name in ("generator", "critic"):
        optimiser = state.optimisers[name]
        optimiser.zero_grad()
        x = torch.randn(5, 2, generator=state.rngs["latent"]) + torch.randn(5, 2)
        state.networks[name](x).square().sum().backward()
        optimiser.step()
    state.sampler.draw(3)
    state.step += 1


def test_a_restored_state_goes_on_bit_by_bit(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    state = make_state()
    for _ in range(3):
        advance(state)
    state.rows, state.rollbacks, state.seconds = 7, 1, 12.5
    state.updates["critic"] = 15
    store.save(state)
    other = make_state(seed=5)
    store.restore(other)
    # The global random state is shared by the two, so each is advanced from the restored one.
    advance(other)
    after_other = {k: v.clone() for k, v in other.tensors().items()}
    store.restore(state)
    advance(state)
    for name, value in state.tensors().items():
        assert torch.equal(value, after_other[name]), name
    mine, its = state.numbers(), other.numbers()
    assert mine == its
    assert (mine["rows"], mine["rollbacks"], mine["seconds"]) == (7, 1, 12.5)
    assert mine["updates"]["critic"] == 15


def test_older_ones_are_kept_apart(tmp_path: Path) -> None:
    """However often checkpoints are written, some reach far back."""
    store = CheckpointStore(tmp_path, keep=2, older=3, apart=50)
    state = make_state()
    for step in range(0, 401, 10):
        state.step = step
        store.save(state)
    assert [step_of(path) for path in store.paths()] == [250, 300, 350, 390, 400]


def test_the_last_k_and_the_best_are_kept(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    state = make_state()
    for step in range(5):
        state.step = step
        with torch.no_grad():
            state.networks["critic"].bias.fill_(step)
        store.save(state, best=step == 1)
    assert [p.name for p in store.paths()] == [
        "step-000000003.safetensors",
        "step-000000004.safetensors",
    ]
    tensors, numbers = load_tensors(store.best)
    assert numbers["step"] == 1
    assert float(tensors["networks.critic.bias"]) == 1.0


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=3)
    state = make_state()
    store.save(state)
    state.step = 4
    newest = store.save(state)
    newest.write_bytes(newest.read_bytes()[:100])
    other = make_state()
    assert store.restore(other).name == "step-000000000.safetensors"
    assert other.step == 0
    for path in store.paths():
        path.write_bytes(b"nothing")
    with pytest.raises(RunError, match="no readable checkpoint") as caught:
        store.restore(other)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=1)
    store.save(make_state())
    other = make_state()
    other.networks["critic"] = nn.Linear(4, 1)
    with pytest.raises(RunError, match="does not fit this run's networks") as caught:
        store.restore(other)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    if moment == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_a_killed_writer_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".step-000000007.safetensors.123.tmp").write_bytes(b"half")
    CheckpointStore(tmp_path, keep=1).save(make_state())
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000000.safetensors"]


def test_the_same_tensors_give_the_same_bytes_and_tied_weights_are_saved(tmp_path: Path) -> None:
    shared = torch.randn(3, 4)
    for name in ("a", "b"):
        save_tensors(tmp_path / name, {"y": shared.T, "x": shared, "z": shared}, {"k": [1, "two"]})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    tensors, metadata = load_tensors(tmp_path / "a")
    assert torch.equal(tensors["y"], shared.T)
    assert metadata == {"k": [1, "two"]}


def test_what_is_missing_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist"):
        load_tensors(tmp_path / "absent.safetensors")
