"""Canaries: a run in which one promise was broken, each promise by itself, must be noticed and called by its name."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.running import Running, table_of
from temper.machine import Rejected
from temper.run import Ask, Done, MemoryStore
from temper.run.store.rows import RecordRow
from torture.checker import STRAY_MILLISECONDS, check
from torture.history import APPLIED, NO_ANSWER, Asked, Called, Event, Saw
from torture.laws import broken_laws

TABLE = table_of((Path(__file__).parent / "torture.yaml").read_text(encoding="utf-8"))
OUTCOMES = {"charge": "charged", "ship": "shipped", "label": "printed", "weigh": "weighed", "measure": "measured"}


class Lived:
    """A short life in process, seen as the load sees it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.store = MemoryStore()
        self._time = 0
        handlers = dict.fromkeys(OUTCOMES, self._receive)
        self.running = Running(TABLE, self.store, handlers)

    async def live(self) -> None:
        async with self.running as running:
            for account in ("a1", "a2"):
                await self.call("Account", account, "start")
            for order in ("o1", "o2"):
                await self.call("Order", order, "place", account="a1")
                await self.look("Order", order)
            await self.call("Order", "o1", "pay")
            await running.pass_time(100)
            for action in ("send", "stick", "weigh"):
                await self.call("Order", "o1", action)
                await running.pass_time(100)
            await self.call("Order", "o1", "pay")
            await self.call("Thing", "t1", "bring")
            await running.pass_time(100)
            for account in ("a1", "a1", "a2"):
                await self.call("Account", account, "add")
                await self.look("Account", account)
            await running.pass_time(2_500)
            await self.look("Order", "o2")
        for _ in range(2):  # Asked again under its key, and once without an answer.
            self.events.append(next(event for event in self.events if isinstance(event, Called)))
        self.events.append(Called(self._now(), self._now(), "", "Account", "a1", "add", "nobody heard", NO_ANSWER))

    async def call(self, entity: str, id_: str, action: str, **args: str) -> None:
        begin, token = self._now(), f"t{self._time}"
        answer = await self.running.call(entity, id_, action, {"token": token, **args}, key=token)
        await self.running.runtime.quiet()
        call = Called(begin, self._now(), token, entity, id_, action, token, APPLIED)
        if isinstance(answer, Done):
            call = call._replace(record=answer.record, seq=answer.seq, state=answer.state)
        else:
            assert isinstance(answer, Rejected), answer
            call = call._replace(code=answer.code, state=str(dict(answer.facts).get("state", "")))
        self.events.append(call)

    async def look(self, entity: str, id_: str) -> None:
        begin, seen = self._now(), self.running.seen(entity, id_)
        self.events.append(Saw(begin, self._now(), entity, id_, seen.seq, seen.state, dict(seen.data)))

    async def _receive(self, ask: Ask) -> object:
        name = OUTCOMES[ask.effect]
        answer = {"outcome": name, "fields": {"receipt" if name == "charged" else "code": ask.args["token"]}}
        self.events.append(Asked(self.running.clock.now(), ask.effect, ask.key, answer))
        return answer

    def _now(self) -> int:
        self._time += 1
        return self._time


@pytest.fixture(scope="module")
def lived() -> Lived:
    made = Lived()
    asyncio.run(made.live())
    return made


def judged(events: list[Event], bodies: list[dict[str, Any]]) -> set[str]:
    """What is noticed about a journal with these records, which is chained as if nothing were wrong with it."""
    rows, chain = [], "0" * 64
    for body in bodies:
        text = json.dumps(body)
        chain = hashlib.sha256((chain + text).encode()).hexdigest()
        rows.append(RecordRow(body["number"], body.get("entity", ""), body.get("id", ""), body["at"], text, chain))
    return {violation.kind for violation in check(events, rows).violations}


def bodies_of(lived: Lived) -> list[dict[str, Any]]:
    return [json.loads(row.body) for row in lived.store.records(None, 0, 10_000)]


def test_nothing_is_said_of_a_run_in_which_nothing_was_wrong(lived: Lived) -> None:
    assert judged(lived.events, bodies_of(lived)) == set()
    counts = check(lived.events, lived.store.records(None, 0, 10_000)).counts
    assert counts["calls acknowledged"] >= 10
    assert all(counts.values()), counts
    assert broken_laws(lived.store) == []


Planted = Callable[[list[Event], list[dict[str, Any]]], None]
PLANTED: list[tuple[str, Planted]] = []


