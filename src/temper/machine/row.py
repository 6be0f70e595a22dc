"""An action as one generated Python function, so that a step is a call, some comparisons and a tuple.

The function follows semantics.md section 2 from (a) to (f), in that order. `with`, send targets and `after:` read
the data after, and there `state` is the control state after, because `to` comes before deliveries and timers.
Deliveries carry the stamp and the seq of the cell they leave behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, assert_never

from temper.machine.cell import Address, Answer, Applied, Call, Cause, Cell, Effecting, Message, Site, Spawning
from temper.machine.expression import Expression, Op, parts
from temper.machine.fitting import arg_check, fits, value_check
from temper.machine.python import Constants, Names, define, python_source
from temper.machine.rejection import Place, Rejections
from temper.machine.table import (
    NEW,
    Action,
    Case,
    Entity,
    Gate,
    Parameter,
    Request,
    Send,
    Spawn,
    Template,
    Timer,
    TransitionTable,
    Update,
    action_expressions,
)
from temper.machine.value import (
    INT_MAX,
    TIME,
    MapType,
    OptionType,
    RefType,
    SetType,
    Type,
    initial,
)

Row: TypeAlias = Callable[[Cell, Call], Answer]
"""One action, staged: the whole step of a cell."""


def compile_row(table: TransitionTable, entity: Entity, action: Action, gate: Callable[..., object] | None) -> Row:
    """The step function of one action. `gate` asks the policies, and is None where there are none."""
    writer = _Writer(table, entity, action, gate)
    return define("row", writer.source(), writer.constants)


def row_source(table: TransitionTable, entity: Entity, action: Action) -> str:
    """The Python source of one action, for the curious and for tests."""
    return _Writer(table, entity, action, None).source()


class _Writer:
    """Writes the source of one action. `after` of a case is written once for each case that can be taken."""

    def __init__(
        self, table: TransitionTable, entity: Entity, action: Action, gate: Callable[..., object] | None
    ) -> None:
        self.table, self.entity, self.action, self.gate = table, entity, action, gate
        self.rejections = Rejections(table, entity, action)
        self.constants = Constants(
            {
                "new": tuple.__new__,
                "sorted": sorted,
                "tuple": tuple,
                "next": next,
                "KeyError": KeyError,
                "AssertionError": AssertionError,
                "isinstance": isinstance,
                "type": type,
                "int": int,
                "str": str,
                "PERSON": Cause.PERSON,
                "MACHINE": Cause.MACHINE,
                "Applied": Applied,
                "Cell": Cell,
                "Address": Address,
                "Effecting": Effecting,
                "Message": Message,
                "Spawning": Spawning,
                "bad_args": self.rejections.bad_args,
                "wrong_state": self.rejections.wrong_state,
                "denied": self.rejections.denied,
                "guard_false": self.rejections.guard_false,
                "no_case": self.rejections.no_case,
                "same_key_twice": self.rejections.same_key_twice,
                "out_of_range": self.rejections.out_of_range,
                "gate": gate,
            }
        )
        self.lines: list[str] = []
        self.depth = 1
        self.counter = 0
        self.indexes = {field.name: index for index, field in enumerate(entity.fields)}
        self.types: Mapping[str, Type] = {field.name: field.type for field in entity.fields}
        self.params: Mapping[str, Type] = {param.name: param.type for param in action.params}
        self.names = Names(
            fields={name: f"f{index}" for name, index in self.indexes.items()},
            args={param.name: f"a{index}" for index, param in enumerate(action.params)},
            state="s",
            self="ident",
            caller="caller",
            now="now",
        )

    # The function, top to bottom.

    def source(self) -> str:
        self.lines = ["def row(cell, call):"]
        self.write("entity, ident, s, data, timers, clock, seq = cell")
        self.write("cause, action, args, now, caller, roles, fresh = call")
        self.write("if now < clock: raise AssertionError('the clock of a cell never falls')")
        self.write_args()
        self.write_sources()
        self.write_gate()
        if self.touches_data():
            self.write("".join(f"f{index}, " for index in self.indexes.values()) + "= data")
        if self.action.guard is not None:
            self.write(f"if not {self.read(self.action.guard)}: return guard_false(cell, call)")
        written = self.write_updates(self.action.updates)
        for number, case in enumerate(self.action.cases):
            self.write_case(number, case, written)
            if case.guard is None:
                break
        else:
            self.write("return no_case(cell, call)")
        return "\n".join(self.lines)

    def write_args(self) -> None:
        params = self.action.params
        self.write(f"if len(args) != {len(params)}: return bad_args(call)")
        if not params:
            return
        self.write("try:")
        for index, param in enumerate(params):
            self.write(f" a{index} = args[{param.name!r}]")
        self.write("except KeyError: return bad_args(call)")
        for index, param in enumerate(params):
            self.write(f"if not ({arg_check(param.type, f'a{index}', self.constants)}): return bad_args(call)")

    def write_sources(self) -> None:
        sources = self.action.sources
        outside = f"s != {sources[0]!r}" if len(sources) == 1 else f"s not in {self.constants.name(frozenset(sources))}"
        self.write(f"if {outside}: return wrong_state(cell)")

    def write_gate(self) -> None:
        """Who may: the machine always, and for people what `by:` and the policies say."""
        self.write("permitted = ''")
        self.write("if cause is PERSON:")
        self.depth += 1
        self.write_person()
        self.depth -= 1
        self.write("elif cause is not MACHINE:")
        self.write(" pass" if self.action.gate is Gate.ENVIRONMENT else " return denied(call)")
        if any(node.op is Op.CALLER for node in self.expressions()):
            self.write(
                "if caller is None: raise AssertionError('an action that reads `caller` is called by a principal')"
            )

    def write_person(self) -> None:
        match self.action.gate:
            case Gate.ROLES:
                for index, role in enumerate(self.action.roles):
                    self.write(f"{'el' if index else ''}if {role!r} in roles: permitted = {role!r}")
                self.write("else: return denied(call)")
                if self.gate is not None:
                    self.write("decision = gate(cell, call)")
                    self.write("if decision.forbids: return denied(call, decision)")
            case Gate.POLICY:
                if self.gate is None:
                    self.write("return denied(call)")
                    return
                self.write("decision = gate(cell, call)")
                self.write("if not decision.permits: return denied(call, decision)")
                self.write("permitted = decision.by")
            case Gate.MACHINE | Gate.ENVIRONMENT:
                self.write("return denied(call)")
            case _:
                assert_never(self.action.gate)

    def write_case(self, number: int, case: Case, common: Iterable[str]) -> None:
        if case.guard is not None:
            self.write(f"if {self.read(case.guard)}:")
            self.depth += 1
        for check in common:
            self.write(check)
        for check in self.write_updates(case.updates):
            self.write(check)
        spawns = self.write_children(case)
        after = self.names._replace(state="s" if case.target is None else repr(case.target))
        timers = self.write_timers(case, after)
        deliveries = self.write_deliveries(number, case, after, spawns)
        control = "s" if case.target is None else repr(case.target)
        cell = f"new(Cell, ({self.entity.name!r}, ident, {control}, {self.data(case)}, {timers}, now, seq + 1))"
        self.write(f"return new(Applied, ({cell}, {deliveries}, {number}, permitted))")
        if case.guard is not None:
            self.depth -= 1

    # Updates.

    def write_updates(self, updates: tuple[Update, ...]) -> list[str]:
        """Simultaneous: every value is computed before any is assigned. Gives the range checks, to be written later.

        That two keys are equal is found at once: there is no data after for a case to look at.
        """
        checks: list[str] = []
        values = []
        for update in updates:
            value, key = self.fresh(update.value), None if update.key is None else self.fresh(update.key)
            checks += self.update_checks(update, value, key)
            values.append((update, value, key))
        for check in self.key_checks(values):
            self.write(check)
        for update, value, key in values:
            name = self.names.fields[update.name]
            if key is None:
                self.write(f"{name} = {value}")
            else:
                map_type = self.types[update.name]
                assert isinstance(map_type, MapType), f"only a map is updated by key, and {update.name} is none"
                start = self.constants.name(initial(map_type.value))
                self.write(f"{name} = {name}.put({key}, {value}, initial={start})")
        return checks

    def update_checks(self, update: Update, value: str, key: str | None) -> list[str]:
        type_ = self.types[update.name]
        if key is None:
            return self.checks(f"`{update.name}`", type_, update.value, value)
        assert isinstance(type_, MapType), f"only a map is updated by key, and {update.name} is none"
        assert update.key is not None, "a key that was computed was written"
        return self.checks(f"a key of `{update.name}`", type_.key, update.key, key) + self.checks(
            f"`{update.name}[…]`", type_.value, update.value, value
        )

    def key_checks(self, values: list[tuple[Update, str, str | None]]) -> list[str]:
        """Two keys of one map in one `set` must differ; which one would win is nobody's guess."""
        keyed = [(update, key) for update, _, key in values if key is not None]
        return [
            f"if {key} == {other_key}: return same_key_twice({update.name!r}, {key})"
            for index, (update, key) in enumerate(keyed)
            for other, other_key in keyed[index + 1 :]
            if update.name == other.name and not _differ(update.key, other.key)
        ]

    def data(self, case: Case) -> str:
        changed = self.action.updates or case.updates or any(_into(template) for template in case.deliveries)
        return "(" + "".join(f"f{index}, " for index in self.indexes.values()) + ")" if changed else "data"

    # Timers.

    def write_timers(self, case: Case, after: Names) -> str:
        """Disarm on leaving, arm on entering or restarting, keep within; gives the source of the new timers."""
        if not self.entity.timers:
            return "()"
        if case.target is None and not case.restarts:
            return "timers"
        armed = [self.write_timer(index, timer, case, after) for index, timer in enumerate(self.entity.timers)]
        return "(" + "".join(armed) + ")"

    def write_timer(self, index: int, timer: Timer, case: Case, after: Names) -> str:
        fates = {state: _fate(timer, case, state) for state in self.action.sources}
        kept = f"[armed for armed in timers if armed[0] == {timer.name!r}]"
        match sorted(set(fates.values())):
            case ["disarm"]:
                return ""
            case ["keep"]:
                return f"*{kept}, "
            case ["arm"]:
                self.write_due(index, timer, after)
                return f"({timer.name!r}, d{index}), "
            case _:
                arming = self.constants.name(frozenset(state for state, fate in fates.items() if fate == "arm"))
                keeping = self.constants.name(frozenset(state for state, fate in fates.items() if fate == "keep"))
                self.write(f"if s in {arming}:")
                self.depth += 1
                self.write_due(index, timer, after)
                self.write(f"e{index} = (({timer.name!r}, d{index}),)")
                self.depth -= 1
                self.write(f"else: e{index} = {kept} if s in {keeping} else ()")
                return f"*e{index}, "

    def write_due(self, index: int, timer: Timer, after: Names) -> None:
        self.write(f"d{index} = now + max(0, {self.read(timer.after, after)})")
        place = self.constants.name(Place(f"the due time of timer `{timer.name}`", TIME))
        self.write(f"if d{index} > {INT_MAX}: return out_of_range({place}, d{index})")

    # Deliveries.

    def write_children(self, case: Case) -> dict[int, str]:
        """The ids of what the case spawns, in order, put into their fields at once."""
        positions = [at for at, template in enumerate(case.deliveries) if isinstance(template, Spawn)]
        if positions:
            self.write(f"if len(fresh) < {len(positions)}: raise AssertionError('a spawn needs a fresh id')")
        children = {position: f"fresh[{count}]" for count, position in enumerate(positions)}
        for position, child in children.items():
            into = _into(case.deliveries[position])
            if into:
                self.write(f"{self.names.fields[into]} = {child}")
        return children

    def write_deliveries(self, number: int, case: Case, after: Names, children: Mapping[int, str]) -> str:
        if not case.deliveries:
            return "()"
        self.write(f"owner = new(Address, ({self.entity.name!r}, ident))")
        written = []
        for position, template in enumerate(case.deliveries):
            site = self.constants.name(Site(self.entity.name, self.action.name, number, position))
            match template:
                case Request():
                    written.append(self.write_request(template, site, after))
                case Send():
                    written.append(self.write_send(template, site, after))
                case Spawn():
                    written.append(self.write_spawn(template, site, after, children[position]))
                case _:
                    assert_never(template)
        return "(" + "".join(f"{part}, " for part in written) + ")"

    def write_request(self, template: Request, site: str, after: Names) -> str:
        params = self.table.effect(template.effect).params
        args = self.write_passed(template.effect, params, template.args, after)
        return f"new(Effecting, (owner, {site}, {template.effect!r}, {args}, now, seq + 1, 0, ()))"

    def write_send(self, template: Send, site: str, after: Names) -> str:
        params = self.table.entity(template.entity).action(template.action).params
        to = f"t{self.count()}"
        self.write(f"{to} = {self.read(template.to, after)}")
        message = (
            f"new(Message, (owner, {site}, new(Address, ({template.entity!r}, {{to}})), "
            f"{template.action!r}, {{args}}, now, seq + 1, 0))"
        )
        match template.to.type:
            case RefType():
                args = self.write_passed(template.action, params, template.args, after)
                return message.format(to=to, args=args)
            case OptionType(RefType()):
                args = self.write_passed(template.action, params, template.args, after, unless=f"{to} is None")
                return f"*(() if {to} is None else ({message.format(to=to, args=args)},))"
            case SetType(RefType()):
                args = self.write_passed(template.action, params, template.args, after, unless=f"not {to}")
                return f"*[{message.format(to='one', args=args)} for one in sorted({to})]"
            case other:
                raise AssertionError(f"a message goes to a reference, an optional one or a set, not to {other}")

    def write_spawn(self, template: Spawn, site: str, after: Names, child: str) -> str:
        params = self.table.entity(template.entity).action(template.action).params
        args = self.write_passed(template.action, params, template.args, after)
        address = f"new(Address, ({template.entity!r}, {child}))"
        return f"new(Spawning, (owner, {site}, {address}, {template.action!r}, {args}, now, seq + 1))"

    def write_passed(
        self,
        whom: str,
        params: tuple[Parameter, ...],
        given: tuple[tuple[str, Expression], ...],
        after: Names,
        unless: str = "",
    ) -> str:
        """The arguments handed on, in the order of the parameters, checked if anything is handed on at all."""
        found = dict(given)
        checks: list[str] = []
        pairs = []
        for param in params:
            if param.name not in found:
                continue
            value = self.fresh(found[param.name], after)
            checks += self.checks(f"`{param.name}` of `{whom}`", param.type, found[param.name], value)
            pairs.append(f"({param.name!r}, {value}), ")
        if checks and unless:
            self.write(f"if not ({unless}):")
        for check in checks:
            self.write(f" {check}" if unless else check)
        return "(" + "".join(pairs) + ")"

    # Small things.

    def write(self, line: str) -> None:
        self.lines.append(" " * self.depth + line)

    def count(self) -> int:
        self.counter += 1
        return self.counter

    def read(self, expression: Expression, names: Names | None = None) -> str:
        return python_source(expression, names or self.names, self.constants, self.table)

    def fresh(self, expression: Expression, names: Names | None = None) -> str:
        """The name of a new local that holds the value now, whatever is assigned later."""
        source = self.read(expression, names)
        if expression.op in _FIXED:
            return source
        name = f"n{self.count()}"
        self.write(f"{name} = {source}")
        return name

    def checks(self, what: str, type_: Type, expression: Expression, value: str) -> list[str]:
        if fits(expression, type_, fields=self.types, params=self.params, unborn=NEW in self.action.sources):
            return []
        check = value_check(type_, value, self.constants)
        place = self.constants.name(Place(what, type_))
        return [f"if not ({check}): return out_of_range({place}, {value})"] if check else []

    def touches_data(self) -> bool:
        updates = self.action.updates or any(case.updates for case in self.action.cases)
        into = any(_into(template) for case in self.action.cases for template in case.deliveries)
        reads = any(node.op is Op.FIELD for node in self.expressions())
        return bool(self.indexes) and bool(updates or into or reads)

    def expressions(self) -> Iterable[Expression]:
        """Every node of everything that a step of this action may evaluate."""
        timers = [timer.after for timer in self.entity.timers]
        for expression in (*action_expressions(self.action), *timers):
            yield from parts(expression)


_FIXED = frozenset({Op.LITERAL, Op.ARGUMENT, Op.SELF, Op.CALLER, Op.NOW})


def _fate(timer: Timer, case: Case, source: str) -> str:
    target = source if case.target is None else case.target
    if target not in timer.states:
        return "disarm"
    return "arm" if source not in timer.states or timer.name in case.restarts else "keep"


def _into(template: Template) -> str:
    return template.into if isinstance(template, Spawn) else ""


def _differ(one: Expression | None, other: Expression | None) -> bool:
    """Whether two keys are literals that are not equal."""
    literals = one is not None and other is not None and one.op is other.op is Op.LITERAL
    return literals and one.value != other.value  # type: ignore[union-attr]
