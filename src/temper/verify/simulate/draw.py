"""Drawing moves from a seed, with an eye on what is there: calls that fit now, answers to what was asked."""

from __future__ import annotations

import random
from collections.abc import Mapping

from temper.machine import (
    NEW,
    Address,
    Applied,
    Cell,
    Gate,
    Offer,
    Outcome,
    Parameter,
    absent,
    to_json,
)
from temper.verify.simulate.disk import WriteFault
from temper.verify.simulate.ground import Ground
from temper.verify.simulate.moves import (
    Answers,
    Asks,
    Crashes,
    Deafens,
    Frees,
    Halts,
    Happens,
    Hires,
    Jumps,
    Leases,
    Move,
    Prolongs,
    Reloads,
    Runs,
    Waits,
    Writes,
)
from temper.verify.simulate.outside import Attempt
from temper.verify.simulate.simulation import Simulation

UNDER_WAY_MAX = 24
"""How many requests are under way at most."""
ACTIVE_MAX = 5
"""How many instances of an entity that are not at their end the callers keep up at most."""
TRIES = 3
"""How often another call is drawn where one would be rejected."""
REJECTED = 0.2
"""How often it is made all the same then: what is rejected must be told truly, and changes nothing."""
DISK = (
    WriteFault.BEFORE,
    WriteFault.BEFORE,
    WriteFault.AFTER,
    WriteFault.AFTER,
    WriteFault.UNSURE,
    WriteFault.UNSURE_AFTER,
)
WARY_FACTOR = 6
"""How much more often a write fails that may be one of those that matter most: a version is loaded by it."""
OFTEN = (0, 1, 1, 4)
"""How many times as often as usual a fault happens in a run."""
PATIENCE = (0.0, 0.02, 0.06)
"""How much of a run more than usual is spent waiting for what comes with time."""
HIRED = (0, 0, 0.3, 0.8)
"""How likely it is in a run that an effect is carried out by workers."""
TAKEN = 0.3
"""How often the id of a spawn that is on its way is asked for, where there is one."""
LEASING = 0.12
"""How much of a run in which there are workers is about them."""
REDRAWN_MAX = 12
"""How often a move is drawn again that would do nothing; then time goes on."""
WORKERS = ("w1", "w2")
NONSENSE: tuple[object, ...] = ("what?", 7, None, {"outcome": "no-such-outcome"}, {"fields": {}}, [])
JUMP_MAX = 120_000


