"""Who has which place in a program, and how far each has come."""

from typing import NamedTuple

import numpy as np

from skloss._engine._plan import Member
from skloss._engine._state import (
    State,
    copy_arrays,
    join_states,
    put_network,
    select_network,
)


class Progress(NamedTuple):
    """How far one network has come.

    Attributes
    ----------
    state : State
        Of arrays with one row; while the network has a place, that of when it came.
    history : list of HistoryRow
        Of arrays with epochs on the first axis, one for each stretch of epochs.
    """

    state: State
    history: list


class Places:
    """The places of a program, a row of its state each.

    An empty place computes with the others, and is told to be inactive.

    Parameters
    ----------
    size : int

    Attributes
    ----------
    numbers : list of int or None
        Of the network in each place.
    state : State of arrays, or None
        None until a network has come.
    """

    def __init__(self, size: int):
        self.size = size
        self.numbers, self.state = [None] * size, None

    def find(self, number: int) -> int | None:
        """Return the place of a network; None if it has none."""
        return self.numbers.index(number) if number in self.numbers else None

    def list_taken(self) -> dict[int, int]:
        """Return the place of each network, by its number."""
        return {n: k for k, n in enumerate(self.numbers) if n is not None}

    def look_up(self, members: dict[int, Member]) -> list[Member]:
        """Return who is in each place, and for an empty one somebody else."""
        someone = next(iter(self.list_taken()))
        return [members[someone if n is None else n] for n in self.numbers]

    def read(self, number: int) -> State:
        """Return the state of a network, of arrays with one row."""
        return select_network(self.state, self.numbers.index(number))

    def leave(self, number: int) -> State:
        """Empty the place of a network; return its state."""
        state, k = self.read(number), self.numbers.index(number)
        self.numbers[k] = None
        self.stop([k])
        return state

    def stop(self, places: list[int]) -> None:
        """Let the networks in these places train no more."""
        active = np.array(self.state.active)
        active[places] = False
        self.state = self.state._replace(active=active)

    def enter(self, states: dict[int, State]) -> None:
        """Give empty places to networks whose states these are, by number."""
        free = [k for k, number in enumerate(self.numbers) if number is None]
        rows = dict(zip(free, states.values(), strict=False))
        for k, number in zip(free, states, strict=False):
            self.numbers[k] = number
        if self.state is not None:
            self.state = copy_arrays(self.state)
            for k, row in rows.items():
                put_network(self.state, k, row)
            return
        nobody = rows[0]._replace(active=np.zeros(1, dtype=bool))
        self.state = join_states([rows.get(k, nobody) for k in range(self.size)])
