"""Units and outputs that no longer react."""

from __future__ import annotations

import numpy as np

from steadygan.diagnosis.check import Check, Seen
from steadygan.diagnosis.course import Course, persisting
from steadygan.diagnosis.finding import Status

SILENT = 0.5  # of the hidden units
SATURATED = 0.6  # of the values of hidden tanh and sigmoid units lie at their ends
AT_BOUNDS = 0.3  # more of the outputs lie at the ends of their range than of the data
LEFT = 0.1  # of what the data have inside their range, the outputs have


def _trial(course: Course) -> Seen:
    silent = course.among("silent.generator", "silent.critic")
    saturated = course.among("saturated.generator", "saturated.critic")
    bounds = course.among("at_bounds.fake", "at_bounds.real")
    if not silent and not bounds:
        course.layers("generator")  # whoever looked at layers looked for both
        return Seen(True, "no network has units that can fall silent, and the data have no bounds")
    looks = course.probes(*silent, *saturated, *bounds)
    nothing = np.zeros(len(looks.steps))
    quiet = np.max([nothing, *(looks[name] for name in silent)], axis=0)
    at_ends = np.max([nothing, *(looks[name] for name in saturated)], axis=0)
    fake, real = (looks[name] for name in bounds) if bounds else (nothing, nothing)
    beyond, none_inside = fake - real, (1 - fake) < LEFT * (1 - real)
    said = []
    if silent:
        said.append(f"{quiet[-1]:.0%} of a network's hidden units say the same of every sample")
    if saturated:
        said.append(f"{at_ends[-1]:.0%} of the values of a network's tanh or sigmoid units lie at "
                    "their ends")  # fmt: skip
    if bounds:
        said.append(
            f"the share of values at the ends of their range is {100 * beyond[-1]:+.0f} points "
            "beside that of the data"
        )
    return persisting(
        looks.steps,
        (quiet > SILENT) | (at_ends > SATURATED) | (beyond > AT_BOUNDS) | none_inside,
        ", and ".join(said),
        "a lower learning rate, another initialisation, or leaky activations "
        "(of an MLP: --set architecture.activation=leaky_relu)",
    )


CHECK = Check(
    "saturation",
    Status.ERROR,
    "Do units and outputs still react to their input?",
    f"more than {SILENT:.0%} of hidden units, {SATURATED:.0%} of their values, or "
    f"{AT_BOUNDS:.0%} more outputs than data at the ends; or inside less than {LEFT:.0%} of what "
    "the data have there",
    "What is saturated passes no gradient on, and makes samples all alike.",
    "Glorot & Bengio 2010",
    _trial,
)
