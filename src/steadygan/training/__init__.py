"""Training: the loop, its state, checkpoints, optimisers and controllers."""

from steadygan.training.capture import CapturedUpdates, CudaGraphs, differs, why_not
from steadygan.training.checkpoint import (
    CheckpointStore,
    load_tensors,
    save_tensors,
    step_of,
    write_atomically,
)
from steadygan.training.duality_gap import DualityGapProbe
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
from steadygan.training.probes import LayerProbe, MovementProbe, Probe, ScoreProbe
from steadygan.training.sampler import Sampler
from steadygan.training.seeds import derive_seed
from steadygan.training.settings import Plateau, Signal, Training
from steadygan.training.state import Status, Stop, TrainingState, evaluating, load_slots
from steadygan.training.updates import (
    AlternatingUpdates,
    Burst,
    NextBatch,
    Report,
    Updates,
    draw_labels,
    draw_latent,
)
from steadygan.training.watch import Action, BestSoFar, Observer, PlateauStop

__all__ = [
    "SGD",
    "Action",
    "Adam",
    "AdamW",
    "AlternatingUpdates",
    "BestSoFar",
    "Burst",
    "CapturedUpdates",
    "CheckpointStore",
    "CudaGraphs",
    "DualityGapProbe",
    "Execution",
    "ExtragradientUpdates",
    "LayerProbe",
    "MovementProbe",
    "NextBatch",
    "Observer",
    "OptimiserSettings",
    "OptimisticAdam",
    "Outcome",
    "Plateau",
    "PlateauStop",
    "Probe",
    "RMSProp",
    "Report",
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
    "differs",
    "draw_labels",
    "draw_latent",
    "evaluating",
    "load_slots",
    "load_tensors",
    "save_tensors",
    "step_of",
    "synchronise",
    "why_not",
    "write_atomically",
]
