"""A blueprint in which every rule of the relation is taken, and every one of them matters."""

from __future__ import annotations

RULES = """
temper: 1
blueprint: rules
properties:
  calm: {always: Bell.rung <= 1}
  heard: {for: r in Ringer, whenever: r.state == done, always: r.tries >= 1}
  can_ring: {possible: Bell.rung == 1}
roles: [warden]
effects:
  ring:
    outcomes: {rang: {}, quiet: {}}
    delivery: keyed
    performs: {call: Bell.strike, with: [], surely: [rang], not: [quiet]}
    timeout: 1s
entities:
  Ringer:
    data: {tries: "int[0, 1]"}
    states: [idle, ringing, done]
    final: [done]
    actions:
      open:
        by: warden
        from: new
        to: idle
        send: [{to: self, action: begin, with: {}, refused: ignore}]
      begin:
        from: idle
        set: {tries: 1}
        to: ringing
        do: [{effect: ring, with: {}, then: {rang: [finish, ignore], quiet: [finish, ignore], unknown: [finish, ignore]}}]
      finish: {from: ringing, to: done}
    timers:
      patience: {in: ringing, after: 5s, do: finish}
  Bell:
    world: true
    data: {rung: "int[0, 9]"}
    states: [up, rusty]
    actions:
      strike: {from: up, when: rung < 9, set: {rung: rung + 1}}
      rust: {by: environment, from: up, to: rusty}
scope:
  instances: {Ringer: 1}
  principals: {ann: [warden]}
"""
