"""The doctor's runs: development ones, that thresholds may be seen on, and test ones, that may not.

Both were written down before any rule of the doctor was. After the first score on the test runs the
rules were mended on these, too; the fresh ones were written down then, and trained after it. The
same happened to the fresh ones, and the unseen ones are the last so far. The groups differ in data,
networks, severities, base recipes and seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from faults import CAUSES, UGLY
from substrates import DEVELOPMENT, FRESH, SUBSTRATES, TEST, UNSEEN, Substrate

from steadygan import Recipe, SampleSpec
from steadygan.constraints import SpectralNorm, WeightClipping
from steadygan.networks import MLP
from steadygan.objectives import Hinge, LeastSquares, Minimax, Wasserstein
from steadygan.penalties import R1, Term, TwoSided
from steadygan.schedules import Linear
from steadygan.training import Adam, RMSProp, Training

GROUPS = ("development", "test", "fresh", "unseen")
STEPS = 1_500
PROBES = 20  # in a run


def base(name: str, spec: SampleSpec, hidden: tuple[int, ...]) -> Recipe:
    """A sound recipe for one of the objectives, as small as the substrate."""
    falling = Adam(lr=Linear(1e-3, 1e-4), beta1=0.5, beta2=0.9)
    gentle = Adam(lr=Linear(5e-4, 1e-4), beta1=0.5, beta2=0.99)
    every = STEPS // PROBES
    common = Recipe(
        name=name,
        architecture=MLP(hidden=hidden, activation="leaky_relu"),
        latent_dim=4 if len(spec.shape) == 1 and spec.shape[0] == 2 else 32,
        penalty=(),
        n_critic=1,
        critic_optimiser=gentle,
        generator_optimiser=gentle,
        training=Training(
            steps=STEPS, batch_size=128, record_every=15, probe_every=every, sample_every=0,
            checkpoint_every=every, precision="float32", memory_format="contiguous", threads=1,
        ),
    )  # fmt: skip
    weight = 0.1 if common.latent_dim == 4 else 10.0
    scale = 0.05 if common.latent_dim == 4 else 1.0
    changes: Mapping[str, Mapping[str, object]] = {
        "wgan-gp": {
            "objective": Wasserstein(), "penalty": (Term(TwoSided(), weight),), "n_critic": 5,
            "critic_optimiser": falling, "generator_optimiser": falling,
        },
        "wgan": {
            "objective": Wasserstein(), "constraint": (WeightClipping(0.05),), "n_critic": 5,
            "critic_optimiser": RMSProp(lr=2e-4), "generator_optimiser": RMSProp(lr=2e-4),
        },
        "nsgan": {"objective": Minimax(), "penalty": (Term(R1(), 0.02 * scale),)},
        "nsgan-r1": {"objective": Minimax(), "penalty": (Term(R1(), scale),)},
        "lsgan": {"objective": LeastSquares(), "penalty": (Term(R1(), 0.05 * scale),)},
        "hinge": {"objective": Hinge(), "constraint": (SpectralNorm(),), "n_critic": 2},
    }  # fmt: skip
    return replace(common, **changes[name])  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """One run.

    Attributes:
        group: of ``GROUPS``.
        cause: in ``CAUSES``, or of ``UGLY``, a sound one.
        on: the substrate's name.
        start: the base recipe's name.
        severity, seed: of the cause and the run.
    """

    group: str
    cause: str
    on: str
    start: str
    severity: float
    seed: int

    @property
    def name(self) -> str:
        words = f"{self.group} {self.on} {self.start} {self.cause} {self.severity:g} {self.seed}"
        return words.replace(",", "").replace(" ", "-")

    @property
    def faulty(self) -> bool:
        return self.cause in CAUSES

    @property
    def accepted(self) -> tuple[str, ...]:
        """The names that the fault may be called by; none of a sound run."""
        return CAUSES[self.cause].names if self.faulty else ()

    @property
    def substrate(self) -> Substrate:
        return SUBSTRATES[self.on]

    def recipe(self, spec: SampleSpec) -> Recipe:
        sound = replace(base(self.start, spec, self.substrate.hidden), seed=self.seed)
        change = CAUSES[self.cause].change if self.faulty else UGLY[self.cause]
        return change(sound, self.severity)


def _cases(group: str, substrates: Mapping[str, Substrate], shift: int) -> Iterator[Case]:
    severities = {
        "development": (1.0, 2.0), "test": (0.7, 1.5), "fresh": (0.85, 1.2), "unseen": (0.9, 1.35),
    }[group]  # fmt: skip
    number = shift
    for on in substrates:
        for cause, each in CAUSES.items():
            number += 1
            start = each.bases[number % len(each.bases)]
            yield Case(group, cause, on, start, severities[number % 2], number)
        for cause in UGLY:
            for start in ("wgan-gp", "wgan", "nsgan-r1", "lsgan", "hinge"):
                number += 1
                yield Case(group, cause, on, start, 1.0, number)


CASES = (
    *_cases("development", DEVELOPMENT, 0),
    *_cases("test", TEST, 1_001),
    *_cases("fresh", FRESH, 2_002),
    *_cases("unseen", UNSEEN, 3_005),
)
