"""The benchmark's models in TLA+, for TLC: one variable for each field, one action for each row.

Each function gives the module named like itself, with `Init` and `Next`; `N` is its one constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import Template

MODULE = Template("""\
---- MODULE $name ----
EXTENDS Integers, FiniteSets
CONSTANT N
VARIABLES $variables
Node == 1..N
Init == $init
Next == $next
====
""")
AND, OR = " /\\ ", " \\/ "
CONFIGURATION = "INIT Init\nNEXT Next\nCONSTANT N = {size}\nCHECK_DEADLOCK FALSE\n"


def twophase() -> str:
    """As `examples/twophase`: a vote, once sent, stays."""
    return _module(
        "twophase",
        {"hub": '"collecting"', "phases": '[n \\in Node |-> "working"]', "voted": "{}", "heard": "{}"},
        [
            (
                'hub # "committed" /\\ phases[n] = "working"',
                {"phases": '[phases EXCEPT ![n] = "prepared"]', "voted": "voted \\cup {n}"},
            ),
            ('hub # "committed" /\\ phases[n] = "working"', {"phases": '[phases EXCEPT ![n] = "aborted"]'}),
            ('hub = "collecting" /\\ n \\in voted', {"heard": "heard \\cup {n}"}),
            ('hub = "collecting" /\\ heard = Node', {"hub": '"committed"'}),
            ('hub = "collecting"', {"hub": '"aborted"'}),
            ('hub = "committed"', {"phases": '[phases EXCEPT ![n] = "committed"]'}),
            ('hub = "aborted"', {"phases": '[phases EXCEPT ![n] = "aborted"]'}),
        ],
    )


def philosophers() -> str:
    """Fork n lies to the left of seat n."""
    right = "(n % N) + 1"
    return _module(
        "philosophers",
        {"hands": '[n \\in Node |-> "none"]', "taken": "{}"},
        [
            (
                'hands[n] = "none" /\\ n \\notin taken',
                {"hands": '[hands EXCEPT ![n] = "left"]', "taken": "taken \\cup {n}"},
            ),
            (
                f'hands[n] = "left" /\\ ({right}) \\notin taken',
                {"hands": '[hands EXCEPT ![n] = "both"]', "taken": f"taken \\cup {{{right}}}"},
            ),
            (
                'hands[n] = "both"',
                {"hands": '[hands EXCEPT ![n] = "none"]', "taken": f"taken \\ {{n, {right}}}"},
            ),
        ],
    )


def ring() -> str:
    """Who works has the token, and passes it on when done."""
    onward = "(n % N) + 1"
    return _module(
        "ring",
        {"token": "1", "doing": '[n \\in Node |-> "idle"]'},
        [
            ('doing[n] = "idle"', {"doing": '[doing EXCEPT ![n] = "wanting"]'}),
            ('doing[n] = "wanting" /\\ token = n', {"doing": '[doing EXCEPT ![n] = "working"]'}),
            ('doing[n] = "working"', {"doing": '[doing EXCEPT ![n] = "idle"]', "token": onward}),
            ('doing[n] = "idle" /\\ token = n', {"token": onward}),
        ],
    )


def leases() -> str:
    """Two workers, who may go on under a lease that has run out."""
    is_current = 'stage[n] = "leased" /\\ lease[n] = under[w]'
    idle = {"doing": "[doing EXCEPT ![w] = 0]", "under": "[under EXCEPT ![w] = 0]"}
    return _module(
        "leases",
        {
            "stage": '[n \\in Node |-> "queued"]',
            "lease": "[n \\in Node |-> 0]",
            "doing": "[w \\in 1..2 |-> 0]",
            "under": "[w \\in 1..2 |-> 0]",
        },
        [
            (
                'stage[n] = "queued" /\\ lease[n] < 2 /\\ doing[w] = 0',
                {
                    "stage": '[stage EXCEPT ![n] = "leased"]',
                    "lease": "[lease EXCEPT ![n] = @ + 1]",
                    "doing": "[doing EXCEPT ![w] = n]",
                    "under": "[under EXCEPT ![w] = lease[n] + 1]",
                },
            ),
            ('stage[n] = "leased"', {"stage": '[stage EXCEPT ![n] = "queued"]'}),
            (f"doing[w] = n /\\ {is_current}", {"stage": '[stage EXCEPT ![n] = "done"]', **idle}),
            (f"doing[w] = n /\\ ~({is_current})", idle),
        ],
        bound="n \\in Node, w \\in 1..2",
    )


def _module(
    name: str, initial: dict[str, str], rows: Sequence[tuple[str, dict[str, str]]], bound: str = "n \\in Node"
) -> str:
    def row(guard: str, changes: dict[str, str]) -> str:
        primed = [f"{variable}' = {changes.get(variable, variable)}" for variable in initial]
        return f"({AND.join((guard, *primed))})"

    steps = OR.join(row(*each) for each in rows)
    return MODULE.substitute(
        name=name,
        variables=", ".join(initial),
        init=AND.join(f"{variable} = {value}" for variable, value in initial.items()),
        next=f"\\E {bound}: {steps}",
    )
