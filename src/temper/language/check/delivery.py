"""What an applied call hands on: requests of effects, messages, new instances."""

from __future__ import annotations

from dataclasses import dataclass

from temper.language.check.arguments import read_arguments
from temper.language.check.declared import ActionName, EntityName
from temper.language.check.findings import Findings, article, declared, did_you_mean, listed
from temper.language.check.place import Place
from temper.language.check.read import read_any
from temper.language.check.signature import is_true
from temper.language.check.target import Pool, find_action, machine_may_call, read_target
from temper.language.syntax import CaseSyntax, DoSyntax, SendSyntax, SpawnSyntax, TargetSyntax, Text
from temper.machine import (
    STR,
    UNKNOWN,
    Expression,
    OptionType,
    RefType,
    Request,
    Send,
    SetType,
    Spawn,
    Target,
    Template,
)


def read_deliveries(case: CaseSyntax, place: Place, findings: Findings) -> tuple[Template, ...]:
    """The deliveries of a case or of an action's common part: effects, then messages, then spawns."""
    entity = place.entity
    assert entity is not None, "deliveries belong to an entity"
    handed = (*(do.span for do in case.do), *(send.span for send in case.send), *(spawn.span for spawn in case.spawn))
    if entity.world and handed:
        findings.add(
            "world-entity",
            f"`{entity.name}` is the outside world, which hands nothing on",
            handed[0],
            reason="a world entity sends, spawns and asks nothing",
        )
        return ()
    reader = _Deliveries(place, entity, findings)
    read: tuple[Template | None, ...] = (
        *(reader.request(do) for do in case.do),
        *(reader.message(send) for send in case.send),
        *(reader.spawn(spawn) for spawn in case.spawn),
    )
    return tuple(template for template in read if template is not None)


