"""The state machine of a blueprint holds the real server to the relation, and finds what is wrong with it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from support.examples import EXAMPLES
from support.small import table_of
from temper.run import MemoryStore, engine
from temper.testing import machine

LIGHT = settings(
    max_examples=8, stateful_step_count=15, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
SHRUNK = settings(LIGHT, max_examples=60, stateful_step_count=12, phases=[Phase.generate, Phase.shrink])

FOUND = settings(SHRUNK, phases=[Phase.generate])

COUNTER = """
temper: 1
blueprint: counter
roles: [clerk]
entities:
  Counter:
    data: {n: "int[0, 3]", last: str}
    states: [open, shut]
    waits: [open, shut]
    actions:
      make: {by: clerk, from: new, to: open}
      add: {by: clerk, params: {by: "int[1, 2]", why: str}, from: open, when: n + args.by <= 3, set: {n: n + args.by, last: args.why}}
      close: {by: clerk, from: open, to: shut}
scope:
  principals: {ann: [clerk], bob: []}
"""


@pytest.mark.parametrize("example", ["deploy", "queue", "orders"])
def test_the_runtime_does_what_the_blueprint_says(example: str) -> None:
    run_state_machine_as_test(machine(EXAMPLES / example), settings=LIGHT)


class Forgetful(MemoryStore):
    """Says that it kept a change of a cell, and did not."""

    def commit(self, batch) -> None:
        batch.cells = {address: row for address, row in batch.cells.items() if row.seq < 2}
        super().commit(batch)


def test_a_store_that_forgets_is_found_and_told_as_commands() -> None:
    class Machine(machine(table_of(COUNTER))):  # type: ignore[misc]
        def store(self):
            return Forgetful()

    with pytest.raises(AssertionError, match="this reproduces it:") as found:
        run_state_machine_as_test(Machine, settings=SHRUNK)
    script = [line.strip() for line in str(found.value).splitlines() if line.startswith("  ")]
    assert script[0].startswith("temper call Counter ")
    assert len(script) <= 4, script


def test_an_engine_that_loses_an_update_is_found(monkeypatch) -> None:
    right = engine._differences
    monkeypatch.setattr(engine, "_differences", lambda before, after: right(before, after)[:1])
    with pytest.raises(AssertionError, match="this reproduces it:"):
        run_state_machine_as_test(machine(table_of(COUNTER)), settings=FOUND)


def test_an_engine_that_ignores_roles_is_found(monkeypatch) -> None:
    right = engine._called
    everybody = frozenset({"clerk"})

    def careless(version, instance, given, moment):
        return right(version, instance, given._replace(roles=everybody), moment)

    monkeypatch.setattr(engine, "_called", careless)
    with pytest.raises(AssertionError, match="the relation has no such step"):
        run_state_machine_as_test(machine(table_of(COUNTER)), settings=FOUND)
