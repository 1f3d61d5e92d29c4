"""From finding to remedies: what is tried first, and what next if the finding comes back."""

from __future__ import annotations

from collections.abc import Mapping

from steadygan.treatment.changes import (
    augmented,
    averaged,
    balanced_updates,
    blurred,
    bounded_slope,
    clipped_gradients,
    leaky,
    non_saturating,
    packed,
    patience,
    softened,
    usual_optimisers,
    wasserstein,
)
from steadygan.treatment.remedy import Remedy, Start, together

_steady = together(usual_optimisers, bounded_slope, non_saturating, balanced_updates, averaged)
_proven = together(wasserstein, usual_optimisers, bounded_slope, balanced_updates, averaged)

_BOUNDED = Remedy(
    "bounded slope", bounded_slope, Start.SOUND,
    "the usual penalty keeps the critic's slope where the objective needs it",
    "Gulrajani et al. 2017, section 4; Mescheder et al. 2018, section 4",
)  # fmt: skip
_STEADY = Remedy(
    "steady settings", _steady, Start.ANEW,
    "the objective's usual penalty, learning rates and critic updates, and an average",
    "Gulrajani et al. 2017; Mescheder et al. 2018",
)  # fmt: skip
_STEADIED = Remedy(
    "steady settings, rolled back", together(_steady, clipped_gradients), Start.SOUND,
    "what grew without end is taken back, and the usual settings keep it from growing again",
    "Gulrajani et al. 2017; Mescheder et al. 2018",
)  # fmt: skip
_REDRAWN = Remedy(
    "new weights", together(_steady, leaky), Start.REDRAWN,
    "weights that react, and rates that leave them there",
    "Glorot & Bengio 2010",
)  # fmt: skip
_PATIENCE = Remedy(
    "patience", patience, Start.SOUND,
    "updates that are not finite now and then can be refused, at little loss",
)  # fmt: skip
_SOFTENED = Remedy(
    "softened critic", together(_steady, softened), Start.ANEW,
    "real and fake samples that overlap leave the critic something to be unsure of",
    "Arjovsky & Bottou 2017, section 3; Salimans et al. 2016, section 3.4",
)  # fmt: skip
_PACKED = Remedy(
    "packing", together(_steady, packed), Start.ANEW,
    "a critic that sees pairs sees that they are alike",
    "Lin et al. 2018, section 3",
)  # fmt: skip
_AUGMENTED = Remedy(
    "augmentation", augmented, Start.SOUND,
    "a critic that never sees the same image twice cannot know it by heart",
    "Zhao et al. 2020, section 3.2; Karras et al. 2020, section 2",
)  # fmt: skip
_BLURRED = Remedy(
    "instance noise", blurred, Start.SOUND,
    "under noise the critic cannot tell a training sample from its neighbours",
    "Sønderby et al. 2017, section 3.3",
)  # fmt: skip
_PROVEN = Remedy(
    "Wasserstein with a gradient penalty", _proven, Start.REDRAWN,
    "an objective whose gradient does not vanish, with its published settings",
    "Gulrajani et al. 2017",
)  # fmt: skip

# What a sound run that is only slow shows as well, for a time: it must last before it is treated.
SLOW = frozenset({"mode_collapse", "oscillation"})

# What a change of the recipe cannot mend has no remedy: a loss with the wrong sign is a fault of
# the code, and to put another loss in its place would hide it.
REMEDIES: Mapping[str, tuple[Remedy, ...]] = {
    "divergence": (_STEADIED, _PATIENCE, _PROVEN),
    "reversed_loss": (),
    "saturation": (_REDRAWN, _PROVEN),
    "nothing_learns": (_STEADY, _REDRAWN),
    "critic_too_strong": (_STEADY, _SOFTENED, _PROVEN),
    "exploding_gradients": (_STEADY, _PROVEN),
    "lipschitz": (_BOUNDED, _STEADY, _PROVEN),
    "generator_vanishing": (_STEADY, _REDRAWN, _PROVEN),
    "critic_too_weak": (_STEADY, _PROVEN),
    "memorisation": (_AUGMENTED, _BLURRED),
    "critic_overfitting": (_AUGMENTED, _BLURRED),
    "samples_flee": (_STEADY, _PROVEN),
    "mode_collapse": (_STEADY, _PACKED, _PROVEN),
    "oscillation": (_STEADY, _PROVEN),
}
