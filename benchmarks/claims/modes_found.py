"""Claim 5: modes found on 8-ring, 25-grid and Stacked-MNIST, by method.

Sources: Lin et al. 2018 (PacGAN), tables 1 and 2; Huang et al. 2024 (R3GAN), table 1; Gulrajani et
al. 2017, figure 1. Published, with other networks and budgets: of 25-grid's modes GAN 17.3, PacGAN4
24.8; of 8-ring's GAN 6.3, PacGAN2 7.9; of Stacked-MNIST's WGAN-GP 959 (KL 0.73), PacDCGAN2 1000
(0.06), R3GAN 1000 (0.029).

    python benchmarks/claims/modes_found.py [FOLDER]

The runs lie in FOLDER; called again with it, what is finished is kept.
"""

from __future__ import annotations

from pathlib import Path

import claim

from steadygan import compare
from steadygan.comparison import ResultRow

# Written down before the runs.
OWN = ("wgan-gp", "r3gan")  # each with its preset's own budget: all 25 modes on 5 of 5 seeds
OWN_SEEDS, MODES = 5, 25
METHODS = ("gan", "wgan", "wgan-gp", "pacgan", "r3gan")  # under one budget, one thread each
SEEDS = 3
SECONDS = {"25-grid": 60.0, "8-ring": 30.0, "stacked-mnist": 150.0}
STACKED = ("architecture=DCGAN(width=32)", "training.batch_size=64")
STACKED_SEEDS = 1


def main(folder: Path) -> None:
    own = compare(
        "25-grid", OWN, seeds=OWN_SEEDS, out=folder / "own", overrides=["training.threads=1"],
        say=claim.say,
    )  # fmt: skip
    rows = [["data", "budget", "recipe", "seeds", "modes found", "share within 3σ, or KL"]]
    verdicts = []
    for row in own.results.rows:
        modes = row.spreads()["modes found"]
        rows.append(_row("25-grid", "its own", row))
        verdicts.append(
            claim.Verdict(
                f"`{row.combination.recipe}` finds all {MODES} modes on {OWN_SEEDS} of {OWN_SEEDS} "
                "seeds with its own budget.",
                f"{sorted(int(value) for value in modes.values.values())}",
                list(modes.values.values()) == [MODES] * OWN_SEEDS,
            )
        )
    for data, seconds in SECONDS.items():
        stacked = data == "stacked-mnist"
        done = compare(
            data,
            METHODS,
            seeds=STACKED_SEEDS if stacked else SEEDS,
            seconds=seconds,
            out=folder / data,
            overrides=["training.threads=1", *(STACKED if stacked else ())],
            say=claim.say,
        )
        found = {row.combination.recipe: row.spreads()["modes found"] for row in done.results.rows}
        rows += [_row(data, f"{seconds:.0f} s", row) for row in done.results.rows]
        verdicts += [
            claim.Verdict(
                f"On {data} `{method}` finds at least as many modes as `gan`, in the mean.",
                f"{found[method]} against {found['gan']}",
                found[method].mean >= found["gan"].mean,
            )
            for method in ("pacgan", "wgan-gp", "r3gan")
        ]
        claim.keep_figure("modes_found", data, done.directory / "figure.png")
    claim.write(
        "modes_found",
        "Modes found, by method",
        rows,
        verdicts,
        [
            "Budgets are seconds of training on one of two busy cores, so that steps differ "
            "between methods and runs: not comparable with the published overnight trainings. "
            "A mode is found where one of 10,000 samples lies within 3σ of it; of stacks 26,000 "
            "samples are read. Stacked-MNIST is trained with one seed, DCGAN of width 32.",
            "",
            *(f"![samples on {data}](modes_found-{data}.png)" for data in SECONDS),
        ],
    )


def _row(data: str, budget: str, row: ResultRow) -> list[str]:
    spreads = row.spreads()
    if "modes found" not in spreads:
        return [data, budget, row.combination.recipe, "0", row.status, ""]
    other = spreads.get("high-quality share") or spreads["KL to uniform"]
    seeds = str(len(row.finished))
    return [data, budget, row.combination.recipe, seeds, str(spreads["modes found"]), str(other)]


if __name__ == "__main__":
    claim.report.in_folder(main)