@dataclass(frozen=True, slots=True)
class _Deliveries:
    """Reads deliveries in their place. One with a finding is None."""

    place: Place
    entity: EntityName
    findings: Findings

    def request(self, syntax: DoSyntax) -> Request | None:
        name = syntax.effect.text
        effect = self.place.declared.effects.get(name)
        if effect is None:
            known = list(self.place.declared.effects)
            self.findings.add(
                "unknown-effect",
                f"there is no effect `{name}`",
                syntax.effect.span,
                reason="not declared",
                notes=(f"the effects are {listed(known)}",),
                helps=did_you_mean(syntax.effect.span, name, known),
            )
            return None
        before = self.findings.errors
        args = read_arguments(
            syntax.with_, effect.params, self.place, self.findings, to=f"the effect `{name}`", at=syntax.effect.span
        )
        then: dict[str, Target] = {}
        for outcome, target in syntax.then:
            if outcome.text != UNKNOWN and outcome.text not in effect.outcomes:
                self.unknown_outcome(outcome, name, list(effect.outcomes))
                continue
            pool: Pool = {**effect.params, **effect.outcomes.get(outcome.text, {})}
            then[outcome.text] = self.target(target, pool, f"the outcome `{outcome.text}` of `{name}`", "")
        written = {outcome.text for outcome, _ in syntax.then}
        missing = [outcome for outcome in (*effect.outcomes, UNKNOWN) if outcome not in written]
        misspelt = any(outcome != UNKNOWN and outcome not in effect.outcomes for outcome in written)
        if missing and not misspelt:
            self.findings.add(
                "outcome-without-target",
                f"nothing follows the outcome {listed(missing)} of `{name}`"
                if len(missing) == 1
                else f"nothing follows the outcomes {listed(missing)} of `{name}`",
                syntax.effect.span,
                reason=f"`then` lacks {listed(missing)}",
                labels=declared(effect.span, f"`{name}` is declared here"),
                notes=("`unknown` comes when all attempts failed or the answer was lost",)
                if UNKNOWN in missing
                else (),
            )
        if before != self.findings.errors:
            return None
        ordered = tuple((outcome, then[outcome]) for outcome in (*effect.outcomes, UNKNOWN))
        return Request(name, args, is_true(syntax.replaces), ordered, syntax.span)

    def unknown_outcome(self, outcome: Text, effect: str, known: list[str]) -> None:
        self.findings.add(
            "unknown-outcome",
            f"`{effect}` has no outcome `{outcome.text}`",
            outcome.span,
            reason="not declared",
            notes=(f"its outcomes are {listed([*known, UNKNOWN])}",),
            helps=did_you_mean(outcome.span, outcome.text, [*known, UNKNOWN]),
        )

    def message(self, syntax: SendSyntax) -> Send | None:
        before = self.findings.errors
        to = read_any(syntax.to, self.place, self.findings)
        name = None if to is None else self.receiver(syntax.to, to)
        receiver = None if name is None else self.place.declared.entities.get(name)
        if to is None or receiver is None:
            return None
        action = find_action(syntax.action, receiver, self.findings)
        if action is None or not machine_may_call(syntax.action, receiver, action, self.findings):
            return None
        args = self.arguments(syntax, receiver, action)
        refused = self.refused(syntax.refused, receiver, action, "the refusal of `{}`", "")
        if before != self.findings.errors:
            return None
        return Send(to, receiver.name, action.name, args, refused, syntax.span)

    def receiver(self, text: Text, to: Expression) -> str | None:
        match to.type:
            case RefType(name) | OptionType(RefType(name)) | SetType(RefType(name)):
                return name
            case other:
                self.findings.add(
                    "type-mismatch",
                    f"a message goes to a reference or a set of them, but `{text.text}` is {article(other)}",
                    text.span,
                    reason=f"this is {article(other)}",
                )
                return None

    def spawn(self, syntax: SpawnSyntax) -> Spawn | None:
        before = self.findings.errors
        child = self.child(syntax)
        action = None if child is None else find_action(syntax.action, child, self.findings)
        if child is None or action is None:
            return None
        if not machine_may_call(syntax.action, child, action, self.findings, constructor=True):
            return None
        self.check_into(syntax, child)
        args = self.arguments(syntax, child, action)
        why = "an id is never used again, so a spawn is not asked again"
        refused = self.refused(syntax.refused, child, action, "the refusal of the spawn `{}`", why)
        if before != self.findings.errors:
            return None
        into = syntax.into.text if syntax.into else ""
        return Spawn(child.name, action.name, args, into, refused, syntax.span)

    def child(self, syntax: SpawnSyntax) -> EntityName | None:
        name = syntax.entity.text
        child = find_entity(syntax.entity, self.place, self.findings)
        if child is not None and child.single:
            self.findings.add(
                "single-entity",
                f"`{name}` cannot be spawned: it is single and there from the start",
                syntax.entity.span,
                reason="exactly one instance",
                labels=declared(child.span, f"`{name}` is declared here"),
            )
            return None
        return child

    def check_into(self, syntax: SpawnSyntax, child: EntityName) -> None:
        into = syntax.into
        if into is None:
            return
        fields = self.entity.fields
        if into.text not in fields:
            self.findings.add(
                "unknown-field",
                f"`{self.entity.name}` has no field `{into.text}`",
                into.span,
                reason="not one of its fields",
                helps=did_you_mean(into.span, into.text, list(fields)),
            )
            return
        field = fields[into.text]
        if field is not None and field.type not in (RefType(child.name), OptionType(RefType(child.name))):
            self.findings.add(
                "type-mismatch",
                f"`{into.text}` is {article(field.type)} and cannot hold a reference to a `{child.name}`",
                into.span,
                reason=f"holds {article(field.type)}",
                labels=declared(field.span, f"`{into.text}` is declared here"),
            )

    def arguments(
        self, syntax: SendSyntax | SpawnSyntax, receiver: EntityName, action: ActionName
    ) -> tuple[tuple[str, Expression], ...]:
        to = f"`{receiver.name}.{action.name}`"
        return read_arguments(syntax.with_, action.params, self.place, self.findings, to=to, at=syntax.action.span)

    def refused(
        self, target: TargetSyntax | None, receiver: EntityName, action: ActionName, after: str, again: str
    ) -> Target:
        assert target is not None, "parsing asks for `refused`"
        pool = {**action.params, "reason": STR, "receiver": RefType(receiver.name)}
        return self.target(target, pool, after.format(action.name), again)

    def target(self, target: TargetSyntax, pool: Pool, after: str, again: str) -> Target:
        return read_target(target, self.entity, pool, self.findings, after=after, again=again)


def find_entity(text: Text, place: Place, findings: Findings) -> EntityName | None:
    """The entity of that name, or a finding."""
    entity = place.declared.entities.get(text.text)
    if entity is None:
        known = list(place.declared.entities)
        findings.add(
            "unknown-entity",
            f"there is no entity `{text.text}`",
            text.span,
            reason="not declared",
            notes=(f"the entities are {listed(known)}",),
            helps=did_you_mean(text.span, text.text, known),
        )
    return entity
