"""What can be learned of a network by running a copy of it: whatever nobody declared."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.interfaces import Judgement, SampleSpec

_PROBE_BATCH = 16  # samples compared by couples_samples; twice as many are scored at once
_CHECK_BATCH = 4  # batch norm needs two; minibatch layers commonly group by four


def parameter_count(module: nn.Module) -> int:
    """The number of parameters, frozen ones included, shared ones once; buffers do not count."""
    return sum(p.numel() for p in module.parameters())


def couples_samples(critic: nn.Module, x: Tensor, y: Tensor | None = None) -> bool:
    """Whether a sample's score depends on the other samples of its batch.

    Batch norm in train mode, minibatch standard deviation and packing do that; then batches must
    not be mixed in one pass, and a gradient per sample is not defined. Found by trial, in the mode
    (train or eval) that the critic is in: samples keep their scores, or do not, when the rest of
    the batch, its size or their place in it changes. Asked with the critic's own weights and with
    slightly changed ones, since weights that start at zero hide what they multiply. A random layer
    such as dropout, or a score that is not finite, counts as coupling: nothing else was shown.

    The critic, its buffers and all random states (torch, NumPy, Python) are left as they were.

    Args:
        critic: maps ``x`` (or ``x, y``) to scores, ``(batch,)`` or ``(batch, …)``.
        x: ``(batch, *shape)``, at least 2 samples; the first 16 are used.
        y: ``(batch, …)``, or None where the critic takes none.

    Raises:
        NetworkError: fewer than 2 samples, the critic fails on them, or it cannot be copied.
    """
    if x.shape[0] < 2:
        raise NetworkError(f"couples_samples needs at least 2 samples, not {x.shape[0]}.")
    inputs = [t.detach()[:_PROBE_BATCH] for t in (x, y) if t is not None]
    with undisturbed(critic, x):
        # The second half of the pool is the other company: unlike the first, on the same scale.
        rng = torch.Generator().manual_seed(0)
        pool = [torch.cat([t, t.roll(1, 0)]) for t in inputs]
        if x.is_floating_point():
            noise = torch.randn(inputs[0].shape, generator=rng).to(inputs[0])
            pool[0][len(inputs[0]) :] += noise * inputs[0].abs().amax().clamp(min=1)

        # In float64 rounding (other kernels for other batch sizes, TF32) cannot pass for coupling.
        # Not tighter: a layer may well reduce in float32 inside.
        doubled = copy_of(critic, "critic").double()
        floats = [t.double() if t.is_floating_point() else t for t in pool]
        try:
            return _coupled(doubled, floats, rng, tolerance=1e-6)
        except NetworkError:  # a critic that fixes its own dtype
            return _coupled(copy_of(critic, "critic"), pool, rng, tolerance=1e-4)


def _coupled(
    critic: nn.Module, pool: list[Tensor], rng: torch.Generator, *, tolerance: float
) -> bool:
    """Whether any score changes with the company; raises NetworkError if there is no score."""
    shaken = copy_of(critic, "critic")
    for p in shaken.parameters():
        if not isinstance(p, nn.UninitializedParameter) and p.is_floating_point():
            noise = torch.randn(p.shape, generator=rng).to(p)
            p.add_(noise * (0.1 * p.abs().mean() + 0.01))

    n = pool[0].shape[0] // 2
    here = torch.arange(n)
    # Batches as rows of the pool, and which of their places hold samples of the first half.
    twice = (torch.cat([here + n, here]), here + n)  # other place, other size
    alone = (torch.cat([here[:1], here[1:] + n]), here[:1])  # same place and size, other company

    for network in (critic, shaken):
        expected = _scores(network, pool, here)
        if expected is None:
            return True
        for rows, places in (twice, alone):
            try:
                scores = _scores(network, pool, rows)
            except NetworkError:
                return True  # it takes its batches only as they are
            if scores is None or not _close(scores[places], expected[rows[places]], tolerance):
                return True
    return False


def _scores(network: nn.Module, pool: list[Tensor], rows: Tensor) -> Tensor | None:
    """Scores ``(len(rows), …)`` in float64; None where they are not one per sample."""
    inputs = [t[rows.to(t.device)] for t in pool]
    # Each time a fresh copy: spectral norm's vectors, say, move with every pass.
    scores = _forward("critic", copy_of(network, "critic"), inputs)
    if scores.dim() == 0 or scores.shape[0] != len(rows):
        return None
    return scores.reshape(len(rows), -1).double().cpu()


def _close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    scale = torch.maximum(a.abs().max(), b.abs().max())
    return bool((a - b).abs().max() <= tolerance * scale)  # False for NaN


def check_networks(networks: Mapping[str, nn.Module], spec: SampleSpec, latent_dim: int) -> None:
    """Runs the networks called ``"generator"`` and ``"critic"`` once and checks what they return.

    Copies run, in train mode, on a random batch of 4 (and labels where ``spec.classes`` is set);
    the networks and all random states are left as they were. Networks of other names, and absent
    ones, are not looked at.

    Args:
        networks: by name.
        spec: of the data.
        latent_dim: size of the latent vector.

    Raises:
        NetworkError: a network fails; samples are not ``(batch, *spec.shape)``; scores are not
            ``(batch,)`` or ``(batch, 1)``; or either has another dtype than the network's input.
    """
    n = _CHECK_BATCH
    low, high = spec.bounds if spec.bounds is not None else (-1.0, 1.0)
    cases = {  # name: shape of the input, range of the input, shapes allowed, what is returned
        "generator": ((n, latent_dim), (-1.0, 1.0), [(n, *spec.shape)], "samples"),
        "critic": ((n, *spec.shape), (low, high), [(n,), (n, 1)], "scores"),
    }
    for name, (shape, (least, most), allowed, what) in cases.items():
        if name not in networks:
            continue
        network = networks[name]
        example = next((p for p in network.parameters() if p.is_floating_point()), torch.empty(0))
        with undisturbed(network, example):
            x = torch.rand(shape).to(example) * (most - least) + least
            inputs = [x]
            if spec.classes is not None:
                inputs.append(torch.arange(n, device=x.device) % spec.classes)
            returned = _forward(name, copy_of(network, name).train(), inputs)
        if tuple(returned.shape) not in allowed:
            wanted = " or ".join(str(s) for s in allowed)
            raise NetworkError(
                f"the {name} returns {what} of shape {tuple(returned.shape)} for an input of shape "
                f"{shape}: they must be {wanted}."
            )
        if returned.dtype != x.dtype:
            raise NetworkError(
                f"the {name} returns {what} of {returned.dtype} for an input of {x.dtype}: "
                "return the dtype of the input."
            )


def _forward(name: str, network: nn.Module, inputs: list[Tensor]) -> Tensor:
    """What ``network`` returns; any error of its own becomes a NetworkError of one line."""
    shapes = " and ".join(str(tuple(t.shape)) for t in inputs)
    try:
        returned = network(*inputs)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise NetworkError(
            f"the {name} fails on an input of shape {shapes}: {type(error).__name__}: {reason}"
        ) from error
    if isinstance(returned, Judgement):  # of a critic with an auxiliary classifier
        returned = returned.scores
    if not isinstance(returned, Tensor):
        raise NetworkError(
            f"the {name} returns a {type(returned).__name__} for an input of shape {shapes}: it "
            "must return one tensor."
        )
    return returned


def copy_of(network: nn.Module, name: str) -> nn.Module:
    """An independent copy; raises NetworkError where there can be none."""
    # The older weight_norm keeps a computed tensor as attribute, which deepcopy alone refuses.
    computed = {
        id(value): value.detach().clone()
        for module in network.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    try:
        return copy.deepcopy(network, computed)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise NetworkError(f"the {name} cannot be copied, so not be examined: {reason}") from error


@contextmanager
def undisturbed(network: nn.Module, *others: Tensor) -> Iterator[None]:
    """No gradients and no autocast inside; random states restored after."""
    tensors = [*network.parameters(), *network.buffers(), *others]
    cuda = sorted({t.device.index for t in tensors if t.device.type == "cuda"})
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=cuda))
        stack.enter_context(torch.no_grad())
        for kind in sorted({t.device.type for t in tensors}):
            stack.enter_context(torch.autocast(kind, enabled=False))
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002
