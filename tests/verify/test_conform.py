"""Trace validation: what really happened is a behaviour of the blueprint, and the first thing that is none is explained."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.durable import all_records
from support.small import table_of
from support.tree import ROOT
from temper.machine import TransitionTable, table_from_json
from temper.run import SqliteStore
from temper.verify import Conformance, NoRecordError, conform, told_of_calls, told_of_records

HISTORY = ROOT / "tests" / "histories" / "0.1.0" / "journal.sqlite"

ORDER = """
temper: 1
blueprint: order
roles: [clerk]
effects:
  charge:
    params: {amount: int}
    outcomes: {paid: {receipt: str}, declined: {}}
    delivery: idempotent
entities:
  Order:
    data: {amount: int, receipt: str}
    states: [open, charging, paid, cancelled]
    final: [paid, cancelled]
    waits: [open]
    actions:
      place: {by: clerk, params: {amount: int}, from: new, set: {amount: args.amount}, to: open}
      pay:
        by: clerk
        from: open
        when: amount > 0
        to: charging
        do: [{effect: charge, with: [amount], then: {paid: settle, declined: cancel, unknown: again}}]
      settle: {params: {receipt: str}, from: charging, set: {receipt: args.receipt}, to: paid}
      cancel: {by: clerk, from: [open, charging], to: cancelled}
    timers:
      patience: {in: open, after: 10m, do: cancel}
"""


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> tuple[TransitionTable, list[dict[str, Any]]]:
    """The journal of a release, of a workload that uses everything that the runtime writes."""
    path = tmp_path_factory.mktemp("history") / "journal.sqlite"
    shutil.copy2(HISTORY, path)
    store = SqliteStore(path, identity="history")
    records = list(all_records(store))
    tables = [table_from_json(json.loads(version.body)) for version in store.versions()]
    store.close()
    return tables[0], records


def followed(table: TransitionTable, records: list[dict[str, Any]]) -> Conformance:
    return conform(table, told_of_records(records))


def test_what_the_runtime_did_is_a_behaviour(history) -> None:
    table, records = history
    found = followed(table, records)
    assert found.conforms, (
        found.deviation,
        [r for r in records if f"record {r['number']}" == found.deviation.told.where],
    )
    assert found.steps > 10
    assert not found.hidden


def test_every_change_of_a_state_is_seen(history) -> None:
    """A record whose state is another one is a deviation, whichever record it is."""
    table, records = history
    steps = followed(table, records).steps
    changed = [index for index, record in enumerate(records[:steps]) if record.get("stepped")]
    assert changed
    for index in changed:
        broken = copy.deepcopy(records)
        entity = table.entity(broken[index]["entity"])
        broken[index]["state"] = next(state for state in entity.states if state != broken[index]["state"])
        found = followed(table, broken)
        assert found.deviation is not None
        assert found.deviation.told.where == f"record {records[index]['number']}"
        assert "is in `" in found.deviation.because


def test_a_record_that_is_gone_is_missed(history) -> None:
    """Without the first record of an instance nothing else of it is a step."""
    table, records = history
    first = next(index for index, each in enumerate(records) if each["rule"] == "call")
    found = followed(table, [*records[:first], *records[first + 1 :]])
    assert not found.conforms


def record(number: int, rule: str, at: int = 0, **more: Any) -> dict[str, Any]:
    return {"number": number, "at": at, "rule": rule, "entity": "Order", "id": "o1", "table": "t", **more}


def placed(amount: int = 5) -> list[dict[str, Any]]:
    return [
        record(
            1,
            "call",
            1_000,
            action="place",
            args={"amount": amount},
            caller="ann",
            roles=["clerk"],
            state="open",
            seq=1,
        ),
        record(2, "call", 2_000, action="pay", caller="ann", roles=["clerk"], state="charging", seq=2),
        record(
            3,
            "settle",
            3_000,
            cause="charge.paid",
            action="settle",
            args={"receipt": "r"},
            fields={"receipt": "r"},
            state="paid",
            seq=3,
            set={"receipt": "r"},
        ),
    ]


def test_a_whole_life_conforms() -> None:
    found = followed(table_of(ORDER), placed())
    assert (found.conforms, found.steps) == (True, 3)


@pytest.mark.parametrize(
    ("change", "where", "because"),
    [
        (lambda records: records[0]["args"].update(amount=0), "record 2", "it is rejected"),
        (lambda records: records[1].update(roles=[]), "record 2", "it is rejected"),
        (lambda records: records[2].update(cause="charge.refunded"), "record 3", "`charge` has no outcome `refunded`"),
        (lambda records: records.pop(1), "record 3", "no `charge` of Order o1 is pending"),
        (lambda records: records[2]["set"].update(receipt="x"), "record 3", '`receipt` of Order o1 is "r", not'),
        (
            lambda records: records[2].update(action="cancel"),
            "record 3",
            "comes to `settle`, where it came to `cancel`",
        ),
        (lambda records: records[2].update(at=1_500), "record 3", "no instance goes back in time"),
    ],
)
def test_the_first_deviation_is_explained(change, where: str, because: str) -> None:
    records = placed()
    change(records)
    deviation = followed(table_of(ORDER), records).deviation
    assert deviation is not None
    assert deviation.told.where == where
    assert because in deviation.because, deviation.because


def test_what_would_have_been_allowed_is_said() -> None:
    records = placed()
    records[1].update(action="settle", args={"receipt": "r"})
    deviation = followed(table_of(ORDER), records).deviation
    assert deviation is not None
    assert deviation.allowed == ("`pay` by clerk", "`cancel` by clerk", "`cancel` from patience")


def test_a_timer_does_not_fire_early() -> None:
    def fired(at: int) -> Conformance:
        return followed(
            table_of(ORDER),
            [placed()[0], record(2, "fire", at, cause="patience", action="cancel", state="cancelled", seq=2)],
        )

    assert fired(601_000).conforms
    deviation = fired(600_999).deviation
    assert deviation is not None
    assert deviation.because == "the timer `patience` fires 1 ms before it is due"


def test_another_version_ends_it_aloud() -> None:
    found = followed(table_of(ORDER), [placed()[0], {"number": 2, "rule": "load", "at": 5, "table": "u"}])
    assert found.conforms
    assert "another version" in found.ended


# Calls of another system


def calls(*lines: dict[str, Any]) -> Conformance:
    table = table_of(ORDER)
    return conform(table, told_of_calls(table, enumerate(lines, 1)))


PLACE = {"id": "o1", "action": "place", "args": {"amount": 5}, "caller": "ann", "roles": ["clerk"]}


def test_what_is_not_said_is_not_compared() -> None:
    found = calls({"id": "o1", "action": "place"}, {"id": "o1", "action": "pay"}, {"id": "o1", "action": "settle"})
    assert found.conforms
    assert found.untold == 3


def test_a_step_that_nobody_wrote_down_is_found_and_said() -> None:
    """The answer of the outside is missing: only the order's state afterwards tells that it came."""
    found = calls(PLACE, {"id": "o1", "action": "pay", "roles": ["clerk"]}, {**PLACE, "id": "o2", "state": "open"})
    assert not found.hidden
    late = table_of(
        ORDER.replace("to: paid}", "to: settled}")
        .replace("charging, paid,", "charging, settled, paid,")
        .replace("      cancel:", "      ship: {by: clerk, from: settled, to: paid}\n      cancel:")
        .replace("waits: [open]", "waits: [open, settled]")
    )
    lines = [
        PLACE,
        {"id": "o1", "action": "pay", "roles": ["clerk"]},
        {"id": "o1", "action": "ship", "roles": ["clerk"], "state": "paid"},
    ]
    found = conform(late, told_of_calls(late, enumerate(lines, 1)))
    assert found.conforms
    assert len(found.hidden) == 1
    assert found.hidden[0].startswith("before line 3: Order o1: settle(")


