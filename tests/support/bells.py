"""A door whose bell is an effect: the smallest blueprint in which a call asks for something and hears of it."""

BELLS = """\
temper: 1
blueprint: bells
roles: [clerk]
effects:
  ring: {outcomes: {rung: {}}, delivery: keyed, timeout: 60s}
entities:
  Door:
    states: [shut, ringing, open]
    waits: [shut, open]
    actions:
      build: {by: clerk, from: new, to: shut}
      bell:
        by: clerk
        from: shut
        to: ringing
        do: [{effect: ring, then: {rung: opened, unknown: opened}}]
      opened: {from: ringing, to: open}
scope:
  instances: {Door: 1}
  principals: {ann: [clerk]}
"""
