"""One verb: train a population of networks in one TensorFlow graph."""

from skloss._engine._plan import Data, Member, Outcome, Plan, Result, Stream
from skloss._engine._population import chunks, repacked, train_population
from skloss._engine._predict import (
    exported_model,
    raw_predictions,
    stacked_predictions,
)
from skloss._engine._program import trace_count

__all__ = [
    "Data",
    "Member",
    "Outcome",
    "Plan",
    "Result",
    "Stream",
    "chunks",
    "exported_model",
    "raw_predictions",
    "repacked",
    "stacked_predictions",
    "trace_count",
    "train_population",
]
