"""What a program is fed, call by call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skloss._engine._inputs import (
    Inputs,
    draw_fresh_values,
    make_first_state,
    make_inputs,
)
from skloss._engine._plan import Data, Member, Plan
from skloss._engine._program import Program
from skloss._engine._rates import Curves
from skloss._engine._state import State, as_tensors, join_states
from skloss._tensorflow import tf


class Feed:
    """Makes the inputs of a program's calls, and the states to begin with.

    Parameters
    ----------
    program : Program
    plan : Plan
    data : Data
    """

    def __init__(self, program: Program, plan: Plan, data: Data):
        self.program, self.plan, self.data = program, plan, data
        self.members, self.inputs, self.curves = None, None, None
        self.fresh = None

    def first_state(self, member: Member) -> State:
        """Return the state before a network's first epoch, of arrays with one row."""
        template = self.program.template
        if self.fresh is None:
            self.fresh = draw_fresh_values(template, self.plan)
        return make_first_state(template, self.fresh, member)

    def of_members(self, members: list[Member]) -> Inputs:
        """Return the inputs of networks, those of a last time if they are the same."""
        if self.members != members:  # they compare by identity
            template = self.program.template
            self.inputs = make_inputs(template, self.plan, self.data, members)
            self.members = members
        return self.inputs

    def of_call(
        self, members: list[Member], epochs: np.ndarray, last: Sequence, count: int
    ) -> Inputs:
        """Return the inputs of a call.

        Parameters
        ----------
        members : list of Member
            In the program's places.
        epochs : ndarray of int
            Where each stands.
        last : sequence of int
            The epoch after which the training of each ends.
        count : int
            Epochs of the call.
        """
        inputs = self.of_members(members)
        if self.curves is None:
            self.curves = Curves(self.plan, int(inputs.steps))
        return inputs._replace(
            curve=tf.convert_to_tensor(self.curves.cut(members, epochs, count)),
            count=tf.constant(count, tf.int32),
            last=tf.constant(last, tf.int32),
        )

    def explain_error(
        self, member: Member, state: State, last: int, count: int
    ) -> tf.errors.OpError | None:
        """Return what training a network raises, tried in all places of the program."""
        size = self.program.template.size
        inputs = self.of_call(
            [member] * size, state.epoch.repeat(size), [last] * size, count
        )
        try:
            self.program.run(inputs, as_tensors(join_states([state] * size)))
        except tf.errors.OpError as error:
            return error
        return None
