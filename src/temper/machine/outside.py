"""The outside: what requests do to world entities, whenever they get there (rule 4 of semantics.md section 3)."""

from __future__ import annotations

from collections.abc import Iterator

from temper.machine.cell import Address, Answer, Applied, Args, Call, Cause, Effecting, Rejected
from temper.machine.landing import Draft, Landing, Move, violations_in
from temper.machine.late import may_perform, without_older
from temper.machine.python import Environment, evaluator
from temper.machine.step import stepper
from temper.machine.successor import RANGE, Successor, Violation
from temper.machine.system import Late, System, args_key, lane_of, with_cell
from temper.machine.table import DeliveryKind, Effect, TransitionTable
from temper.machine.trace import Label
from temper.machine.value import Value, contains


class Outside:
    """Performs, staged once per table."""

    def __init__(self, table: TransitionTable, landing: Landing) -> None:
        self.landing = landing
        self.step = stepper(table)
        performing = [effect for effect in table.effects if effect.name in landing.performing]
        self._args = {
            effect.name: [(name, evaluator(table, value)) for name, value in effect.performs.args]
            for effect in performing
            if effect.performs is not None
        }
        self._told = {
            effect.name: [
                (f"{outcome.name}.{name}", evaluator(table, value))
                for outcome in effect.outcomes
                for name, value in outcome.told
            ]
            for effect in performing
        }

    def perform(self, system: System) -> Iterator[Successor]:
        """Each first request of a lane and each late one may happen now; none has to."""
        for index, request in enumerate(system.effects):
            first = not index or lane_of(system.effects[index - 1]) != lane_of(request)
            effect = self.landing.effects[request.effect]
            if first and effect.name in self.landing.performing and may_perform(effect, request):
                yield from self._perform_pending(system, index, effect)
        for number, late in enumerate(system.late):
            if not number or system.late[number - 1] != late:
                yield from self._perform_late(system, number)

    def _perform_pending(self, system: System, index: int, effect: Effect) -> Iterator[Successor]:
        request = system.effects[index]
        move = self._happen(system, effect, request)
        if move is None or move.violations:
            yield from self._rejected(system, move)
            return
        draft = Draft(system)
        draft.cells = with_cell(system.cells, move.cell)
        draft.effects[index] = request._replace(performed=self._seen(draft, effect, request))
        yield self._done(draft, move, request, effect)

    def _perform_late(self, system: System, number: int) -> Iterator[Successor]:
        request = system.late[number]
        effect = self.landing.effects[request.effect]
        move = self._happen(system, effect, request)
        if move is None or move.violations:
            yield from self._rejected(system, move)
            return
        draft = Draft(system)
        if effect.delivery is not DeliveryKind.IDEMPOTENT:
            del draft.late[number]
        yield self._done(draft, move, request, effect)

    def _rejected(self, system: System, move: Move | None) -> Iterator[Successor]:
        """What the world rejects has not happened; leaving a range there is shown all the same."""
        if move is not None:
            yield self.landing.land(system, move)

    def _done(self, draft: Draft, move: Move, request: Effecting | Late, effect: Effect) -> Successor:
        if effect.fenced:
            draft.late = without_older(draft.late, lane_of(request), request.seq)
        return self.landing.finish(draft, move)

    def _happen(self, system: System, effect: Effect, request: Effecting | Late) -> Move | None:
        """What the request does to the world's cell; None if it is rejected there."""
        assert effect.performs is not None, "only what performs gets there"
        address = Address(effect.performs.entity, effect.performs.entity)
        cell = system.cell(address)
        assert cell is not None, "the world is there from the start"
        environment = Environment(args=dict(request.args))
        args = {name: value(environment) for name, value in self._args[effect.name]}
        answer: Answer = self.step(cell, Call(Cause.MACHINE, effect.performs.action, args, 0))
        late = "late " if isinstance(request, Late) else ""
        cause = f"{late}{effect.name} of {request.owner.entity} {request.owner.id}"
        case = answer.case if isinstance(answer, Applied) else None
        label = Label("perform", address, effect.performs.action, tuple(args.items()), cause, case=case)
        if isinstance(answer, Applied):
            return self.landing.move(label, answer)
        violations = self._violations(effect, args, answer)
        return Move(label, cell, violations=violations) if violations else None

    def _violations(self, effect: Effect, args: dict[str, Value], answer: Rejected) -> tuple[Violation, ...]:
        """What must never happen out there: leaving a range, be it of what the effect passes on."""
        assert effect.performs is not None, "only what performs gets there"
        entity, action = effect.performs.entity, effect.performs.action
        params = self.landing.table.entity(entity).action(action).params
        wrong = next((param.name for param in params if not contains(param.type, args[param.name])), "")
        if wrong:
            return (Violation(RANGE, f"{entity}.{action}", answer.message, wrong),)
        return violations_in(entity, ((action, answer),))

    def _seen(self, draft: Draft, effect: Effect, request: Effecting) -> tuple[Args, ...]:
        """What was told at each perform of the request, once each, this one included."""
        view = {cell.address: cell for cell in draft.cells}
        environment = Environment(args=dict(request.args), view=view)
        seen: Args = tuple((name, value(environment)) for name, value in self._told[effect.name])
        return tuple(sorted({*request.performed, seen}, key=args_key))