@pytest.mark.parametrize(
    ("lines", "because"),
    [
        ([{**PLACE, "roles": []}], "it is rejected"),
        (
            [PLACE, {"id": "o1", "action": "pay", "roles": ["clerk"], "state": "paid"}],
            "after it Order o1 is in `charging`, not in `paid`",
        ),
        ([PLACE, {"id": "o1", "action": "settle", "data": {"receipt": "r"}}], "it is rejected"),
        ([PLACE, PLACE], "it is rejected"),
        ([{**PLACE, "data": {"amount": 6}}], "`amount` of Order o1 is 5, not 6"),
        ([{**PLACE, "args": {"amount": "five"}}], "`amount` of `place` is wrong"),
        ([{**PLACE, "time": 9}, {"id": "o1", "action": "pay", "time": 8}], "no instance goes back in time"),
    ],
)
def test_the_first_line_that_is_no_step_is_explained(lines: list[dict[str, Any]], because: str) -> None:
    deviation = calls(*lines).deviation
    assert deviation is not None
    assert deviation.told.where == f"line {len(lines)}"
    assert because in deviation.because, deviation.because


@pytest.mark.parametrize(
    ("line", "because"),
    [
        ({"id": "o1"}, "names no `action`"),
        ({"id": "o1", "action": "fly"}, "no entity has it"),
        ({"id": "o1", "action": "pay", "when": 5}, "has `when`"),
        ({"id": "o1", "action": "pay", "args": []}, "`args` and `data` are objects"),
        ({"id": "o1", "action": "pay", "time": "soon"}, "another shape"),
    ],
)
def test_a_line_that_is_no_call_is_refused(line: dict[str, Any], because: str) -> None:
    with pytest.raises(NoRecordError, match=r"line 1") as wrong:
        calls(line)
    assert because in str(wrong.value)


def test_a_record_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoRecordError, match="record 1 has another shape"):
        list(told_of_records([{"number": 1, "rule": "call"}]))
