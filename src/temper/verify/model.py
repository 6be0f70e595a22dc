"""What every engine searches: initial states, and what follows from a state.

Engines that see nothing else of a table are exchangeable: a faster one plugs in here and is compared with the
plain search, state by state. States are hashable and canonical: two that behave alike are equal.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Protocol, TypeVar

from temper.machine import Cut, Label, Step, System, TransitionTable, Universe, relation

State = TypeVar("State", bound=Hashable)
State_contra = TypeVar("State_contra", bound=Hashable, contravariant=True)
State_co = TypeVar("State_co", covariant=True)


class Transition(Protocol[State_co]):
    """One step: what happened, and the state it leads to. `machine.Step` is one."""

    @property
    def label(self) -> Label: ...

    @property
    def system(self) -> State_co: ...


class Model(Protocol[State]):
    """A transition relation. The order of `initial` and `successors` is the same at every call.

    Traces are rebuilt by asking for the successors again, so an order that changes would change them.
    """

    def initial(self) -> Iterable[State]:
        """The states in which runs start."""
        ...

    def successors(self, state: State, /) -> Iterable[Transition[State] | Cut]:
        """Every step out of the state, and every step that a bound of the universe kept from being taken.

        A step may lead back to its own state: it is a violation on the way that makes it worth telling.
        """
        ...


class TableModel:
    """The relation of a table within a universe, as `machine.next_steps` enumerates it."""

    def __init__(self, table: TransitionTable, universe: Universe) -> None:
        self.relation = relation(table, universe)

    def initial(self) -> tuple[System]:
        return (self.relation.start(),)

    def successors(self, state: System, /) -> Iterable[Step | Cut]:
        return self.relation.steps(state)
