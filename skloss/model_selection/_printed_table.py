"""Rows of the same columns that print as a table, in a notebook too."""

import math
from html import escape
from textwrap import shorten

WIDEST = 60  # characters of a cell


class PrintedTable(list):
    """Dictionaries of the same keys, a row each.

    It prints as a table, in a notebook too; ``pandas.DataFrame(table)`` makes a frame
    of it.
    """

    def __repr__(self):
        """Return the table as text."""
        cells = self._cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = (
            "  ".join(
                text.ljust(width) for text, width in zip(line, widths, strict=True)
            )
            for line in cells
        )
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self):
        """Return the table that a notebook shows."""
        head, *rows = (
            "".join(f"<{tag}>{escape(text)}</{tag}>" for text in line)
            for tag, line in zip(
                ["th", *["td"] * len(self)], self._cells(), strict=True
            )
        )
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _cells(self):
        """Return the texts of the table, line by line, its head first."""
        return [
            list(self[0]),
            *([format_cell(value) for value in row.values()] for row in self),
        ]


def format_cell(value):
    """Return the text of a value, cut where it is long."""
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.3g}"
    return shorten(value if isinstance(value, str) else repr(value), WIDEST)
