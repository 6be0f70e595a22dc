"""Actions: who may call, from where, and what happens then, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from temper.language.blueprint import Move, Way
from temper.language.check.declared import ActionName, Declared, EntityName
from temper.language.check.delivery import read_deliveries
from temper.language.check.findings import Findings, article, declared, did_you_mean, listed
from temper.language.check.place import Place
from temper.language.check.read import read_guard
from temper.language.check.signature import is_state
from temper.language.check.update import read_updates
from temper.language.check.vocabulary import CALLERS
from temper.language.syntax import ActionSyntax, CaseSyntax, Text
from temper.machine import NEW, Field, Gate, Parameter, has_initial

ANY = "any"


def read_action(syntax: ActionSyntax, entity: EntityName, words: Declared, findings: Findings) -> Move:
    """The action, its parts checked; what is wrong with it is among the findings."""
    return _Action(syntax, entity, entity.actions[syntax.name.text], words, findings).read()


def needed_fields(entity: EntityName) -> dict[str, Field]:
    """The fields that have no value to begin with: every constructor sets them."""
    fields = (field for field in entity.fields.values() if field is not None)
    return {field.name: field for field in fields if field.initial is None and not has_initial(field.type)}


@dataclass(frozen=True, slots=True)
class _Action:
    """One action being read."""

    syntax: ActionSyntax
    entity: EntityName
    action: ActionName
    words: Declared
    findings: Findings

    def read(self) -> Move:
        syntax = self.syntax
        gate, roles = self.gate()
        sources = self.sources()
        params = tuple(Parameter(name, type_) for name, type_ in self.action.params.items() if type_ is not None)
        unset = self.unset()
        common, unset = self.common(unset)
        cases = tuple(self.case(case, number, unset) for number, case in enumerate(syntax.cases, 1))
        self.check_cases()
        self.check_leaves_new()
        self.check_all_set()
        name = syntax.name.text
        return Move(name, syntax.doc, gate, roles, params, sources, common, cases, syntax.name.span)

    def place(self, what: str, unset: Mapping[str, str]) -> Place:
        return Place(
            self.words,
            what,
            self.entity,
            self.action.params,
            calls=not self.entity.world,
            clock=not self.entity.world,
            unset=unset,
        )

    def gate(self) -> tuple[Gate, tuple[str, ...]]:
        by = self.syntax.by
        words = [text for text in by if text.text in CALLERS]
        if words and len(by) > 1:
            self.findings.add(
                "wrong-caller",
                f"`{words[0].text}` stands alone under `by:`",
                words[0].span,
                reason="not beside others",
                notes=("a Cedar policy can permit roles as well",) if words[0].text == "policy" else (),
            )
            return Gate.MACHINE, ()
        if self.entity.world:
            return self.world_gate()
        if not by:
            self.check_machine()
            return Gate.MACHINE, ()
        if words:
            return self.word_gate(words[0])
        return Gate.ROLES, tuple(dict.fromkeys(role.text for role in by if self.is_role(role)))

    def world_gate(self) -> tuple[Gate, tuple[str, ...]]:
        by = self.syntax.by
        if by and by[0].text != "environment":
            self.findings.add(
                "wrong-caller",
                f"`{self.entity.name}` is the outside world: only the environment acts there",
                by[0].span,
                reason="write `by: environment`, or leave `by` out for what effects perform",
            )
        return (Gate.ENVIRONMENT if by else Gate.MACHINE), ()

    def check_machine(self) -> None:
        if self.action.caller is not None:
            self.findings.add(
                "no-caller",
                f"only the machine calls `{self.action.name}`, so it has no `caller`",
                self.action.caller,
                reason="there is no caller",
                labels=declared(self.action.span, "it has no `by:`"),
            )

    def word_gate(self, word: Text) -> tuple[Gate, tuple[str, ...]]:
        if word.text == "environment":
            self.findings.add(
                "wrong-caller",
                f"the environment acts in world entities only, and `{self.entity.name}` is none",
                word.span,
                reason="not a world entity",
            )
        elif not self.words.folder_has_policies:
            self.findings.add(
                "policy-missing",
                f"`{self.action.name}` is left to policies, but there is no `*.cedar` beside the blueprint",
                word.span,
                reason="nobody could ever call it",
                notes=("what no policy permits is denied",),
            )
        return Gate.POLICY, ()

    def is_role(self, role: Text) -> bool:
        if role.text in self.words.roles:
            return True
        known = list(self.words.roles)
        self.findings.add(
            "unknown-role",
            f"there is no role `{role.text}`",
            role.span,
            reason="not declared under `roles:`",
            notes=(f"the roles are {listed(known)}",),
            helps=did_you_mean(role.span, role.text, [*known, *CALLERS]),
        )
        return False

    def sources(self) -> tuple[str, ...] | None:
        """The states it starts in, in declared order; None for `from: any`."""
        written = self.syntax.from_
        special = [text for text in written if text.text in {NEW, ANY}]
        if special and len(written) > 1:
            self.findings.add(
                "wrong-source",
                f"`{special[0].text}` stands alone under `from:`",
                special[0].span,
                reason="not beside others",
            )
            return ()
        if special:
            return self.new_or_any(special[0])
        names = {text.text for text in written if self.is_source(text)}
        return tuple(state for state in self.entity.states if state in names)

    def new_or_any(self, text: Text) -> tuple[str, ...] | None:
        if text.text == ANY:
            if set(self.entity.states) <= set(self.entity.final):
                self.findings.add(
                    "wrong-source",
                    f"`any` leaves no state to start in: all of `{self.entity.name}` are final",
                    text.span,
                    reason="no such state",
                )
            return None
        if self.entity.single:
            self.findings.add(
                "single-entity",
                f"`{self.entity.name}` is single and there from the start, so nothing makes it",
                text.span,
                reason="a constructor",
                labels=declared(self.entity.span, "declared here"),
            )
        return (NEW,)

    def is_source(self, text: Text) -> bool:
        if not is_state(text, self.entity.syntax, self.findings):
            return False
        if text.text in self.entity.final:
            place = next(state.span for state in self.entity.syntax.final if state.text == text.text)
            self.findings.add(
                "final-has-exit",
                f"`{self.action.name}` starts in `{text.text}`, which is final",
                text.span,
                reason="a final state accepts nothing",
                labels=declared(place, "declared final here"),
            )
            return False
        return True

    def unset(self) -> dict[str, str]:
        if not self.action.constructor:
            return {}
        return dict.fromkeys(needed_fields(self.entity), f"`{self.action.name}` makes a new instance")

    def common(self, unset: Mapping[str, str]) -> tuple[Way, dict[str, str]]:
        name, common = self.action.name, self.syntax.common
        guard = (
            None
            if common.when is None
            else read_guard(common.when, self.place(f"the guard of `{name}`", unset), self.findings)
        )
        updates = read_updates(common.set_, common.spawn, self.place(f"`{name}`", unset), self.findings)
        set_now = {update.name for update in updates} | self.spawned(common)
        left = {field: why for field, why in unset.items() if field not in set_now}
        # Common deliveries read the data after the case's own `set`, which is known to set the rest.
        deliveries = read_deliveries(common, self.place(f"`{name}`", {}), self.findings)
        return Way(guard, updates, self.goal(common), deliveries, self.restarts(common), self.syntax.name.span), left

    def case(self, case: CaseSyntax, number: int, unset: Mapping[str, str]) -> Way:
        name = self.action.name
        what = f"case {number} of `{name}`"
        guard = (
            None
            if case.when is None
            else read_guard(case.when, self.place(f"the guard of {what}", unset), self.findings)
        )
        updates = read_updates(case.set_, case.spawn, self.place(what, unset), self.findings)
        deliveries = read_deliveries(case, self.place(what, {}), self.findings)
        return Way(guard, updates, self.goal(case), deliveries, self.restarts(case), case.span)

    @staticmethod
    def spawned(case: CaseSyntax) -> set[str]:
        return {spawn.into.text for spawn in case.spawn if spawn.into is not None}

    def goal(self, case: CaseSyntax) -> str | None:
        to = case.to
        return to.text if to is not None and is_state(to, self.entity.syntax, self.findings) else None

    def restarts(self, case: CaseSyntax) -> tuple[str, ...]:
        known = list(self.entity.timers)
        for text in case.restart:
            if text.text not in known:
                self.findings.add(
                    "unknown-timer",
                    f"`{self.entity.name}` has no timer `{text.text}`",
                    text.span,
                    reason="not one of its timers",
                    notes=(f"its timers are {listed(known)}",),
                    helps=did_you_mean(text.span, text.text, known),
                )
        return tuple(text.text for text in case.restart)

    def check_cases(self) -> None:
        cases = self.syntax.cases
        for case, following in pairwise(cases):
            if case.when is None:
                self.findings.add(
                    "unreachable-case",
                    f"this case of `{self.action.name}` is never taken: the one before it always is",
                    following.span,
                    reason="never taken",
                    labels=declared(case.span, "has no `when`, so it always matches"),
                )
                return

    def check_leaves_new(self) -> None:
        if not self.action.constructor or self.syntax.common.to is not None:
            return
        staying = [case for case in self.syntax.cases if case.to is None]
        if staying or not self.syntax.cases:
            span = staying[0].span if staying else self.syntax.name.span
            self.findings.add(
                "constructor-stays",
                f"the constructor `{self.action.name}` has no `to`, so the instance has no state",
                span,
                reason="which state does it begin in?",
            )

    def check_all_set(self) -> None:
        if not self.action.constructor:
            return
        common = self.written(self.syntax.common)
        ways = [common | self.written(case) for case in self.syntax.cases] or [common]
        for name, field in needed_fields(self.entity).items():
            if any(name not in way for way in ways):
                self.findings.add(
                    "field-without-value",
                    f"`{self.action.name}` does not set `{name}`, and {article(field.type)} has no value to begin with",
                    self.syntax.name.span,
                    reason=f"leaves `{name}` without a value",
                    labels=declared(field.span, f"`{name}` is declared here"),
                    notes=(f"set it, give it a default, or declare it `{field.type} | None`",),
                )

    def written(self, case: CaseSyntax) -> set[str]:
        return {target.text for target, _ in (case.set_.items if case.set_ else ())} | self.spawned(case)
