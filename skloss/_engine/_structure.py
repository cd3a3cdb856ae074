"""What can share a plan, a pool, a program: one definition, in parts.

A structure is what a compiled graph depends on. Its parts are those of a plan, of the
data and of a member. Who shares what is said in these parts, and in the numbers that
there is only one of:

- jobs whose ``PlanKind`` is equal are fused into one plan,
- members of a plan whose ``PoolKind`` is equal train in pools together,
- pools whose ``Structure`` is equal share a program.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from skloss import networks
from skloss._engine._plan import REGULARIZERS, Data, Member, Plan, count_steps
from skloss._engine._varying_numbers import list_varying
from skloss.losses import Task


@dataclass(frozen=True)
class PlanStructure:
    """What a graph depends on of a plan."""

    network: Any
    task: Task
    batch_size: int
    dtype: str
    recorded: bool  # each layer's norms

    @classmethod
    def of(cls, plan: Plan) -> "PlanStructure":
        """Return the structure of a plan."""
        network = networks.structure(plan.network)
        return cls(network, plan.task, plan.batch_size, plan.dtype, plan.record)


@dataclass(frozen=True)
class DataStructure:
    """What a graph depends on of the data, whatever the number of rows."""

    n_features: int
    sparse: bool
    n_facts: int

    @classmethod
    def of(cls, data: Data) -> "DataStructure":
        """Return the structure of a table."""
        return cls(data.X.shape[1], sparse.issparse(data.X), data.n_facts)


@dataclass(frozen=True)
class MemberStructure:
    """What a graph depends on of a member, the same for all networks of a program."""

    loss: tuple
    n_raw: int
    n_global: int  # of the raw outputs, the last: the same for every row
    optimizer: tuple
    averages: bool  # averaged weights are part of the state
    validation: bool
    scored_outside: bool  # Python scores each epoch

    @classmethod
    def of(cls, plan: Plan, data: Data, member: Member) -> "MemberStructure":
        """Return the structure of a member of a plan."""
        return cls(
            loss=member.loss.structure(),
            n_raw=member.loss.n_raw(plan.task),
            n_global=member.loss.n_global(plan.task),
            optimizer=member.optimizer.structure(),
            averages=member.weight_averaging > 0,
            validation=len(data.streams[member.stream].val_rows) > 0,
            scored_outside=member.scorer is not None,
        )


@dataclass(frozen=True)
class PlanKind:
    """What plans must have in common to be fused into one."""

    plan: PlanStructure
    data: DataStructure
    epochs: int
    horizon: int | None
    seed: int

    @classmethod
    def of(cls, plan: Plan, data: Data) -> "PlanKind":
        """Return the kind of a plan and its data."""
        return cls(
            PlanStructure.of(plan),
            DataStructure.of(data),
            plan.epochs,
            plan.horizon,
            plan.seed,
        )


@dataclass(frozen=True)
class PoolKind:
    """What members of a plan must have in common to train in one pool.

    A pool has one number of steps an epoch, since a step on padding alone would still
    move an optimiser with momentum.
    """

    member: MemberStructure
    steps: int
    first_epoch: int

    @classmethod
    def of(cls, plan: Plan, data: Data, member: Member) -> "PoolKind":
        """Return the kind of a member of a plan."""
        return cls(
            MemberStructure.of(plan, data, member),
            count_steps(plan, data.streams[member.stream]),
            member.first_epoch,
        )


@dataclass(frozen=True)
class Structure:
    """What must be equal for pools to share a compiled program: no numbers."""

    plan: PlanStructure
    data: DataStructure
    member: MemberStructure
    drops: bool  # any network has dropout
    regularizers: tuple  # those of REGULARIZERS that any network uses
    varying: tuple  # names of the numbers that change by epoch in any network
    size: int  # places for networks
    compiled: bool  # by XLA

    @classmethod
    def of(
        cls, plan: Plan, data: Data, members: list[Member], size: int, compiled: bool
    ) -> "Structure":
        """Return the structure of a program for members of one kind."""
        return cls(
            plan=PlanStructure.of(plan),
            data=DataStructure.of(data),
            member=MemberStructure.of(plan, data, members[0]),
            drops=any(np.any(member.all_values("dropout") > 0) for member in members),
            regularizers=tuple(
                name
                for name, off in REGULARIZERS.items()
                if any(np.any(member.all_values(name) != off) for member in members)
            ),
            varying=list_varying(members),
            size=size,
            compiled=compiled,
        )

    def join(self, other: "Structure | None") -> "Structure":
        """Return what serves the members of another structure of this kind, too."""
        if other is None:
            return self
        used = {*self.regularizers, *other.regularizers}
        return replace(
            self,
            drops=self.drops or other.drops,
            regularizers=tuple(name for name in REGULARIZERS if name in used),
            varying=tuple(sorted({*self.varying, *other.varying})),
        )


def partition(
    plan: Plan, data: Data, members: dict[int, Member]
) -> dict[PoolKind, dict[int, Member]]:
    """Return the members, by number, of each kind."""
    kinds = {}
    for number, member in members.items():
        kinds.setdefault(PoolKind.of(plan, data, member), {})[number] = member
    return kinds
