"""Names with numbers, as text: ``"focal:gamma=3"``."""

import ast
from typing import Any


def parse_spec(spec: str) -> tuple[str, dict[str, Any]]:
    """Split ``"focal:gamma=3"`` into a name and a dict of values.

    Parameters
    ----------
    spec : str
        ``"name"`` or ``"name:knob=value,knob=value"``; values are Python literals,
        anything else is taken as a string.

    Returns
    -------
    name : str
    params : dict

    Raises
    ------
    ValueError
        If the part after the colon is not a list of ``knob=value``.

    Examples
    --------
    >>> parse_spec("focal:gamma=3")
    ('focal', {'gamma': 3})
    >>> parse_spec("quantile:quantile=(0.1, 0.9)")
    ('quantile', {'quantile': (0.1, 0.9)})
    """
    name, colon, rest = spec.partition(":")
    if not colon:
        return name.strip(), {}
    try:
        call = ast.parse(f"f({rest})", mode="eval").body
        if call.args or any(k.arg is None for k in call.keywords):
            raise SyntaxError
        params = {k.arg: read_literal(k.value) for k in call.keywords}
    except SyntaxError:
        raise ValueError(
            f"Cannot read {spec!r}: after the colon give knob=value pairs separated "
            f"by commas, as in 'focal:gamma=3'."
        ) from None
    return name.strip(), params


def read_literal(node: ast.expr) -> Any:
    """Read a syntax node as a Python literal, a bare word as a string."""
    if isinstance(node, ast.Name):
        return node.id
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise SyntaxError from None
