"""Healing: faults end, everybody answers, and then everything must settle (fairness, semantics.md section 5).

What was pending when it began must be settled, every timer that was armed must fire or be disarmed, every request that
has a key must get its answer. What an `eventually` promises must come about, with the actions and outcomes that it
assumes: callers call those wherever they may, and outcomes take turns.
"""

from __future__ import annotations

from collections.abc import Iterator

from temper.machine import Applied, Binding, Gate, Property, to_json
from temper.verify.simulate.moves import Answers, Asks, Halts, Leases, Reloads, Waits
from temper.verify.simulate.outside import Attempt, unanswered
from temper.verify.simulate.rules import BrokenError
from temper.verify.simulate.simulation import Simulation

ROUNDS_MAX = 400
"""How often time goes on to what is due next before it counts as never."""
GRACE = 120_000
"""Milliseconds: longer than any back-off, so that whatever can be tried is tried."""
ASSUMED_MAX = 40
"""How many calls that are assumed are made in one round."""


class Heal:
    """Leads a run to its end. `unmet` names promises that were not kept within the rounds."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.unmet: dict[str, str] = {}
        self._turns: dict[tuple[str, str, str], int] = {}
        self._name = max(simulation.callers.requests, default=0)
        properties = simulation.ground.properties
        self._promised, self._looks = properties.promised, properties.promises
        self._assumed = tuple(dict.fromkeys(pair for each in self._promised for pair in each.assuming))

    def go(self) -> None:
        """Until everything has settled, or it counts as never."""
        simulation = self.simulation
        self._end_faults()
        owed = _Owed(simulation)
        asked = {each.name: self._asked(each) for each in self._promised}
        for _ in range(ROUNDS_MAX):
            self._round()
            if simulation.failure is not None:
                return
            asked = {name: left for name, before in asked.items() if (left := self._left(name, before))}
            if not owed.left() and not asked:
                break
        self._end(owed, asked)

    def _end_faults(self) -> None:
        simulation = self.simulation
        simulation.calm()
        simulation.play(Waits(GRACE))
        simulation.play(Reloads(0))
        simulation.play(Waits(1_000))

    def _round(self) -> None:
        """Everybody who waits is answered, whoever has no answer asks again, and time goes on."""
        simulation = self.simulation
        simulation.rest()
        for effect in simulation.paused():
            simulation.play(Halts(effect, again=True))
        simulation.rest()
        for effect in sorted(simulation.outside.hired):
            simulation.play(Leases("w1", effect))
        simulation.rest()
        answered: list[Attempt] = []
        while simulation.failure is None and (attempt := self._waiting(answered)) is not None:
            answered.append(attempt)
            self._answer(attempt)
            simulation.rest()
        for request in list(simulation.callers.requests.values()):
            if request.is_open and request.move.key is not None:
                simulation.play(request.move)
        for move in self._calls():
            simulation.play(move)
        due = simulation.next_due()
        simulation.play(Waits(1_000 if due is None else max(1, due - simulation.now)))

    def _waiting(self, answered: list[Attempt]) -> Attempt | None:
        """An attempt that was not answered in this round; a worker may have to bring its answer again."""
        return next((each for each in unanswered(self.simulation.outside) if each not in answered), None)

    def _answer(self, attempt: Attempt) -> None:
        """Outcomes take turns at each lane, among those that can be once it was performed."""
        simulation, (address, name) = self.simulation, attempt.lane
        effect = simulation.table.effect(name)
        lane = [each for each in simulation.outside.attempts if each.lane == attempt.lane]
        place = (address.entity, address.id, name, lane.index(attempt))
        if effect.performs is not None:
            simulation.play(Answers(*place, performs=True))
        able = [outcome for outcome in effect.outcomes if simulation.outside.can_answer(attempt, outcome)]
        if not able:
            simulation.play(Answers(*place, refuses="nothing can be answered truly"))
            return
        turn = self._turns[address.entity, address.id, name] = self._turns.get((*address, name), -1) + 1
        outcome = able[turn % len(able)]
        values = simulation.ground.universe.values_of
        fields = {
            field.name: to_json(field.type, values(field.type)[turn % len(values(field.type))])
            for field in outcome.fields
        }
        simulation.play(Answers(*place, said={"outcome": outcome.name, "fields": fields}))

    def _calls(self) -> Iterator[Asks]:
        """Whatever an `eventually` assumes to be called, by somebody who may, with something that fits."""
        simulation, ground = self.simulation, self.simulation.ground
        entities = {entity.name: entity for entity in simulation.table.entities}
        made = 0
        for of, name in self._assumed:
            if of not in entities or entities[of].action(name).gate not in {Gate.ROLES, Gate.POLICY}:
                continue
            for cell in [cell for cell in simulation.shadow.cells.values() if cell.entity == of]:
                offers = [offer for offer in ground.offers.to(of, cell.control) if offer.action == name]
                fits = (
                    o
                    for o in offers
                    if isinstance(ground.step(cell, o.call._replace(now=cell.clock, fresh=_IDS)), Applied)
                )
                if (offer := next(fits, None)) is None or made >= ASSUMED_MAX:
                    continue
                made += 1
                self._name += 1
                types = ground.types[of, name]
                args = {key: to_json(types[key], value) for key, value in offer.call.args.items()}
                yield Asks(self._name, offer.call.caller or "", offer.call.roles, of, cell.id, name, args)

    # Promises

    def _asked(self, property_: Property) -> set[Binding]:
        asked, met = self._looks[property_.name](self.simulation.watch.view)
        return set(asked) - set(met)

    def _left(self, name: str, before: set[Binding]) -> set[Binding]:
        return before - set(self._looks[name](self.simulation.watch.view)[1])

    def _end(self, owed: _Owed, asked: dict[str, set[Binding]]) -> None:
        simulation = self.simulation
        for name, bindings in asked.items():
            who = ", ".join(f"{variable} = {id_}" for variable, id_ in next(iter(bindings)))
            self.unmet[name] = f"not met within {ROUNDS_MAX} rounds after faults ended, for {who}"
        if left := owed.left():
            simulation.broken(BrokenError("settles", f"faults have ended, and {left}"))


class _Owed:
    """What there was when faults ended, and must not stay as it is."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._pending = {pending.key for pending in simulation.shadow.pending.values()}
        self._armed = {
            (address, timer): due for address, cell in simulation.shadow.cells.items() for timer, due in cell.timers
        }

    def left(self) -> str:
        """What is still as it was; empty if nothing is."""
        shadow, callers = self._simulation.shadow, self._simulation.callers
        if still := [pending.key for pending in shadow.pending.values() if pending.key in self._pending]:
            return f"the delivery {still[0][0]}-{still[0][1]} is pending for ever"
        armed = {(address, timer): due for address, cell in shadow.cells.items() for timer, due in cell.timers}
        if late := [timer for timer, due in self._armed.items() if armed.get(timer) == due]:
            (address, name) = late[0]
            return f"the timer `{name}` of {address.entity} {address.id} stays armed for ever"
        if silent := [request.move for request in callers.requests.values() if request.is_open and request.move.key]:
            return f"the request {silent[0].name} ({silent[0].action} under {silent[0].key}) is never answered"
        if self._simulation.process.runtime is None:
            return "the runtime does not open"
        return ""


_IDS = tuple(f"?{number}" for number in range(20))
