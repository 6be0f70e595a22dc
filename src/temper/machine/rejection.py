"""What a rejection says: one sentence and the facts it rests on, worked out only when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from temper.machine.cell import Call, Cell, Facts, Rejected
from temper.machine.expression import Expression, Op, parts
from temper.machine.policy import Decision
from temper.machine.python import Environment, evaluator, free_variables
from temper.machine.table import NEW, Action, Entity, Gate, TransitionTable
from temper.machine.text import text
from temper.machine.value import Type, Value, contains, show


class Place(NamedTuple):
    """Where a value was to go, in words, and the type it has to be in there."""

    what: str
    type: Type


Told = tuple[str, Facts]


class Rejections:
    """The rejections of one action. Each method makes one, cheaply; what it says is told later."""

    def __init__(self, table: TransitionTable, entity: Entity, action: Action) -> None:
        self.table, self.entity, self.action = table, entity, action
        self._said: dict[str, _Guards] = {}

    def bad_args(self, call: Call) -> Rejected:
        return Rejected("bad-args", because=partial(self._bad_args, call))

    def wrong_state(self, cell: Cell) -> Rejected:
        return Rejected("wrong-state", because=partial(self._wrong_state, cell))

    def denied(self, call: Call, decision: Decision | None = None) -> Rejected:
        return Rejected("denied", because=partial(self._denied, call, decision))

    def guard_false(self, cell: Cell, call: Call) -> Rejected:
        return Rejected("guard-false", because=partial(self._guard_false, cell, call))

    def no_case(self, cell: Cell, call: Call) -> Rejected:
        return Rejected("no-case", because=partial(self._no_case, cell, call))

    def same_key_twice(self, name: str, key: Value) -> Rejected:
        return Rejected("same-key-twice", because=partial(self._same_key_twice, name, key))

    def out_of_range(self, place: Place, value: Value) -> Rejected:
        return Rejected("out-of-range", because=partial(self._out_of_range, place, value))

    def _bad_args(self, call: Call) -> Told:
        wanted = {param.name: param.type for param in self.action.params}
        name = self.action.name
        for param, type_ in wanted.items():
            if param not in call.args:
                return f"`{name}` needs the argument `{param}`", (("argument", param), ("type", str(type_)))
            if not contains(type_, call.args[param]):
                given = _shown(type_, call.args[param])
                facts = (("argument", param), ("type", str(type_)), ("given", given))
                return f"the argument `{param}` of `{name}` must be {type_}, not {given}", facts
        unknown = next(arg for arg in call.args if arg not in wanted)
        takes = ", ".join(wanted) or "none"
        return f"`{name}` has no argument `{unknown}`", (("argument", str(unknown)), ("takes", takes))

    def _wrong_state(self, cell: Cell) -> Told:
        facts = (("state", cell.control), ("from", ", ".join(self.action.sources)))
        who = f"{self.entity.name} `{cell.id}`"
        if cell.control == NEW:
            return f"{who} does not exist", facts
        if self.action.is_constructor:
            return f"{who} exists already, and `{self.action.name}` makes a new one", facts
        starts = " or ".join(self.action.sources)
        return f"{who} is in state {cell.control}, and `{self.action.name}` starts in {starts}", facts

    def _denied(self, call: Call, decision: Decision | None) -> Told:
        who = f"`{call.caller}`" if call.caller is not None else f"the {call.cause}"
        name = f"`{self.entity.name}.{self.action.name}`"
        roles = (("caller", str(call.caller)), ("roles", ", ".join(sorted(call.roles)) or "none"))
        if decision is not None:
            return f"{who} may not call {name}: {decision.reason}", (*roles, *decision.facts)
        match self.action.gate:
            case Gate.MACHINE:
                return f"nobody calls {name}: only the machine does", roles
            case Gate.ENVIRONMENT:
                return f"nobody calls {name}: only the environment does", roles
            case Gate.POLICY:
                return f"{who} may not call {name}: no policy permits it", roles
            case Gate.ROLES:
                needed = " or ".join(self.action.roles)
                return f"{who} may not call {name}: it takes the role {needed}", (*roles, ("needed", needed))

    def _guard_false(self, cell: Cell, call: Call) -> Told:
        guard = self.action.guard
        assert guard is not None, "only a guard can be false"
        said = self._guards("guard", (guard,))
        facts = (("guard", said.texts[0]), *self._values(said, cell, call))
        return f"the guard of `{self.action.name}` does not hold: {said.texts[0]}", facts

    def _no_case(self, cell: Cell, call: Call) -> Told:
        said = self._guards("case", tuple(case.guard for case in self.action.cases if case.guard is not None))
        facts = (*(("case", guard) for guard in said.texts), *self._values(said, cell, call))
        return f"none of the cases of `{self.action.name}` matches", facts

    def _same_key_twice(self, name: str, key: Value) -> Told:
        facts = (("field", name), ("key", str(key)))
        return f"`{self.action.name}` sets `{name}` twice under the same key {key}", facts

    def _out_of_range(self, place: Place, value: Value) -> Told:
        shown = _shown(place.type, value)
        facts = (("place", place.what.replace("`", "")), ("type", str(place.type)), ("value", shown))
        return f"{place.what} would become {shown}, which is no {place.type}", facts

    def _guards(self, what: str, guards: tuple[Expression, ...]) -> _Guards:
        """The guards in words, worked out for the first call that they reject: callers may be rejected often."""
        if (said := self._said.get(what)) is None:
            said = self._said[what] = _Guards(tuple(map(text, guards)), tuple(self._read(guards)))
        return said

    def _read(self, guards: Iterable[Expression]) -> Iterator[_Reads]:
        """What the guards read, by name, each once."""
        seen = set()
        for guard in guards:
            for node in parts(guard):
                if node.op in _NAMED and not free_variables(node) and (name := text(node)) not in seen:
                    seen.add(name)
                    yield _Reads(name, node.type, evaluator(self.table, node))

    def _values(self, said: _Guards, cell: Cell, call: Call) -> Iterator[tuple[str, str]]:
        """What the guards read, as it was before the call."""
        fields = {field.name: value for field, value in zip(self.entity.fields, cell.data, strict=True)}
        environment = Environment(fields, call.args, cell.control, cell.id, call.caller, call.now)
        return ((name, _shown(type_, value(environment))) for name, type_, value in said.reads)


class _Reads(NamedTuple):
    """A value that a guard reads."""

    name: str
    type: Type
    value: Callable[[Environment], Value]


class _Guards(NamedTuple):
    """Guards as the blueprint writes them, and what they read."""

    texts: tuple[str, ...]
    reads: tuple[_Reads, ...]


_NAMED = frozenset({Op.FIELD, Op.STATE, Op.SELF, Op.CALLER, Op.NOW, Op.ARGUMENT})


def _shown(type_: Type, value: object) -> str:
    """The value as a blueprint writes it; anything that is no value of the type as Python shows it, shortened."""
    if contains(type_, value):
        return show(type_, value)  # type: ignore[arg-type]
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