class Draw:
    """The moves of one seed. `within` keeps to the ids of the scope, so that a search knows every state."""

    def __init__(self, ground: Ground, seed: int | str, faults: Mapping[str, float], *, within: bool = False) -> None:
        table = ground.tables[0]
        self._chance = random.Random(f"{seed}")  # noqa: S311 (a simulation is to be repeated, not to be secret)
        # Each run has some faults often, some never: what takes two of one kind happens where that kind is frequent.
        self._faults = {name: rate * self._chance.choice(OFTEN) for name, rate in faults.items()}
        self._table, self._within = table, within
        self._universe, self._offers, self._step = ground.universe, ground.offers, ground.step
        self._final = {entity.name: frozenset(entity.final) for entity in table.entities}
        self._living = [entity for entity in table.entities if not entity.world]
        self._open_to = tuple(
            entity.name
            for entity in self._living
            if any(NEW in action.sources and action.gate in {Gate.ROLES, Gate.POLICY} for action in entity.actions)
        )
        self._params = {
            (entity.name, action.name): action.params for entity in table.entities for action in entity.actions
        }
        self._environment = tuple(
            (entity.name, action)
            for entity in table.entities
            if entity.world
            for action in entity.actions
            if action.gate is Gate.ENVIRONMENT
        )
        self._people = self._universe.principals
        self._name = 0
        self._wary = 0
        self._given: dict[str, list[str | None]] = {}
        """The ids that were asked for, None where the runtime was to draw one."""
        self._effects = {effect.name: effect for effect in table.effects}
        hired = self._chance.choice(HIRED)
        self._hired = [name for name in self._effects if self._chance.random() < hired]
        """Effects that workers carry out in this run."""
        self._patience = self._chance.choice(PATIENCE)

    def next(self, simulation: Simulation) -> Move:
        """The next move of this seed in this run. What would do nothing is drawn again, lest a run be idle moves."""
        for _ in range(REDRAWN_MAX):
            if (move := self._drawn(simulation)) is not None:
                return move
        return self._wait(simulation)

    def _drawn(self, simulation: Simulation) -> Move | None:
        chance, process = self._chance, simulation.process
        if self._faults and (fault := self._fault(simulation)) is not None:
            return fault
        if self._hired and chance.random() < LEASING:
            return self._work(simulation)
        drawn = chance.random()
        waiting = simulation.callers.waiting
        if drawn < 0.55 and waiting < UNDER_WAY_MAX:
            asked = self._ask(simulation)
            if asked is not None:
                return asked
        if drawn < 0.75 and process.writes:
            return self._write()
        if drawn < 0.86 and simulation.outside.attempts:
            return self._answer(simulation, chance.choice(simulation.outside.attempts))
        if drawn < 0.92 - self._patience or (waiting and chance.random() >= self._patience):
            callbacks = chance.randint(1, 40)
            return None if process.loop.is_idle else Runs(callbacks)
        if self._environment and drawn < 0.94:
            entity, action = chance.choice(self._environment)
            return Happens(entity, action.name, self._args(action.params))
        return self._wait(simulation)

    def is_done(self, simulation: Simulation) -> bool:
        """Whether every instance that callers may make is at its end, and nothing is under way."""
        if any(len(self._given.get(entity, ())) < len(self._universe.ids_of(entity)) for entity in self._open_to):
            return False
        shadow = simulation.shadow
        is_moving = shadow.pending or simulation.callers.waiting or simulation.process.writes
        ends = all(cell.control in self._final[cell.entity] for cell in shadow.cells.values())
        return ends and not is_moving and bool(self._open_to)

    # Faults

    def _fault(self, simulation: Simulation) -> Move | None:
        chance, faults = self._chance, self._faults
        if simulation.disk.is_full and chance.random() < 0.05:
            return Frees()
        drawn = chance.random()
        for name in ("crash", "torn", "full", "clock", "reload", "pause", "read"):
            drawn -= faults.get(name, 0.0)
            if drawn < 0:
                return self._one(name, simulation)
        return None

    def _one(self, name: str, simulation: Simulation) -> Move | None:
        chance = self._chance
        match name:
            case "crash":
                return Crashes(chance.choice(("", "kept")))
            case "torn":
                return Crashes("torn") if simulation.process.writes else None
            case "full":
                return Writes(WriteFault.FULL) if simulation.process.writes else None
            case "clock":
                return Jumps(chance.choice((-1, 1)) * int(JUMP_MAX ** chance.random()))
            case "read":
                return Deafens(chance.randint(1, 3))
            case "pause":
                return self._halt(simulation)
            case _:
                self._wary = 2
                return Reloads(chance.randrange(9)) if len(simulation.tables) > 1 else None

    def _halt(self, simulation: Simulation) -> Move | None:
        chance, halted = self._chance, simulation.outside.halted
        if halted and chance.random() < 0.5:
            return Halts(chance.choice(sorted(halted)), again=True)
        return Halts(chance.choice(list(self._effects))) if self._effects else None

    def _write(self) -> Move:
        chance = self._chance
        rate = self._faults.get("disk", 0.0)
        if self._wary:
            self._wary -= 1
            rate *= WARY_FACTOR
        is_faulty = chance.random() < rate
        return Writes(chance.choice(DISK) if is_faulty else WriteFault.NONE)

    # Calls

    def _ask(self, simulation: Simulation) -> Move | None:
        chance = self._chance
        if chance.random() < self._faults.get("duplicate", 0.02) and simulation.callers.requests:
            return self._again(simulation)
        found = self._offered(simulation)
        if found is None:
            return None
        cell, offer, id_ = found
        caller, roles = offer.call.caller or "", offer.call.roles
        if chance.random() < 0.03:
            caller, roles = chance.choice(self._people)
        self._name += 1
        key = f"k{self._name}" if chance.random() < 0.5 else None
        if key is not None and chance.random() < self._faults.get("reuse", 0.0):
            key = self._taken_key(simulation, caller, (cell.entity, id_, offer.action)) or key
        expected = None
        if chance.random() < 0.06:
            expected = cell.seq + chance.choice((0, 0, -1, 1))
        types = self._params[cell.entity, offer.action]
        args = {p.name: to_json(p.type, offer.call.args[p.name]) for p in types}
        return Asks(self._name, caller, roles, cell.entity, id_, offer.action, args, key, expected)

    def _taken_key(self, simulation: Simulation, caller: str, asked: tuple[str, str | None, str]) -> str | None:
        """A key under which somebody asked for something else."""
        moves = [request.move for request in simulation.callers.requests.values() if request.move.key is not None]
        key = self._chance.choice(moves).key if moves else None
        others = (move for move in moves if move.key == key)
        is_other = all((move.caller, move.entity, move.id, move.action) != (caller, *asked) for move in others)
        return key if is_other else None

    def _again(self, simulation: Simulation) -> Move | None:
        """One of the last requests once more, if it has a key; whoever has none would ask for something new."""
        requests = simulation.callers.requests
        name = max(1, self._name - int(self._chance.expovariate(0.2)))
        request = requests.get(name)
        return request.move if request is not None and request.move.key is not None else None

    def _offered(self, simulation: Simulation) -> tuple[Cell, Offer, str | None] | None:
        found = None
        for _ in range(TRIES):
            drawn = self._cell(simulation)
            if drawn is None:
                continue
            cell, id_, is_given = drawn
            offers = self._offers.to(cell.entity, cell.control)
            if not offers:
                continue
            found = cell, self._chance.choice(offers), id_, is_given
            if isinstance(self._step(cell, found[1].call._replace(now=cell.clock, fresh=_FRESH)), Applied):
                break
        else:
            if self._chance.random() >= REJECTED:
                return None
        if found is not None and found[3]:
            self._given.setdefault(found[0].entity, []).append(found[2])
        return None if found is None else found[:3]

    def _cell(self, simulation: Simulation) -> tuple[Cell, str | None, bool] | None:
        """An instance to call: one that lives, or a new one where there are not too many; whether its id is new."""
        chance, cells = self._chance, simulation.shadow.cells
        coming = [child for child in simulation.shadow.expected if child.entity in self._open_to]
        if coming and chance.random() < TAKEN:
            return absent(self._table, coming[0]), coming[0].id, False
        active = [cell for cell in cells.values() if cell.control not in self._final[cell.entity]]
        if self._open_to and (not active or chance.random() < 0.3):
            entity = chance.choice(self._open_to)
            is_left = len(self._given.get(entity, ())) < len(self._universe.ids_of(entity))
            if (is_left or chance.random() < 0.05) and sum(cell.entity == entity for cell in active) < ACTIVE_MAX:
                return self._new(entity)
        if not active:
            return None
        cell = chance.choice(active)
        return cell, cell.id, False

    def _new(self, entity: str) -> tuple[Cell, str | None, bool] | None:
        """An id of the scope, or one that the runtime draws in the place of one: callers keep to the scope.

        What is true within it may be false beyond, and `--scope` says how far to go.
        """
        ids, given = self._universe.ids_of(entity), self._given.get(entity, [])
        is_given = len(given) < len(ids)
        if not is_given:
            id_ = self._chance.choice(given)
            if id_ is None:
                return None  # The id is the runtime's to know, and another one would be one too many.
        elif self._chance.random() < 0.1 and not self._within:
            id_ = None
        else:
            id_ = ids[len(given)]
        return absent(self._table, Address(entity, id_ or "?")), id_, is_given

    # The outside

    def _work(self, simulation: Simulation) -> Move:
        """Workers are hired one after the other; then they ask for work, or say that they are still at it."""
        chance, outside = self._chance, simulation.outside
        for name in self._hired:
            if name not in outside.hired:
                return Hires(name)
        leased = [attempt for attempt in outside.attempts if attempt.lease]
        if leased and chance.random() < 0.3:
            attempt = chance.choice(leased)
            return Prolongs(*self._place(simulation, attempt))
        return Leases(chance.choice(WORKERS), chance.choice(self._hired))

    def _place(self, simulation: Simulation, attempt: Attempt) -> tuple[str, str, str, int]:
        """How a move names an attempt."""
        address, effect = attempt.lane
        lane = [each for each in simulation.outside.attempts if each.lane == attempt.lane]
        return address.entity, address.id, effect, lane.index(attempt)

    def _answer(self, simulation: Simulation, attempt: Attempt) -> Move:
        chance, faults, effect = self._chance, self._faults, attempt.lane[1]
        place = self._place(simulation, attempt)
        performs = self._effects[effect].performs is not None and chance.random() < 0.8
        drawn = chance.random()
        for name in ("refuse", "silence", "unanswered", "nonsense"):
            drawn -= faults.get(name, 0.0)
            if drawn < 0:
                match name:
                    case "refuse":
                        return Answers(*place, performs=performs, refuses="it is out of order")
                    case "silence":
                        return Answers(*place, lost=True)
                    case "unanswered":
                        return Answers(*place, performs=True)
                    case _:
                        return Answers(*place, performs=performs, said=chance.choice(NONSENSE))
        return Answers(*place, performs=performs, said=self._said(simulation, attempt, performs=performs))

    def _said(self, simulation: Simulation, attempt: Attempt, *, performs: bool) -> object:
        """An outcome that the effect declares, and that can be if it does what it is to do."""
        outcomes = self._effects[attempt.ask.effect].outcomes
        able = [each for each in outcomes if performs or simulation.outside.can_answer(attempt, each)]
        outcome: Outcome = self._chance.choice(able or list(outcomes))
        return {"outcome": outcome.name, "fields": self._args(outcome.fields)}

    def _args(self, params: tuple[Parameter, ...]) -> dict[str, object]:
        """A value of the scope for each."""
        found = {}
        for param in params:
            values = self._universe.values_of(param.type)
            found[param.name] = to_json(param.type, self._chance.choice(values))
        return found

    def _wait(self, simulation: Simulation) -> Move:
        due = simulation.next_due()
        rests = self._chance.random() < 0.5
        if due is None or self._chance.random() < 0.3:
            return Waits(self._chance.randint(1, 50), rests)
        return Waits(max(1, due - simulation.now), rests)


_FRESH = tuple(f"?{number}" for number in range(20))
