"""Timers: where they run, how long, and what they do when they fire."""

from __future__ import annotations

from temper.language.check.declared import Declared, EntityName
from temper.language.check.findings import Findings, declared
from temper.language.check.place import Place
from temper.language.check.read import read_expression
from temper.language.check.signature import check_states
from temper.language.check.target import read_target
from temper.language.syntax import TimerSyntax
from temper.machine import DURATION, Expression, Op, Timer


def read_timer(syntax: TimerSyntax, entity: EntityName, words: Declared, findings: Findings) -> Timer:
    """The timer, its parts checked."""
    name = syntax.name.text
    for text in syntax.in_:
        if text.text in entity.final:
            place = next(state.span for state in entity.syntax.final if state.text == text.text)
            findings.add(
                "final-has-exit",
                f"the timer `{name}` runs in `{text.text}`, which is final",
                text.span,
                reason="in a final state nothing happens",
                labels=declared(place, "declared final here"),
            )
    states = set(check_states(syntax.in_, entity.syntax, findings))
    after = read_expression(syntax.after, DURATION, Place(words, f"the timer `{name}`", entity), findings)
    target = read_target(
        syntax.do, entity, {}, findings, after=f"the timer `{name}`", again="a timer is restarted, not asked"
    )
    ordered = tuple(state for state in entity.states if state in states)
    nothing = Expression(Op.LITERAL, DURATION, value=0)
    return Timer(name, ordered, after or nothing, target, syntax.name.span)
