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
    count_steps,
)
from skloss._engine._pool import STRETCH
from skloss._engine._population import (
    empty_spare_pools,
    make_pools,
    place_members,
    repack_pools,
    train_population,
)
from skloss._engine._predict import (
    build_exported_model,
    build_plain_model,
    count_weights,
    predict_raw,
    predict_raw_stacked,
    select_outputs,
    take_body,
)
from skloss._engine._program import count_steps_computed, trace_count
from skloss._engine._state import Weights
from skloss._engine._structure import PlanKind

__all__ = [
    "STRETCH",
    "Data",
    "Member",
    "Mirror",
    "Outcome",
    "Plan",
    "PlanKind",
    "Result",
    "Stream",
    "TrainingState",
    "Weights",
    "build_exported_model",
    "build_plain_model",
    "count_steps",
    "count_steps_computed",
    "count_weights",
    "empty_spare_pools",
    "make_pools",
    "place_members",
    "predict_raw",
    "predict_raw_stacked",
    "repack_pools",
    "select_outputs",
    "take_body",
    "trace_count",
    "train_population",
]
