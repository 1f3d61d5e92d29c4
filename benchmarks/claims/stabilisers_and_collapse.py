"""Claim 8: what the stabilisers do against mode collapse: latent noise, label smoothing and
historical averaging, each on and off.

Sources: Salimans et al. 2016, sections 3.3 (historical averaging) and 3.4 (one-sided label
smoothing); Szegedy et al. 2016, section 7 (two-sided). For reference also instance noise (Sønderby
et al. 2017), packing (Lin et al. 2018) and minibatch standard deviation (Karras et al. 2018).

    python benchmarks/claims/stabilisers_and_collapse.py [FOLDER]

The runs lie in FOLDER; called again with it, what is finished is kept.
"""

from __future__ import annotations

from pathlib import Path

import claim

from steadygan import compare
from steadygan.comparison import Spread, spread_of

# Written down before the runs. Settings are the library's defaults; the game without any of them
# was chosen on seed 100, which is not judged, as one that loses modes.
SEEDS, STEPS = 5, 4_000
NETWORK = "architecture=MLP(hidden=(128, 128), {more})"
PLAIN = NETWORK.format(more="activation=relu")
ADAM = "Adam(1e-3, 0.9, 0.999)"  # Adam's own momentum, which the game does not bear well
COMMON = [
    "training.threads=1", "training.batch_size=64", "ema=none", "training.best=none",
    f"critic_optimiser={ADAM}", f"generator_optimiser={ADAM}",
]  # fmt: skip
JUDGED = {
    "latent noise": ["stabiliser=LatentNoise()"],
    "label smoothing, one-sided": ["objective=Minimax(real_label=0.9)"],
    "label smoothing, two-sided": ["objective=Minimax(real_label=0.9, fake_label=0.1)"],
    "historical averaging": ["stabiliser=HistoricalAveraging()"],
}
REFERENCE = {
    "instance noise": ["stabiliser=InstanceNoise()"],
    "packing": ["stabiliser=Packing()"],
    "minibatch standard deviation": [NETWORK.format(more="minibatch_std=true")],
}
OFF = "none of them"
DATA, MODES = "25-grid", 25


def main(folder: Path) -> None:
    rows = [["stabiliser", "modes found by seed", "mean ± sd", "share within 3σ"]]
    found: dict[str, Spread] = {}
    for name, changes in {OFF: [], **JUDGED, **REFERENCE}.items():
        claim.say(name)
        done = compare(
            DATA,
            "nsgan",
            seeds=SEEDS,
            steps=STEPS,
            out=folder / name.replace(" ", "-").replace(",", ""),
            overrides=[*COMMON, PLAIN, *changes],
        )
        (row,) = done.results.rows
        found[name] = row.spreads().get("modes found", spread_of({0: 0}))
        quality = row.spreads().get("high-quality share", "–")
        by_seed = ", ".join(f"{value:.0f}" for value in found[name].values.values())
        rows.append([name, by_seed, str(found[name]), str(quality)])
    claim.write(
        "stabilisers_and_collapse",
        "Stabilisers against mode collapse, on 25-grid",
        rows,
        [
            claim.Verdict(
                f"{name}: more modes than without, in the mean of {SEEDS} seeds.",
                f"{found[name]} against {found[OFF]}",
                found[name].mean > found[OFF].mean,
            )
            for name in JUDGED
        ],
        [
            f"`nsgan` with MLPs of 128 + 128 units, {STEPS:,} steps of batch 64, Adam 1e-3 with "
            "β1 0.9, no average of the generator; the stabilisers as they are by default. The last "
            "three are for reference and judged by nothing.",
        ],
        figure=_figure(found),
    )


def _figure(found: dict[str, Spread]) -> claim.Figure:
    figure = claim.Figure(figsize=(6.4, 3.2))
    axes = figure.subplots()
    for place, (name, spread) in enumerate(reversed(found.items())):
        values = list(spread.values.values())
        colour = "C1" if name == OFF else "C0"
        axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.5, markersize=5)
        axes.plot([spread.mean], [place], "|", color=colour, markersize=16, markeredgewidth=2)
    axes.axvline(found[OFF].mean, color="C1", linewidth=1, linestyle=":")
    axes.set_yticks(range(len(found)), list(reversed(found)))
    axes.set(xlabel=f"modes found of {MODES}; bar: mean", xlim=(0, MODES + 1))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    claim.report.in_folder(main)