def planted(kind: str) -> Callable[[Planted], Planted]:
    def keep(plant: Planted) -> Planted:
        PLANTED.append((kind, plant))
        return plant

    return keep


def find(items: list[Any], wanted: Callable[[Any], bool]) -> int:
    return next(at for at, item in enumerate(items) if wanted(item))


def is_add(event: Event) -> bool:
    return isinstance(event, Called) and event.action == "add" and event.code == APPLIED


def is_settled(record: dict[str, Any], effect: str) -> bool:
    return record["rule"] == "settle" and record["effect"] == effect


def numbered(records: list[dict[str, Any]]) -> None:
    for number, record in enumerate(records, 1):
        record["number"] = number


@planted("lost")
def an_acknowledged_call_is_not_there(events: list[Event], records: list[dict[str, Any]]) -> None:
    at = find(records, lambda record: record.get("action") == "add")
    records[at]["rule"] = "deliver"


@planted("lost")
def the_end_of_the_journal_is_gone(events: list[Event], records: list[dict[str, Any]]) -> None:
    del records[find(records, lambda record: record.get("action") == "add") :]


@planted("lost")
def a_call_is_told_another_state(events: list[Event], records: list[dict[str, Any]]) -> None:
    at = find(events, is_add)
    events[at] = events[at]._replace(state="closed")  # type: ignore[call-arg]


@planted("two answers")
def a_repeat_has_another_answer(events: list[Event], records: list[dict[str, Any]]) -> None:
    call = events[find(events, is_add)]
    events.append(call._replace(record=call.record + 1, seq=call.seq + 1))  # type: ignore[union-attr, call-arg]


@planted("two answers")
def what_was_rejected_was_done(events: list[Event], records: list[dict[str, Any]]) -> None:
    at = find(events, is_add)
    events[at] = events[at]._replace(code="wrong-state", state="open", record=0, seq=0)  # type: ignore[call-arg]


@planted("applied twice")
def a_call_is_applied_twice(events: list[Event], records: list[dict[str, Any]]) -> None:
    first, second = [record for record in records if record.get("action") == "add"][:2]
    second["args"] = first["args"]


@planted("gap")
def a_seq_is_left_out(events: list[Event], records: list[dict[str, Any]]) -> None:
    records[-1]["seq"] += 1


@planted("time")
def an_instance_goes_back_in_time(events: list[Event], records: list[dict[str, Any]]) -> None:
    [record for record in records if record.get("action") == "add"][1]["at"] -= 5_000


@planted("settled twice")
def a_delivery_is_settled_twice(events: list[Event], records: list[dict[str, Any]]) -> None:
    settled = records[find(records, lambda record: is_settled(record, "ship"))]
    records.append({**settled, "stepped": False, "number": len(records) + 1})


@planted("settled twice")
def something_settles_that_was_never_asked(events: list[Event], records: list[dict[str, Any]]) -> None:
    records[find(records, lambda record: is_settled(record, "ship"))]["consumed"] = [[10_000, 0]]


@planted("order")
def what_began_later_came_earlier(events: list[Event], records: list[dict[str, Any]]) -> None:
    one, two = [at for at, event in enumerate(events) if is_add(event)][:2]
    first, second = events[one], events[two]
    assert isinstance(first, Called)
    assert isinstance(second, Called)
    events[one], events[two] = (
        first._replace(begin=second.begin, end=second.end),
        second._replace(begin=first.begin, end=first.end),
    )


@planted("read back")
def a_look_shows_less_than_was_known(events: list[Event], records: list[dict[str, Any]]) -> None:
    at = find(events, lambda event: isinstance(event, Saw) and event.entity == "Order")
    events[at] = events[at]._replace(begin=10_000, end=10_001)  # type: ignore[call-arg]
    events.append(events[at]._replace(begin=5_000, end=5_001, seq=2, state="expired"))  # type: ignore[call-arg]


@planted("read back")
def what_was_made_is_not_found(events: list[Event], records: list[dict[str, Any]]) -> None:
    events.append(Saw(9_000, 9_001, "Account", "a1", 0, "", {}))


@planted("never so")
def a_look_shows_what_was_never_kept(events: list[Event], records: list[dict[str, Any]]) -> None:
    at = find(events, lambda event: isinstance(event, Saw))
    events[at] = events[at]._replace(data={**events[at].data, "token": "x"})  # type: ignore[union-attr, call-arg]


