"""Treatment: what is changed in a run that the doctor finds ill, and how the run goes on."""

from steadygan.treatment.carry_out import go_on_from, last_sound, redraw
from steadygan.treatment.policy import REMEDIES
from steadygan.treatment.remedy import Remedy, Start
from steadygan.treatment.treatment import OLDER_CHECKPOINTS, Treatment, recipe_file_of

__all__ = [
    "OLDER_CHECKPOINTS",
    "REMEDIES",
    "Remedy",
    "Start",
    "Treatment",
    "go_on_from",
    "last_sound",
    "recipe_file_of",
    "redraw",
]
