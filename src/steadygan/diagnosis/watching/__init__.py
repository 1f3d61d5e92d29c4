"""What is looked for while a run goes on, and after it: one file per kind of failure."""

from steadygan.diagnosis.watching import (
    critic_overfitting,
    critic_too_strong,
    critic_too_weak,
    divergence,
    exploding_gradients,
    generator_vanishing,
    lipschitz,
    memorisation,
    mode_collapse,
    nothing_learns,
    oscillation,
    reversed_loss,
    samples_flee,
    saturation,
)

# From what explains most to what others explain: the first finding names the run.
CHECKS = (
    divergence.CHECK,
    reversed_loss.CHECK,
    critic_too_weak.CHECK,  # whoever follows it is driven to the ends of the range
    saturation.CHECK,
    nothing_learns.CHECK,
    memorisation.CHECK,
    critic_overfitting.CHECK,
    generator_vanishing.CHECK,
    critic_too_strong.CHECK,
    exploding_gradients.CHECK,
    lipschitz.CHECK,
    samples_flee.CHECK,
    mode_collapse.CHECK,
    oscillation.CHECK,
)
