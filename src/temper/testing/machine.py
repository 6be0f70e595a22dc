"""A Hypothesis state machine over the operations of a running blueprint; the model is the relation."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from temper.machine import NEW, REJECTIONS, Address, Entity, Gate, TransitionTable, absent, universe
from temper.pipeline import build
from temper.run import Handler, MemoryStore, Store
from temper.serve.asking import Answer
from temper.serve.tokens import Principal
from temper.testing.drawing import values_of
from temper.testing.served import Served
from temper.verify import Following, Guided, Told, UntypedError, standing_differences, told_of_records

IDS = ("i1", "i2", "i3")


class BlueprintMachine(RuleBasedStateMachine):
    """Random callers, arguments, answers, times and restarts; every record must be a step, and every answer true.

    Subclass it to give `handlers` or another `store`, and to add rules and invariants of your own.
    """

    table: ClassVar[TransitionTable]

    def __init__(self) -> None:
        super().__init__()
        self.served = Served(self.table, self.store(), self.handlers())
        self.model = Following(Guided(self.table, world=False))
        self.seen = 0
        self.script: list[str] = []
        self.last: tuple[str, Principal, dict[str, str], Any, Any] | None = None
        self.follow()

    def store(self) -> Store:
        """Where the journal is kept."""
        return MemoryStore()

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers of effects; of those that are left out the machine draws the answers itself."""
        return {}

    # What it does

    @rule(data=st.data())
    def call(self, data: st.DataObject) -> None:
        """Somebody calls something, and is answered as the relation says."""
        asked = self._drawn(data)
        expected = self._is_step(*asked)
        answer = self.served.wait(self._ask(*asked))
        self._answered(asked, answer, expected=expected)

    @rule(data=st.data())
    def calls_at_once(self, data: st.DataObject) -> None:
        """Several call at the same time; in which order is the server's choice, and the journal tells it."""
        several = [self._drawn(data) for _ in range(data.draw(st.integers(2, 3)))]

        async def together() -> list[Any]:
            answers: list[Any] = await asyncio.gather(*(self._ask(*asked) for asked in several))
            return answers

        self.served.wait(together())

    @precondition(lambda self: self.last is not None)
    @rule()
    def repeat(self) -> None:
        """The same request under the same key has the same answer."""
        assert self.last is not None, "there was one"
        name, principal, given, body, answer = self.last
        again = self.served.wait(self.served.ask(name, principal, given, body))
        self.script.append("# the last call once more, under the same --key")
        before, after = _without_repeated(answer), _without_repeated(again)
        self._must(before == after, f"the same key is answered {after}, and was answered {before}")

    @precondition(lambda self: self.served.asked)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """The outside answers an attempt."""
        index = data.draw(st.integers(0, len(self.served.asked) - 1))
        ask, waiting = self.served.asked.pop(index)
        effect = next(effect for effect in self.table.effects if effect.name == ask.effect)
        outcome = data.draw(st.sampled_from(effect.outcomes))
        fields = {each.name: data.draw(self._values(each.type)) for each in outcome.fields}
        self.script.append(f"# {ask.effect} of {ask.entity} {ask.id} is answered {outcome.name} {json.dumps(fields)}")
        if not waiting.done():
            waiting.set_result({"outcome": outcome.name, "fields": fields})

    @rule(milliseconds=st.sampled_from([1, 1_000, 60_000, 600_000, 86_400_000]))
    def time_passes(self, milliseconds: int) -> None:
        """Time passes, and timers fire."""
        self.script.append(f"# {milliseconds / 1000:g} s pass")
        self.served.clock.advance(milliseconds)

    @rule()
    def begin_again(self) -> None:
        """The server ends and begins again from what its store has."""
        self.script.append("# the server is started again over the same journal")
        self.served.begin_again()

    # What must be so

    @invariant()
    def follow(self) -> None:
        """Every new record is a step of the relation, and every instance stands as the relation has it."""
        self.served.settle()
        records = self.served.records(self.seen)
        found = self.model.through(tuple(told_of_records(records)))
        if records:
            self.seen = int(records[-1]["number"])
        deviation = found.deviation
        if deviation is not None:
            self._must(False, f"{deviation.told.where} is no step of the blueprint: {deviation.because}")
        self._must(not self.served.service.runtime.health()["faults"], "a background task failed")
        system = self.model.beliefs[0].system
        for cell in system.cells:
            shown = self.served.wait(self._get(cell.address))
            self._must(isinstance(shown, Answer), f"`get` of {' '.join(cell.address)} answers {shown}")
            if isinstance(shown, Answer):
                state, data = shown.data["state"], shown.data["data"]
                wrong = list(standing_differences(self.table, system, cell.address, state, data))
                self._must(not wrong, f"it is shown otherwise than the relation has it: {'; '.join(wrong)}")

    def teardown(self) -> None:
        """End the server."""
        self.served.close()

    # What they share

    def _drawn(self, data: st.DataObject) -> tuple[Address, str, Principal, dict[str, Any]]:
        choices = [f"{entity.name}.{name}" for entity in self.table.entities for name in _callable(entity)]
        entity_name, _, action_name = data.draw(st.sampled_from(choices)).partition(".")
        entity = self.table.entity(entity_name)
        action = entity.action(action_name)
        people = dict(universe(self.table).principals)
        name = data.draw(st.sampled_from(sorted(people)))
        ident = entity.name if entity.single else data.draw(st.sampled_from(IDS))
        args = {param.name: data.draw(self._values(param.type)) for param in action.params}
        return Address(entity.name, ident), action.name, Principal(name, people[name]), args

    def _values(self, type_: Any) -> st.SearchStrategy[Any]:
        people = tuple(name for name, _ in universe(self.table).principals)
        return values_of(type_, IDS, people)

    async def _ask(self, address: Address, action: str, principal: Principal, args: dict[str, Any]) -> Answer | str:
        given = {"entity": address.entity, "id": address.id, "action": action}
        given["Idempotency-Key"] = f"k{len(self.script)}"
        said = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in args.items()]
        words = ["temper", "call", address.entity, address.id, action, *said, "--as", principal.name]
        self.script.append(" ".join(map(shlex.quote, words)))
        answer = await self.served.ask("call", principal, given, args)
        self.last = ("call", principal, given, args, answer)
        return answer

    async def _get(self, address: Address) -> Answer | str:
        given = {"entity": address.entity, "id": address.id}
        return await self.served.ask("get", Principal("reader", frozenset()), given)

    def _is_step(self, address: Address, action: str, principal: Principal, args: dict[str, Any]) -> bool:
        """Whether the relation has this call as a step where the model stands."""
        roles = tuple(sorted(principal.roles))
        told = Told("call", address, action=action, args=args, caller=principal.name, roles=roles)
        guided = self.model.guided
        system = self.model.beliefs[0].system
        cell = system.cell(address) or absent(self.table, address)
        constructs = NEW in self.table.entity(address.entity).action(action).sources
        if cell.control == NEW and not constructs:
            return False
        try:
            return bool(guided.steps_told(system, told))
        except UntypedError:
            return False

    def _answered(self, asked: tuple[Any, ...], answer: Answer | str, *, expected: bool) -> None:
        if isinstance(answer, Answer):
            self._must(expected, f"it is applied, and the relation has no such step: {answer.data}")
            return
        named = {*REJECTIONS, "unknown-instance", "id-taken"}
        self._must(answer in named, f"it is answered `{answer}`")
        self._must(not expected, f"it is rejected as `{answer}`, and the relation takes it: {asked[1]} of {asked[0]}")

    def _must(self, is_so: bool, because: str) -> None:  # noqa: FBT001 - as `assert` takes it
        if not is_so:
            raise AssertionError("\n".join([because, "this reproduces it:", *(f"  {line}" for line in self.script)]))


def machine(blueprint: Path | str | TransitionTable) -> type[BlueprintMachine]:
    """The state machine of a blueprint: a file, its folder, or its table. Extend it, or run its `TestCase`."""
    if isinstance(blueprint, TransitionTable):
        table = blueprint
    else:
        built = build(Path(blueprint))
        assert built.table is not None, f"{blueprint} has mistakes: `temper check` shows them"
        table = built.table
    return type(f"MachineOf_{table.blueprint}", (BlueprintMachine,), {"table": table})


def _callable(entity: Entity) -> list[str]:
    """Actions that people may call at all; a world has none of them."""
    return [action.name for action in entity.actions if action.gate in {Gate.ROLES, Gate.POLICY} and not entity.world]


def _without_repeated(answer: Any) -> Any:
    if not isinstance(answer, Answer):
        return answer
    return {name: value for name, value in answer.data.items() if name != "repeated"}
