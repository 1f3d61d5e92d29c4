"""Claim 3: without batch normalisation, and with an MLP generator, WGAN and WGAN-GP still train
where the standard GAN does not.

Source: Arjovsky et al. 2017, section 4.3 and figures 5 to 7, on 64×64 bedrooms. Here on 8×8 digits,
where all is easier: success rates over seeds.

    python benchmarks/claims/without_batch_norm.py [FOLDER]

The runs lie in FOLDER; called again with it, what is finished is kept.
"""

from __future__ import annotations

from pathlib import Path

import claim

from steadygan import compare
from steadygan.comparison import MemberResult, ResultRow

# Written down before the runs.
ARCHITECTURES = {
    "DCGAN without batch norm": "architecture=DCGAN(width=16, generator_norm=none)",
    "MLP": "architecture=MLP(hidden=(128, 128, 128))",
}
SEEDS, STEPS = 5, 1_500
# Success: a quarter of the coverage that real digits have of real digits, and no class lost.
COVERAGE_SHARE, SMALLEST_CLASS = 0.25, 0.02
ENOUGH = 4  # of 5 seeds, for wgan-gp and wgan in both architectures
ADAM = "Adam(Linear(1e-3, 0), {beta1}, {beta2})"
METHODS = {
    "gan": ADAM.format(beta1=0.5, beta2=0.999),
    "nsgan": ADAM.format(beta1=0.5, beta2=0.999),
    "wgan": "RMSProp(Linear(5e-4, 0))",
    "wgan-gp": ADAM.format(beta1=0.0, beta2=0.9),
}
# Few steps: the recipe for digits in λ and n_critic, ten times the learning rates of the papers, no
# first bursts of critic updates; samples are of the generator itself, not of an average.
COMMON = ["training.threads=1", "training.batch_size=64", "ema=none", "training.best=none"]
OWN = {"wgan": ["burst=none"], "wgan-gp": ["n_critic=2", "penalty.weight=1"]}


def main(folder: Path) -> None:
    rows = [["architecture", "recipe", "succeeds", "coverage by seed", "smallest class by seed"]]
    counts: dict[tuple[str, str], int] = {}
    drawn: dict[tuple[str, str], list[float]] = {}
    for name, architecture in ARCHITECTURES.items():
        for recipe, optimiser in METHODS.items():
            claim.say(f"{name}, {recipe}")
            done = compare(
                "digits",
                recipe,
                seeds=SEEDS,
                steps=STEPS,
                out=folder / f"{name.split()[0]}-{recipe}",
                overrides=[
                    *COMMON,
                    architecture,
                    f"critic_optimiser={optimiser}",
                    f"generator_optimiser={optimiser}",
                    *OWN.get(recipe, []),
                ],
            )
            (row,) = done.results.rows
            counts[name, recipe] = sum(succeeded(result) for result in row.results)
            drawn[name, recipe] = values(row, "coverage")
            rows.append([
                name, recipe, f"{counts[name, recipe]} of {SEEDS}",
                ", ".join(f"{each:.2f}" for each in values(row, "coverage")),
                ", ".join(f"{each:.3f}" for each in values(row, "smallest class share")),
            ])  # fmt: skip
    verdicts = [
        claim.Verdict(
            f"`{recipe}` succeeds on at least {ENOUGH} of {SEEDS} seeds in both architectures.",
            ", ".join(f"{counts[name, recipe]} ({name})" for name in ARCHITECTURES),
            all(counts[name, recipe] >= ENOUGH for name in ARCHITECTURES),
        )
        for recipe in ("wgan-gp", "wgan")
    ] + [
        claim.Verdict(
            f"`{recipe}` succeeds on fewer seeds than `wgan-gp`, over both.",
            f"{_total(counts, recipe)} against {_total(counts, 'wgan-gp')}",
            _total(counts, recipe) < _total(counts, "wgan-gp"),
        )
        for recipe in ("gan", "nsgan")
    ]
    claim.write(
        "without_batch_norm",
        "Without batch normalisation, on digits",
        rows,
        verdicts,
        [
            f"{STEPS:,} steps of batch 64, learning rates 1e-3 (RMSProp 5e-4) falling to 0, no "
            "average of the generator. Success: at least a quarter of the coverage that real "
            f"digits reach, and every class in at least {SMALLEST_CLASS:.0%} of 2,000 samples.",
        ],
        figure=_figure(drawn),
    )


def succeeded(result: MemberResult) -> bool:
    found = {str(each["name"]): each for each in result.measurements}
    if not result.finished:
        return False
    coverage = found["coverage"]
    return bool(
        coverage["value"] >= COVERAGE_SHARE * coverage["reference"]
        and found["smallest class share"]["value"] >= SMALLEST_CLASS
    )


def values(row: ResultRow, metric: str) -> list[float]:
    spread = row.spreads().get(metric)
    return [] if spread is None else list(spread.values.values())


def _total(counts: dict[tuple[str, str], int], recipe: str) -> int:
    return sum(counts[name, recipe] for name in ARCHITECTURES)


def _figure(drawn: dict[tuple[str, str], list[float]]) -> claim.Figure:
    figure = claim.Figure(figsize=(7.0, 2.8))
    panels = figure.subplots(1, len(ARCHITECTURES), sharey=True)
    for axes, name in zip(panels, ARCHITECTURES, strict=True):
        for place, recipe in enumerate(METHODS):
            found = drawn[name, recipe]
            axes.plot([place] * len(found), found, "o", markersize=5, alpha=0.7)
        axes.set_xticks(range(len(METHODS)), list(METHODS))
        axes.set(title=name, ylim=(0, 1))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("coverage of real digits")
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    claim.report.in_folder(main)
