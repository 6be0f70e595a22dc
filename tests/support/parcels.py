"""A blueprint that uses everything the runtime does: effects of each kind, messages, spawns, refusals, timers."""

from __future__ import annotations

PARCELS = """
temper: 1
blueprint: parcels
roles: [person]
types:
  Level: int[0, 5]
effects:
  ship:
    params: {label: str, level: Level}
    outcomes: {shipped: {code: str}, declined: {}}
    delivery: keyed
    timeout: 5s
    retry: {attempts: 3, first: 1s, factor: 2, cap: 10s}
  ring:
    params: {label: str}
    outcomes: {rung: {}}
    delivery: at_most_once
    timeout: 5s
  light:
    params: {level: Level}
    outcomes: {lit: {}, declined: {}}
    delivery: idempotent
    fenced: true
    timeout: 5s
    retry: {attempts: 2, first: 1s, factor: 1, cap: 1s}
entities:
  Parcel:
    data:
      label: str
      code: str
      level: Level
      box: Box | None
      note: json | None
      watchers: set[principal]
    states: [packed, waiting, sent, rung, lost]
    final: [lost]
    waits: [packed, sent, rung]
    actions:
      pack:
        by: person
        params: {label: str}
        from: new
        set: {label: args.label, watchers: "{caller}"}
        to: packed
      send:
        by: person
        from: packed
        to: waiting
        do: [{effect: ship, with: [label, level], then: {shipped: arrive, declined: again, unknown: lose}}]
      arrive: {params: {code: str}, from: waiting, set: {code: args.code}, to: sent}
      lose: {from: waiting, to: lost}
      cancel: {from: waiting, to: lost}
      ring:
        by: person
        from: packed
        do: [{effect: ring, with: [label], then: {rung: heard, unknown: not_heard}}]
      heard: {from: any, to: rung}
      not_heard: {from: any, set: {code: "'silence'"}}
      dim:
        by: person
        params: {level: Level}
        from: packed
        set: {level: args.level}
        do: [{effect: light, with: [level], replaces: true, then: {lit: [lit, ignore], declined: ignore, unknown: ignore}}]
      flash:
        by: person
        from: packed
        do: [{effect: light, with: [level], then: {lit: [lit, ignore], declined: again, unknown: ignore}}]
      lit: {params: {level: Level}, from: packed, when: args.level == level, set: {code: "'lit'"}}
      raise_level: {by: person, from: packed, set: {level: level + 1}}
      annotate: {by: person, params: {note: json}, from: packed, set: {note: args.note}}
      box_up:
        by: person
        params: {size: Level}
        from: packed
        spawn: [{entity: Box, action: make, with: {parcel: self, size: args.size}, as: box, refused: no_box}]
        send: [{to: box, action: fill, with: {label: label}, refused: not_filled}]
      no_box: {params: {reason: str}, from: packed, set: {box: None, code: args.reason}}
      not_filled: {params: {reason: str, label: str}, from: packed, set: {label: args.reason}}
      tell:
        by: person
        params: {box: Box}
        from: packed
        send: [{to: args.box, action: fill, with: {label: label}, refused: [no_such, ignore]}]
      no_such: {params: {reason: str, receiver: Box}, from: packed, set: {code: args.reason, box: args.receiver}}
      insist:
        by: person
        params: {box: Box}
        from: packed
        send: [{to: args.box, action: fill, with: {label: label}, refused: again}]
    timers:
      too_long: {in: waiting, after: 60s, do: cancel}
  Box:
    data: {parcel: Parcel | None, size: Level, fillings: Level, labels: str}
    states: [made, closed]
    final: [closed]
    waits: [made]
    actions:
      make: {params: {parcel: Parcel, size: Level}, from: new, when: args.size >= 1, set: {parcel: args.parcel, size: args.size}, to: made}
      build: {by: person, params: {size: Level}, from: new, set: {size: args.size}, to: made}
      fill:
        params: {label: str}
        from: made
        when: fillings < size
        set: {fillings: fillings + 1, labels: args.label}
      close: {by: person, from: made, to: closed}
  Office:
    single: true
    data: {opened: Level}
    states: [shut, open]
    actions:
      open: {from: shut, set: {opened: 5 if opened == 5 else opened + 1}, to: open}
      shut: {from: open, to: shut}
    timers:
      morning: {in: shut, after: 8h, do: open}
      evening: {in: open, after: 8h, do: shut}
"""
