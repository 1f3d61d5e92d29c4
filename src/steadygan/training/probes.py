"""Probes of the live networks: what costs a pass of its own, at an interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from steadygan.interfaces import Samples
from steadygan.networks.call import generate, score
from steadygan.penalties import gradient_norms, input_gradients, interpolates
from steadygan.stabilisers import Packing, pack
from steadygan.training.state import TrainingState, evaluating
from steadygan.training.updates import draw_latent


class Probe(Protocol):
    """Numbers from the live networks, named without the ``probe.`` that the history adds.

    Draws from ``rng`` only, and leaves networks, optimisers and random states as it found them:
    a run with other probes must train the same weights.
    """

    def __call__(self, state: TrainingState, rng: torch.Generator) -> dict[str, float]: ...


@dataclass(frozen=True)
class ScoreProbe:
    """The critic on training, held-out and fake samples, with networks in evaluation mode.

    Attributes:
        train, validation: encoded samples on the run's device; about as many of each.
        latent_dim: of the generator.
        packing: what the critic sees together, or None.
        part: samples that networks take at a time, in whole packs.
    """

    train: Samples
    validation: Samples
    latent_dim: int
    packing: Packing | None = None
    part: int = 1_000

    def __call__(self, state: TrainingState, rng: torch.Generator) -> dict[str, float]:
        generator, critic = state.networks["generator"], state.networks["critic"]
        real, seen = self.validation, partial(_in_packs, packing=self.packing)
        packs = self.part if self.packing is None else self.part // self.packing.size
        with evaluating(generator, critic):
            latent = draw_latent(len(real), self.latent_dim, rng)
            fake = seen(Samples(_by_parts(partial(generate, generator), latent, real.y, self.part)))
            real, train = seen(real), seen(self.train)
            fake = Samples(fake.x, real.y)
            judge = partial(score, critic)
            each = {
                "train": _by_parts(judge, *train, packs),
                "validation": _by_parts(judge, *real, packs),
                "fake": _by_parts(judge, *fake, packs),
            }
            slope = partial(_slopes, critic)
            lines = interpolates(real.x, fake.x, rng=rng)
            slopes = {"lines": _by_parts(slope, lines, real.y, packs)}
            del lines
            slopes["real"] = _by_parts(slope, *real, packs)
            slopes["fake"] = _by_parts(slope, *fake, packs)
        scores = {name: values.mean() for name, values in each.items()}
        numbers = {f"scores.{name}": value for name, value in scores.items()}
        numbers |= {f"scores.{name}.std": v.std(correction=0) for name, v in each.items()}
        # Free of the critic's offset; not of its scale, which the slope tells.
        numbers["estimate.train"] = scores["train"] - scores["fake"]
        numbers["estimate.validation"] = scores["validation"] - scores["fake"]
        numbers["input_gradient_norm"] = slopes["lines"].mean()
        numbers |= {
            f"slopes.{name}": norms.mean() for name, norms in slopes.items() if name != "lines"
        }
        numbers["slopes.most"] = torch.cat(list(slopes.values())).max()
        for name, network in state.networks.items():
            numbers[f"weight_norm.{name}"] = torch.nn.utils.get_total_norm(
                [parameter.detach() for parameter in network.parameters()]
            )
        values = torch.stack([value.double() for value in numbers.values()]).tolist()
        return dict(zip(numbers, values, strict=True))


def _by_parts(
    of: Callable[[Tensor, Tensor | None], Tensor], x: Tensor, y: Tensor | None, part: int
) -> Tensor:
    """``of(x, y)``, which has one row per sample, some samples at a time: a graph of all of them
    may take many times the memory of a training step."""
    return torch.cat([of(*few) for few in _parts(Samples(x, y), part)])


def _parts(samples: Samples, size: int) -> Iterator[Samples]:
    x = torch.split(samples.x, size)
    y = [None] * len(x) if samples.y is None else torch.split(samples.y, size)
    yield from map(Samples, x, y)


def _slopes(critic: nn.Module, x: Tensor, y: Tensor | None) -> Tensor:
    """‖∇D‖ at each of ``x``, ``(batch,)``."""
    with torch.enable_grad():
        points = x.detach().clone().requires_grad_()
        gradients = input_gradients(score(critic, points, y), points, create_graph=False)
    return gradient_norms(gradients)


def _in_packs(samples: Samples, packing: Packing | None) -> Samples:
    """The samples, in as many whole packs as they fill; at least one."""
    if packing is None:
        return samples
    size = packing.size
    return Samples(pack(samples.x[: len(samples) // size * size], size))


@dataclass(frozen=True)
class LayerProbe:
    """Gradients by layer, and units that no longer react.

    The gradients are those of mean scores, whatever the objective: for the generator of its fakes',
    for the critic of the difference between real and fake ones'.

    Attributes:
        real: encoded held-out samples on the run's device.
        latent_dim: of the generator.
        bounds: that the data lie in, or None.
        packing: what the critic sees together, or None.
        part: samples that networks take at a time, in whole packs.
    """

    real: Samples
    latent_dim: int
    bounds: tuple[float, float] | None = None
    packing: Packing | None = None
    part: int = 1_000

    def __call__(self, state: TrainingState, rng: torch.Generator) -> dict[str, float]:
        generator, critic = state.networks["generator"], state.networks["critic"]
        latent = draw_latent(len(self.real), self.latent_dim, rng)
        layers = {"generator": _Layers(generator), "critic": _Layers(critic)}
        at_bounds = {"real": 0.0, "fake": 0.0}
        with evaluating(generator, critic), torch.enable_grad(), _SilentUnits(state) as silent:
            for real, z in zip(
                _parts(self.real, self.part), torch.split(latent, self.part), strict=True
            ):
                silent.next_part()
                fake = self._add_part(generator, critic, real, z, layers)
                if self.bounds is not None:
                    share = len(real) / len(self.real)
                    for name, samples in (("real", real), ("fake", fake)):
                        at_bounds[name] += share * float(_share_at(self.bounds, samples.x))
        values = {
            f"layers.{name}.{number}": each
            for name, of_network in layers.items()
            for number, each in enumerate(of_network.norms())
        }
        values |= silent.shares()
        stacked = torch.stack([value.detach().double() for value in values.values()]).tolist()
        found = dict(zip(values, stacked, strict=True))
        if self.bounds is not None:
            found |= {f"at_bounds.{name}": share for name, share in at_bounds.items()}
        return found

    def _add_part(
        self,
        generator: nn.Module,
        critic: nn.Module,
        real: Samples,
        latent: Tensor,
        layers: Mapping[str, _Layers],
    ) -> Samples:
        """The fakes of a part, its gradients added; its graph ends here."""
        size = 1 if self.packing is None else self.packing.size
        fake = Samples(generate(generator, latent, real.y), real.y)
        if len(real) >= size:  # what is left over fills no pack
            of_fake, of_real = (score(critic, *_in_packs(s, self.packing)) for s in (fake, real))
            share = len(of_fake) / (len(self.real) // size)
            layers["generator"].add(of_fake.mean(), share)
            layers["critic"].add(of_real.mean() - of_fake.mean(), share)
        return Samples(fake.x.detach(), real.y)


class _Layers:
    """Gradients of a mean by every weight matrix and kernel of a network, from the input on, summed
    up over parts of the batch."""

    def __init__(self, network: nn.Module) -> None:
        self._weights = [p for p in network.parameters() if p.requires_grad and p.ndim >= 2]
        self._sums: list[Tensor | None] = [None] * len(self._weights)

    def add(self, mean: Tensor, share: float) -> None:
        """Take in the mean of a part that is this share of all."""
        if not self._weights:
            return
        gradients = torch.autograd.grad(mean, self._weights, retain_graph=True, allow_unused=True)
        for number, gradient in enumerate(gradients):
            if gradient is not None:
                before = self._sums[number]
                here = share * gradient
                self._sums[number] = here if before is None else before + here

    def norms(self) -> list[Tensor]:
        """‖∂mean/∂W‖ / ‖W‖ of each."""
        return [
            w.new_zeros(()) if g is None else g.norm() / (w.norm() + 1e-30)
            for w, g in zip(self._weights, self._sums, strict=True)
        ]


_BOUNDED = (nn.Tanh, nn.Sigmoid)


class _SilentUnits:
    """The share of each network's hidden units that say the same of every sample: never above 0
    under ReLU, always at the same end under tanh or sigmoid; and of these two the share of all
    values that lie at an end. Inside, its hooks look on."""

    def __init__(self, state: TrainingState) -> None:
        self._networks = state.networks
        self._handles: list[RemovableHandle] = []
        # At the low and at the high end, by module and by which of its calls for a part this was.
        self._quiet: dict[tuple[str, nn.Module, int], Tensor] = {}
        self._calls: Counter[nn.Module] = Counter()
        self._at_ends: dict[str, list[tuple[Tensor, int]]] = {}  # by network: values, of how many

    def __enter__(self) -> _SilentUnits:
        for name, network in self._networks.items():
            modules = list(network.modules())
            if name == "generator":  # what comes after its last weights are the samples themselves
                weighted = [i for i, m in enumerate(modules) if [*m.parameters(recurse=False)]]
                modules = modules[: max(weighted, default=0)]
            for module in modules:
                if isinstance(module, (nn.ReLU, *_BOUNDED)):
                    note = partial(self._note, name)
                    self._handles.append(module.register_forward_hook(note))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def next_part(self) -> None:
        """What follows is the same calls on other samples."""
        self._calls.clear()

    def shares(self) -> dict[str, Tensor]:
        found: dict[str, list[Tensor]] = {}
        for (name, _, _), ends in self._quiet.items():
            found.setdefault(name, []).append(ends.any(0))
        shares = {f"silent.{name}": torch.cat(q).double().mean() for name, q in found.items()}
        for name, counts in self._at_ends.items():
            values = torch.stack([at_ends for at_ends, _ in counts]).double().sum()
            shares[f"saturated.{name}"] = values / sum(number for _, number in counts)
        return shares

    def _note(self, name: str, module: nn.Module, _: object, output: Tensor) -> None:
        units = output.detach()
        if units.ndim > 2:  # a channel is one unit, wherever it looks
            units = units.flatten(2).transpose(1, 2).flatten(0, 1)
        if isinstance(module, nn.ReLU):
            ends = (units <= 0).all(0)[None]
        else:
            low, high = (-1.0, 1.0) if isinstance(module, nn.Tanh) else (0.0, 1.0)
            margin = 0.01 * (high - low)
            lower, upper = units < low + margin, units > high - margin
            ends = torch.stack([lower.all(0), upper.all(0)])
            self._at_ends.setdefault(name, []).append(((lower | upper).sum(), units.numel()))
        key = name, module, self._calls[module]
        self._calls[module] += 1
        self._quiet[key] = self._quiet[key] & ends if key in self._quiet else ends


def _share_at(bounds: tuple[float, float], x: Tensor) -> Tensor:
    """The share of values within a hundredth of the range from its ends."""
    low, high = bounds
    margin = 0.01 * (high - low)
    return ((x < low + margin) | (x > high - margin)).double().mean()


class MovementProbe:
    """How far each network went since the last probe, and in which direction.

    Weights are kept as a sketch, ``_SKETCH`` sums of them with random signs (Charikar et al. 2002),
    so that it fits into the run's state and goes on over a resume. Of n sums the squared distance
    is that of the weights on average, with a relative standard deviation of √(2/n): a distance is
    right within about a tenth, a cosine within √(1/n), an eighth.
    """

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, Any]] = {}

    def __call__(self, state: TrainingState, rng: torch.Generator) -> dict[str, float]:
        numbers = {}
        for name, network in state.networks.items():
            weights = torch.cat([p.detach().flatten() for p in network.parameters()]).cpu()
            here = _sketch(weights).tolist()
            before = self._seen.get(name)
            moved = None
            if before is not None and state.updates[name] > before["updates"]:
                moved = [a - b for a, b in zip(here, before["here"], strict=True)]
                length, updates = math.hypot(*moved), state.updates[name] - before["updates"]
                size = float(weights.norm()) or 1.0
                numbers[f"movement.{name}"] = length / size / updates
                last = before["moved"]
                if last is not None and length > 0 and math.hypot(*last) > 0:
                    dot = sum(a * b for a, b in zip(moved, last, strict=True))
                    numbers[f"turning.{name}"] = dot / (length * math.hypot(*last))
            self._seen[name] = {"here": here, "moved": moved, "updates": state.updates[name]}
        return numbers

    def state(self) -> dict[str, Any]:
        return self._seen

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._seen = dict(state)


_SKETCH = 64


def _sketch(weights: Tensor) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, (len(weights),), generator=rng, dtype=torch.int8)
    signed = weights.double() * (2 * signs - 1)
    padded = torch.nn.functional.pad(signed, (0, -len(signed) % _SKETCH))
    return padded.view(-1, _SKETCH).sum(0)
