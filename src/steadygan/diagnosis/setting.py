"""What the preflight looks at: networks, optimisers, batches and terms, from a recipe or a loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized
from torch.optim import Optimizer

from steadygan.diagnosis.check import NotKnownError
from steadygan.diagnosis.trial import scores_of
from steadygan.interfaces import Constraint, Objective, PerSample, Samples
from steadygan.networks import copy_of
from steadygan.networks.call import generate
from steadygan.penalties import Term
from steadygan.stabilisers import pack

_SIZES = (8, 16, 12, 4, 2)  # of trials: the first that the networks take
_MOST = 256  # real samples that may be one batch


@dataclass(frozen=True)
class PenaltyFunction:
    """A penalty of somebody's own loop: a function of the critic, the real and the fake batch.

    ``Term(PenaltyFunction(gradient_penalty), 10.0)``

    Attributes:
        function: gives a scalar ``()`` or one value per sample ``(batch,)``. What it draws comes
            from torch's global random state.
    """

    function: Callable[[nn.Module, Tensor, Tensor], Tensor]
    name = "penalty_function"

    def __call__(
        self, critic: nn.Module, real: Samples, fake: Samples, *, rng: torch.Generator
    ) -> PerSample:
        seen = critic if real.y is None else _Given(critic, real.y)
        return self.function(seen, real.x, fake.x)


class _Given(nn.Module):
    """A critic of ``x`` alone, with the condition held fixed."""

    def __init__(self, critic: nn.Module, y: Tensor) -> None:
        super().__init__()
        self.critic, self.y = critic, y

    def forward(self, x: Tensor) -> Tensor:
        returned: Tensor = self.critic(x, self.y)
        return returned


@dataclass(frozen=True, eq=False)
class Setting:
    """Everything that decides how a training starts. What is None is not known.

    Attributes:
        generator, critic: as they are; nothing here changes them. The critic is taken as
            ``constraints`` have prepared it, or as they would.
        real: encoded samples ``(n, *shape)`` and their conditions; a batch is enough.
        draw: ``n`` to latent vectors ``(n, …)``.
        packing: samples that the critic sees side by side.
        critic_optimiser, generator_optimiser: hold the parameters they step.
        objective, penalties, constraints: of the critic's loss, and on its weights.
        batch_sizes: of the batches that training will show, the last incomplete one among them.
        parts: that a batch is computed in.
        n_critic: critic updates per step.
        ema: whether the generator is averaged.
        joined: whether the critic scores real and fake samples in one batch, its statistics mixed.
        held_out: samples that are not trained on.
        class_counts: of the training data; empty where there are no labels.
        labels: every condition that may come up, ``(k, …)``, or None where there are none.
        precision: what networks compute in.
        settings: whether advice can be given as ``--set``.
    """

    generator: nn.Module
    critic: nn.Module
    real: Samples
    draw: Callable[[int], Tensor]
    packing: int = 1
    critic_optimiser: Optimizer | None = None
    generator_optimiser: Optimizer | None = None
    objective: Objective | None = None
    penalties: tuple[Term, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    parts: int = 1
    n_critic: int | None = None
    ema: bool | None = None
    joined: bool | None = None
    held_out: int | None = None
    class_counts: tuple[int, ...] | None = None
    labels: Tensor | None = None
    precision: str | None = None
    settings: bool = False

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The penalties that weigh anything at some time of the run."""
        times = torch.linspace(0.0, 1.0, 11).tolist()
        return tuple(t for t in self.penalties if any(t.factor(time) > 0 for time in times))

    @cached_property
    def constrained(self) -> nn.Module:
        """A copy of the critic as it will train; raises NetworkError where constraints clash."""
        critic = copy_of(self.critic, "critic").train()
        if not any(is_parametrized(module) for module in critic.modules()):
            for constraint in self.constraints:
                constraint.prepare(critic)
        return critic

    def samples(self, n: int) -> Samples:
        """``n`` real samples, repeated where there are fewer."""
        rows = torch.arange(n, device=self.real.x.device) % len(self.real)
        x, y = self.real
        return Samples(x[rows], None if y is None else y[rows])

    def conditions(self, n: int) -> Tensor | None:
        """Of ``n`` samples; all the first one's where some do not fit the networks."""
        y = self.samples(n).y
        return y if y is None or self.labels_fit else torch.zeros_like(y)

    def seen(self, n: int) -> Samples:
        """``n`` real samples as the critic sees them: in packs, if it does."""
        return self._packed(Samples(self.samples(n).x, self.conditions(n)))

    def _packed(self, samples: Samples) -> Samples:
        return samples if self.packing == 1 else Samples(pack(samples.x, self.packing))

    @property
    def batch_size(self) -> int:
        """Of training; where it is not known, the real samples at hand are a batch."""
        return max(self.batch_sizes, default=min(len(self.real), _MOST))

    @cached_property
    def size(self) -> int:
        """A number of samples that both networks take.

        Raises:
            NotKnownError: there is none among those tried.
        """
        reasons = []
        sizes = (*(each * self.packing for each in _SIZES), *self.batch_sizes, self.batch_size)
        for size in sizes:
            try:
                self.run(size)
            except Exception as error:
                reasons.append(" ".join(f"{type(error).__name__}: {error}".split()))
            else:
                return size
        raise NotKnownError(f"the networks run on no batch that was tried ({reasons[0]})")

    @cached_property
    def usable(self) -> Samples:
        """Real samples as the critic sees them, as many as trials are made with."""
        return self.seen(self.size)

    def fakes(self, generator: nn.Module, n: int | None = None) -> Samples:
        """Fakes as the critic sees them: ``n``, or as many as ``usable``."""
        n = self.size if n is None else n
        y = self.conditions(n)
        return self._packed(Samples(generate(generator, self.draw(n), y), y))

    def run(self, n: int) -> None:
        """Both networks once on ``n`` samples, in train mode; raises whatever they raise."""
        with torch.no_grad():
            self.fakes(copy_of(self.generator, "generator").train(), n)
            scores_of(copy_of(self.constrained, "critic"), self.seen(n))

    @cached_property
    def labels_fit(self) -> bool:
        """Whether both networks take every label: asked on the CPU, since elsewhere a wrong index
        may end the process."""
        if self.labels is None:
            return True
        n = -(-max(len(self.labels), _SIZES[0]) // _SIZES[0]) * _SIZES[0]
        every = self.labels.cpu()[torch.arange(n) % len(self.labels)]
        return not self._fails(every) or self._fails(torch.zeros_like(every))

    def _fails(self, y: Tensor) -> bool:
        samples = Samples(self.samples(len(y)).x.cpu(), y)
        generator, critic = (
            copy_of(each, "network").cpu().train() for each in (self.generator, self.critic)
        )
        try:
            with torch.no_grad():
                generate(generator, self.draw(len(y)).cpu(), y)
                scores_of(critic, samples)
        except Exception:  # whatever an index that does not fit raises
            return True
        return False

    def advice(self, change: str, *settings: str) -> str:
        """A change, and how to make it on a recipe."""
        if not (self.settings and settings):
            return change
        return f"{change}: {' '.join(f'--set {each}' for each in settings)}"
