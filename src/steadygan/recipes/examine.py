"""The preflight of a recipe on a data set: both as a ``Setting``, and every check of it."""

from __future__ import annotations

import torch

from steadygan.data import Dataset
from steadygan.diagnosis import Diagnosis, Setting
from steadygan.diagnosis import examine as examine_setting
from steadygan.diagnosis.preflight import distinct
from steadygan.errors import NetworkError
from steadygan.interfaces import Samples
from steadygan.recipes.build import build_networks
from steadygan.recipes.recipe import Recipe
from steadygan.training import derive_seed

_SAMPLES = 1_000  # of the data that are looked at, at most


def preflight(recipe: Recipe, dataset: Dataset, device: str | torch.device = "cpu") -> Diagnosis:
    """Check a recipe on a data set before its first step; nothing is trained or written.

    Args:
        recipe: resolved, as for ``train``.
        dataset: with its held-out split.
        device: that networks are tried on.

    Raises:
        UsageError: the networks cannot be built for these data.
    """
    with torch.random.fork_rng(devices=[]):
        return examine_setting(_setting(recipe, dataset, torch.device(device)))


def _setting(recipe: Recipe, dataset: Dataset, device: torch.device) -> Setting:
    networks = {n: net.to(device) for n, net in build_networks(recipe, dataset.spec).items()}
    prepared = True
    try:
        for constraint in recipe.constraint:
            constraint.prepare(networks["critic"])
    except NetworkError:  # they clash, which is found again where it is looked for
        networks = {n: net.to(device) for n, net in build_networks(recipe, dataset.spec).items()}
        prepared = False
    for network in networks.values():
        network.train()
    rng = torch.Generator().manual_seed(derive_seed(recipe.seed, "preflight"))
    chosen = torch.randperm(len(dataset.train), generator=rng)[:_SAMPLES]
    y, labels = dataset.train.y, None
    if recipe.conditional and y is not None:
        labels = distinct(torch.cat([y, *([] if (v := dataset.validation.y) is None else [v])]))
    few = Samples(
        dataset.train.x[chosen], y[chosen] if recipe.conditional and y is not None else None
    )
    real = dataset.encode(few)
    critic, generator = networks["critic"], networks["generator"]
    return Setting(
        generator,
        critic,
        Samples(real.x.to(device), None if real.y is None else real.y.to(device)),
        lambda n: torch.randn(n, recipe.latent_dim, device=device),
        packing=1 if recipe.packing is None else recipe.packing.size,
        critic_optimiser=recipe.critic_optimiser.build(critic.parameters()) if prepared else None,
        generator_optimiser=recipe.generator_optimiser.build(generator.parameters()),
        objective=recipe.objective,
        penalties=recipe.penalty,
        constraints=recipe.constraint,
        batch_sizes=(recipe.training.batch_size,),
        parts=recipe.training.accumulation,
        n_critic=recipe.n_critic,
        ema=recipe.ema is not None,
        joined=False,
        held_out=len(dataset.validation),
        class_counts=_counts(dataset),
        labels=labels,
        precision={"auto": "float32 or bfloat16"}.get(
            recipe.training.precision, recipe.training.precision
        ),
        settings=True,
    )


def _counts(dataset: Dataset) -> tuple[int, ...]:
    y, classes = dataset.train.y, dataset.spec.classes
    if y is None or classes is None:
        return ()
    return tuple(int((y == label).sum()) for label in range(classes))
