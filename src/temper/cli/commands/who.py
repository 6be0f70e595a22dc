"""Say who can do what, and how that is known.

`temper who can Grant.approve PATH` lists every smallest set of roles that is let through, under which conditions, with
a call by each that Cedar confirms; nobody else can, and that is proved. Without a name it goes through every action,
and tells which policies decide nothing. `temper who can reach Grant.active PATH` says whether one person alone can
drive an instance there, or whether it takes more.

Exit code 0 if there is an answer, 1 if the principal asked about cannot, or nobody knows.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temper.cli.building import add_budget, add_path, budget_seconds, build_asked, findings_json, report_findings
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal

if TYPE_CHECKING:
    from temper.machine import Action, Entity, TransitionTable
    from temper.verify import Attempt, WhoCan

SUMMARY = "who can call an action or drive an instance into a state, proved"
AS_IN = "as in `temper who can Grant.approve PATH` or `temper who can reach Grant.active PATH`"


def configure(parser: argparse.ArgumentParser) -> None:
    cure = "`can`, then ENTITY.ACTION, or `reach ENTITY.STATE`, or nothing: every action, and what policies are for"
    parser.add_argument("words", nargs="+", metavar="QUESTION", help=cure)
    add_path(parser)
    parser.add_argument(
        "--in",
        dest="states",
        action="append",
        default=[],
        metavar="STATE",
        help="of an instance in this state; may be repeated",
    )
    parser.add_argument("--principal", metavar="NAME", help="whether this principal can, of those that the scope names")
    parser.add_argument("--roles", metavar="ROLES", help="the roles of that principal, as in --roles lead,engineer")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the run of `reach` for `temper replay`")
    add_budget(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    reaching, name = _asked(arguments.words)
    seconds = budget_seconds(arguments)
    built = build_asked(arguments)
    if built.table is None:
        if terminal.as_json:
            terminal.answer({"findings": findings_json(built)})
        else:
            report_findings(built, terminal)
        return 1
    table = built.table
    person = _person(arguments, table)
    if reaching:
        return _Reaching(arguments, table, terminal, seconds).answer(name, person)
    if arguments.out is not None:
        raise MistakeError("wrong-usage", "--out writes the run of `reach`", AS_IN)
    if name:
        entity, action = _action(table, name)
        return _one(table, entity, action, _states(arguments.states, entity, action), person, seconds, terminal)
    if arguments.states:
        cure = "as in `temper who can Grant.approve PATH --in requested`"
        raise MistakeError("wrong-usage", "--in goes with one action", cure)
    return _all(table, person, seconds, terminal)


# Answers.


def _one(
    table: TransitionTable,
    entity: Entity,
    action: Action,
    states: Sequence[str],
    person: tuple[str, Sequence[str]] | None,
    seconds: float,
    terminal: Terminal,
) -> int:
    from temper.verify import who_can, who_can_json, who_can_lines

    answer = who_can(table, entity, action, states=states, person=person, seconds_max=seconds)
    if terminal.as_json:
        terminal.answer(who_can_json(table, answer))
    else:
        _say(who_can_lines(table, answer), terminal)
    return 1 if not answer.complete or (person is not None and not answer.ways) else 0


def _all(table: TransitionTable, person: tuple[str, Sequence[str]] | None, seconds: float, terminal: Terminal) -> int:
    """Every action that people call, and what the policies are for."""
    from temper.machine import Gate
    from temper.verify import needless, remark_json, remark_lines, who_can, who_can_json, who_can_lines

    answers: list[WhoCan] = [
        who_can(table, entity, action, person=person, seconds_max=seconds)
        for entity in table.entities
        for action in entity.actions
        if action.gate in {Gate.ROLES, Gate.POLICY}
    ]
    remarks = needless(table, seconds_max=seconds) if person is None else ()
    if terminal.as_json:
        told = [who_can_json(table, answer) for answer in answers]
        terminal.answer({"actions": told, "policies": [remark_json(remark) for remark in remarks]})
    else:
        for answer in answers:
            _say(who_can_lines(table, answer), terminal)
        _say(remark_lines(remarks), terminal)
        if table.policies and person is None and not remarks:
            terminal.say("every policy decides something")
    return 0 if all(answer.complete for answer in answers) else 1


class _Reaching:
    """`temper who can reach ENTITY.STATE`."""

    def __init__(
        self, arguments: argparse.Namespace, table: TransitionTable, terminal: Terminal, seconds: float
    ) -> None:
        self.arguments, self.table, self.terminal, self.seconds = arguments, table, terminal, seconds

    def answer(self, name: str, person: tuple[str, Sequence[str]] | None) -> int:
        from temper.verify import (
            Gets,
            Open,
            attempt_json,
            attempt_lines,
            reach_json,
            reach_lines,
            reaches_alone,
            who_reaches,
        )

        if self.arguments.states:
            raise MistakeError("wrong-usage", "--in goes with an action, not with `reach`", AS_IN)
        entity, state = _state(self.table, name)
        if person is not None:
            attempt = reaches_alone(self.table, entity, state, person, seconds_max=self.seconds)
            if self.terminal.as_json:
                self.terminal.answer({"entity": entity.name, "state": state, **attempt_json(attempt)})
            else:
                _say(attempt_lines(entity.name, state, attempt), self.terminal)
            self._write([attempt])
            return 0 if isinstance(attempt.reached, Gets) else 1
        found = who_reaches(self.table, entity, state, seconds_max=self.seconds)
        if self.terminal.as_json:
            self.terminal.answer(reach_json(found))
        else:
            _say(reach_lines(self.table, found), self.terminal)
        self._write([found.anybody, *found.alone, found.together])
        return 1 if isinstance(found.together.reached, Open) else 0

    def _write(self, attempts: Iterable[Attempt]) -> None:
        from temper.cli.building import pairs
        from temper.verify import Gets, KeptTrace, kept_trace_to_json

        if self.arguments.out is None:
            return
        shown = next((each.reached for each in attempts if isinstance(each.reached, Gets)), None)
        if shown is None:
            self.terminal.warn("there is no run to write")
            return
        constants = tuple(pairs(self.arguments.constants, "--set").items())
        kept = KeptTrace(
            "reach", "proved", "a run gets there", shown.trace, shown.table, str(self.arguments.path), constants
        )
        try:
            text = json.dumps(kept_trace_to_json(kept), indent=1, ensure_ascii=False) + "\n"
            self.arguments.out.write_text(text, encoding="utf-8")
        except OSError as wrong:
            cure = "name another file with --out"
            raise MistakeError(
                "file-unwritable", f"{self.arguments.out} cannot be written: {wrong.strerror}", cure
            ) from None


def _say(lines: Iterable[str], terminal: Terminal) -> None:
    for line in lines:
        if line.strip():
            terminal.say(line)


# What was asked.


def _asked(words: Sequence[str]) -> tuple[bool, str]:
    """Whether it is about a state, and the name; an empty one for every action."""
    verb, *rest = words
    reaching = rest[:1] == ["reach"]
    names = rest[1:] if reaching else rest
    if verb != "can" or len(names) > 1 or (reaching and not names):
        raise MistakeError("wrong-usage", f"`temper who {' '.join(words)}` is no question", AS_IN)
    if names and not re.fullmatch(r"\w+\.\w+", names[0]):
        what = "ENTITY.STATE" if reaching else "ENTITY.ACTION"
        raise MistakeError("wrong-usage", f"`{names[0]}` is no {what}", AS_IN)
    return reaching, names[0] if names else ""


def _entity(table: TransitionTable, name: str) -> Entity:
    names = [entity.name for entity in table.entities]
    if name not in names:
        raise MistakeError("unknown-entity", f"there is no entity `{name}`", _near(name, names, "the entities are"))
    return table.entity(name)


def _action(table: TransitionTable, name: str) -> tuple[Entity, Action]:
    of, _, called = name.partition(".")
    entity = _entity(table, of)
    names = [action.name for action in entity.actions]
    if called not in names:
        if called in entity.states:
            cure = f"`{called}` is a state: `temper who can reach {name} PATH`"
        else:
            cure = _near(called, names, f"the actions of {of} are")
        raise MistakeError("unknown-action", f"{of} has no action `{called}`", cure)
    return entity, entity.action(called)


def _state(table: TransitionTable, name: str) -> tuple[Entity, str]:
    of, _, state = name.partition(".")
    entity = _entity(table, of)
    if state not in entity.states:
        if state in [action.name for action in entity.actions]:
            cure = f"`{state}` is an action: `temper who can {name} PATH`"
        else:
            cure = _near(state, entity.states, f"the states of {of} are")
        raise MistakeError("unknown-state", f"{of} has no state `{state}`", cure)
    return entity, state


def _states(asked: Sequence[str], entity: Entity, action: Action) -> tuple[str, ...]:
    for state in asked:
        if state not in (*action.sources, *entity.states):
            cure = _near(state, (*entity.states, "new"), f"the states of {entity.name} are")
            raise MistakeError("unknown-state", f"{entity.name} has no state `{state}`", cure)
        if state not in action.sources:
            cure = f"it starts from {', '.join(action.sources)}"
            raise MistakeError("wrong-state", f"{entity.name}.{action.name} is never called in `{state}`", cure)
    return tuple(asked)


def _person(arguments: argparse.Namespace, table: TransitionTable) -> tuple[str, Sequence[str]] | None:
    """The principal asked about, with roles."""
    from temper.machine import universe

    name: str | None = arguments.principal
    if name is None:
        if arguments.roles is not None:
            raise MistakeError("wrong-usage", "--roles are those of a principal", "as in --principal zoe --roles lead")
        return None
    if arguments.roles is None:
        known = dict(universe(table).principals)
        if name not in known:
            cure = _near(name, list(known), "say which --roles they have; the scope names")
            raise MistakeError("unknown-principal", f"the scope names no principal `{name}`", cure)
        return name, sorted(known[name])
    roles = [role for role in arguments.roles.split(",") if role]
    for role in roles:
        if role not in table.roles:
            raise MistakeError("unknown-role", f"there is no role `{role}`", _near(role, table.roles, "the roles are"))
    return name, roles


def _near(word: str, known: Sequence[Any], otherwise: str) -> str:
    from temper.report import suggest

    near = suggest(word, known)
    return f"did you mean `{near}`?" if near else f"{otherwise} {', '.join(known)}"
