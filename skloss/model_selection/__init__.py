"""Searches over losses and all else, with all networks in one graph."""

from skloss.model_selection._pruning import SuccessiveHalving as SuccessiveHalving
from skloss.model_selection._search import FusedGridSearchCV as FusedGridSearchCV
from skloss.model_selection._search import (
    FusedRandomizedSearchCV as FusedRandomizedSearchCV,
)
