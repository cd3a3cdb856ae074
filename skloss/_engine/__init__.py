"""One verb: train a population of networks in one TensorFlow graph."""

from skloss._engine._mirror import Mirror
from skloss._engine._plan import (
    Data,
    Member,
    Outcome,
    Plan,
    Result,
    Stream,
    TrainingState,
    steps_of,
)
from skloss._engine._population import chunks, repacked, train_population
from skloss._engine._predict import (
    exported_model,
    plain_model,
    raw_predictions,
    stacked_predictions,
    with_outputs,
)
from skloss._engine._program import trace_count
from skloss._engine._structure import PlanKind

__all__ = [
    "Data",
    "Member",
    "Mirror",
    "Outcome",
    "Plan",
    "PlanKind",
    "Result",
    "Stream",
    "TrainingState",
    "chunks",
    "exported_model",
    "plain_model",
    "raw_predictions",
    "repacked",
    "stacked_predictions",
    "steps_of",
    "trace_count",
    "train_population",
    "with_outputs",
]
