"""What nothing reads is not told apart in late requests either, or no run is found through what stands for it."""

from __future__ import annotations

from support.small import table_of
from temper.machine import universe, word
from temper.verify import Budget, Reductions, search

LAMP = """\
temper: 1
blueprint: lamp
properties:
  off_is_off:
    for: x in Lamp
    whenever: x.state == off
    always: not Wire.live
roles: [guest, clerk]
effects:
  switch:
    params: {who: principal, live: bool}
    outcomes: {done: {}}
    delivery: at_most_once
    performs: {call: Wire.switch, with: [live], surely: [done]}
entities:
  Lamp:
    data: {who: principal}
    states: [turning, on, off]
    final: [off]
    waits: [on]
    actions:
      turn:
        by: guest
        from: new
        set: {who: caller}
        to: turning
        do: [{effect: switch, with: {who: who, live: True}, then: {done: shine, unknown: shine}}]
      shine: {from: turning, to: on}
      end: {by: guest, from: on, to: off}
  Wire:
    world: true
    data: {live: bool}
    states: [up]
    actions:
      switch: {params: {live: bool}, from: up, set: {live: args.live}}
scope: {instances: {Lamp: 1}, principals: {ann: [clerk], bob: [guest]}}
"""


def test_late_requests_stand_for_each_other_as_pending_ones_do() -> None:
    """Only bob calls, and the value that stands for all is ann: the request that is late is not hers."""
    table = table_of(LAMP)
    within = universe(table)
    assert within.world
    whole, sliced = (
        search(table, universe=within, budget=Budget(seconds_max=20.0), reductions=Reductions().without(names))
        for names in (["slicing", "symmetry"], ["symmetry"])
    )
    assert [word(each.verdict) for each in sliced.findings] == [word(each.verdict) for each in whole.findings]
    assert dict(sliced.search.reduced).keys() == {"slicing"}
