"""Training: the loop, its state, checkpoints, optimisers and controllers."""

from steadygan.training.checkpoint import (
    CheckpointStore,
    load_tensors,
    save_tensors,
    write_atomically,
)
from steadygan.training.execution import Execution, Trial, choose, synchronise
from steadygan.training.extragradient import ExtragradientUpdates
from steadygan.training.loop import Outcome, Trainer
from steadygan.training.optimisers import (
    SGD,
    Adam,
    AdamW,
    OptimiserSettings,
    OptimisticAdam,
    RMSProp,
)
from steadygan.training.probes import Probe, ScoreProbe
from steadygan.training.sampler import Sampler
from steadygan.training.seeds import derive_seed
from steadygan.training.settings import Plateau, Signal, Training
from steadygan.training.state import Status, Stop, TrainingState, evaluating
from steadygan.training.updates import AlternatingUpdates, Burst, Updates, draw_labels, draw_latent
from steadygan.training.watch import Action, BestSoFar, Observer, PlateauStop

__all__ = [
    "SGD",
    "Action",
    "Adam",
    "AdamW",
    "AlternatingUpdates",
    "BestSoFar",
    "Burst",
    "CheckpointStore",
    "Execution",
    "ExtragradientUpdates",
    "Observer",
    "OptimiserSettings",
    "OptimisticAdam",
    "Outcome",
    "Plateau",
    "PlateauStop",
    "Probe",
    "RMSProp",
    "Sampler",
    "ScoreProbe",
    "Signal",
    "Status",
    "Stop",
    "Trainer",
    "Training",
    "TrainingState",
    "Trial",
    "Updates",
    "choose",
    "derive_seed",
    "draw_labels",
    "draw_latent",
    "evaluating",
    "load_tensors",
    "save_tensors",
    "synchronise",
    "write_atomically",
]
