"""Ours: the updates that ``steadygan train`` makes, without its loop.

Like that command, the process keeps the memory it frees.
"""

from __future__ import annotations

from pathlib import Path

import problem
import torch
from settings import Setting

from contestants import Work
from contestants.torch_work import work
from steadygan.interfaces import Samples
from steadygan.memory import keep_freed_memory
from steadygan.objectives import Wasserstein
from steadygan.penalties import Term, TwoSided
from steadygan.processes import ALONE, Processes
from steadygan.training import Adam, AlternatingUpdates, Execution, Sampler, TrainingState


def prepare(
    setting: Setting,
    folder: Path | None = None,
    *,
    precision: str = "float32",
    memory_format: str | None = None,
    processes: Processes = ALONE,
) -> Work:
    keep_freed_memory()
    # What the engine finds to be faster where it measures.
    memory_format = memory_format or ("channels_last" if setting.width else "contiguous")
    generator, critic = problem.networks(setting)
    for network in (generator, critic):
        Execution(precision, memory_format, torch.get_num_threads()).lay_out(network)
    adam = Adam(lr=setting.lr, beta1=setting.beta1, beta2=setting.beta2)
    updates = AlternatingUpdates(
        objective=Wasserstein(),
        critic_optimiser=adam,
        generator_optimiser=adam,
        latent_dim=setting.latent_dim,
        batch_size=setting.batch,
        penalties=(Term(TwoSided(), setting.weight),),
        n_critic=setting.n_critic,
        couples_samples=False,
        precision=precision,
        processes=processes,
    )
    state = TrainingState(
        seed=0,
        device=torch.device("cpu"),
        networks={"generator": generator, "critic": critic},
        optimisers={
            "generator": adam.build(generator.parameters()),
            "critic": adam.build(critic.parameters()),
        },
        averages={},
        sampler=Sampler(problem.BATCHES * setting.batch, seed=0),
    )
    real = problem.batches(setting)

    def iterate(count: int) -> None:
        for _ in range(count):
            records = updates(state, lambda: Samples(next(real)), 0.0)
            assert all(record.applied for each in records.values() for record in each)
            state.step += 1

    return work(
        iterate, generator, critic, state.optimisers["generator"], state.optimisers["critic"]
    )