@planted("never so")
def a_rejection_rests_on_what_never_was(events: list[Event], records: list[dict[str, Any]]) -> None:
    at = find(events, lambda event: isinstance(event, Called) and event.code == "wrong-state")
    events[at] = events[at]._replace(state="declined")  # type: ignore[call-arg]


@planted("asked again")
def what_is_settled_is_asked_again(events: list[Event], records: list[dict[str, Any]]) -> None:
    ask = events[find(events, lambda event: isinstance(event, Asked) and event.effect == "ship")]
    assert isinstance(ask, Asked)
    events.append(ask._replace(at=ask.at + STRAY_MILLISECONDS + 1))


@planted("asked twice")
def a_card_is_charged_twice(events: list[Event], records: list[dict[str, Any]]) -> None:
    events.append(events[find(events, lambda event: isinstance(event, Asked) and event.effect == "charge")])


@planted("asked early")
def somebody_is_asked_before_it_is_durable(events: list[Event], records: list[dict[str, Any]]) -> None:
    at = find(events, lambda event: isinstance(event, Asked))
    events[at] = events[at]._replace(at=0)  # type: ignore[call-arg]


@planted("asked early")
def somebody_is_asked_for_what_was_lost(events: list[Event], records: list[dict[str, Any]]) -> None:
    at = find(events, lambda event: isinstance(event, Asked))
    events[at] = events[at]._replace(key="x-9999-0")  # type: ignore[call-arg]


@planted("never told")
def an_outcome_is_made_up(events: list[Event], records: list[dict[str, Any]]) -> None:
    records[find(records, lambda record: is_settled(record, "ship"))]["fields"] = {"code": "made up"}


@planted("old lease")
def somebody_is_heard_when_another_has_it(events: list[Event], records: list[dict[str, Any]]) -> None:
    ask = events[find(events, lambda event: isinstance(event, Asked) and event.effect == "measure")]
    assert isinstance(ask, Asked)
    settled = records[find(records, lambda record: is_settled(record, "measure"))]
    settled["at"] = ask.at + 2_000
    events.append(ask._replace(at=ask.at + 1_500, answer={"outcome": "measured", "fields": {"code": "another"}}))


@planted("timer")
def a_timer_fires_early(events: list[Event], records: list[dict[str, Any]]) -> None:
    at = find(records, lambda record: record.get("cause") == "overdue")
    armed = [record for record in records[:at] if (record.get("id"), record.get("seq")) == (records[at]["id"], 1)]
    records[at]["at"] = armed[0]["at"] + 1_999


@planted("timer")
def a_timer_fires_twice(events: list[Event], records: list[dict[str, Any]]) -> None:
    at = find(records, lambda record: record.get("cause") == "overdue")
    records.insert(at + 1, {**records[at], "seq": records[at]["seq"] + 1, "at": records[at]["at"] + 2_000})
    numbered(records)


@planted("timer")
def a_timer_never_fires(events: list[Event], records: list[dict[str, Any]]) -> None:
    del records[find(records, lambda record: record.get("cause") == "overdue")]
    numbered(records)


@planted("left over")
def an_effect_is_never_settled(events: list[Event], records: list[dict[str, Any]]) -> None:
    del records[find(records, lambda record: is_settled(record, "label"))]
    numbered(records)


@pytest.mark.parametrize(("kind", "plant"), PLANTED, ids=[plant.__name__ for _, plant in PLANTED])
def test_what_is_planted_is_noticed(kind: str, plant: Planted, lived: Lived) -> None:
    events, records = list(lived.events), bodies_of(lived)
    plant(events, records)
    assert kind in judged(events, records)


def test_a_record_that_was_altered_is_noticed(lived: Lived) -> None:
    rows = list(lived.store.records(None, 0, 10_000))
    rows[5] = rows[5]._replace(body=rows[5].body.replace('"at":', '"at": '))
    assert "chain" in {violation.kind for violation in check(lived.events, rows).violations}
    del rows[5]
    assert "chain" in {violation.kind for violation in check(lived.events, rows).violations}


def test_every_promise_has_a_canary() -> None:
    text = (Path(__file__).parent / "checker.py").read_text(encoding="utf-8")
    kinds = {part.split('"')[1] for part in text.split("Violation(")[1:] if part.startswith('"')}
    assert kinds - {kind for kind, _ in PLANTED} == {"chain"}
