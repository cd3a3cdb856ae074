"""What a table of numbers can be given as to a network."""

from skloss.preprocessing._piecewise_linear import PiecewiseLinearEncoder

__all__ = ["PiecewiseLinearEncoder"]
