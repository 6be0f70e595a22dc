"""Effects: how they are asked, how they end, and what they do to the outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from temper.language.check.arguments import read_arguments
from temper.language.check.constant import value_of
from temper.language.check.declared import Declared, EffectName, EntityName
from temper.language.check.findings import Findings, declared, did_you_mean, listed
from temper.language.check.place import Place
from temper.language.check.read import read_expression, read_stored
from temper.language.check.signature import is_true, split_default
from temper.language.syntax import EffectSyntax, PerformsSyntax, TellSyntax, Text
from temper.machine import (
    DURATION,
    INT,
    DeliveryKind,
    Effect,
    Expression,
    Op,
    Outcome,
    Parameter,
    Performs,
    Retry,
    Type,
    parts,
)

TIMEOUT = 30_000
"""How long an attempt may take when the blueprint does not say, in milliseconds."""


def read_effect(effect: EffectName, words: Declared, findings: Findings) -> Effect | None:
    """The effect with all its parts checked."""
    return _Effect(effect, words, findings).read()


class _Effect:
    """One effect being read."""

    def __init__(self, effect: EffectName, words: Declared, findings: Findings) -> None:
        self.effect = effect
        self.syntax: EffectSyntax = effect.syntax
        self.words = words
        self.findings = findings

    def read(self) -> Effect | None:
        kind = self.kind()
        outcomes = tuple(
            self.outcome(name, fields) for name, fields in self.syntax.outcomes if name.text in self.effect.outcomes
        )
        performs = None if self.syntax.performs is None else self.performs(self.syntax.performs, outcomes, kind)
        timeout = self.positive(self.syntax.timeout, DURATION, f"the timeout of `{self.effect.name}`", TIMEOUT)
        retry = self.retry(kind)
        if kind is None:
            return None
        return Effect(
            name=self.effect.name,
            params=_parameters(self.effect.params),
            outcomes=outcomes,
            delivery=kind,
            fenced=is_true(self.syntax.fenced),
            performs=performs,
            timeout=timeout,
            retry=retry,
            doc=self.syntax.doc,
            span=self.syntax.name.span,
        )

    def kind(self) -> DeliveryKind | None:
        written = self.syntax.delivery
        assert written is not None, "parsing asks for `delivery`"
        kinds = [kind.value for kind in DeliveryKind]
        if written.text in kinds:
            return DeliveryKind(written.text)
        self.findings.add(
            "unknown-delivery",
            f"`{written.text}` is no kind of delivery; there is {listed(kinds)}",
            written.span,
            reason="not a kind of delivery",
            notes=("asked once, deduplicated by the receiver under our key, or safe to repeat",),
            helps=did_you_mean(written.span, written.text, kinds),
        )
        return None

    def outcome(self, name: Text, fields: tuple[TellSyntax, ...]) -> Outcome:
        types = self.effect.outcomes[name.text]
        told = []
        for field in fields:
            _, default = split_default(field.type_)
            type_ = types.get(field.name.text)
            if default is None:
                continue
            found = self.told(name.text, field.name.text, default, type_)
            if found is not None:
                told.append((field.name.text, found))
        return Outcome(name.text, _parameters(types), tuple(told))

    def told(self, outcome: str, field: str, text: Text, type_: Type | None) -> Expression | None:
        what = f"what `{outcome}.{field}` tells"
        if self.syntax.performs is None:
            self.findings.add(
                "told-nothing",
                f"{what} is read when the effect is performed, but `{self.effect.name}` has no `performs`",
                text.span,
                reason="there is no such moment",
            )
            return None
        if type_ is None:
            return None
        found = read_stored(text, type_, Place(self.words, what, follows=True), self.findings)
        if found is not None and not self.is_outside(found, what, text):
            return None
        return found

    def is_outside(self, found: Expression, what: str, text: Text) -> bool:
        for part in parts(found):
            inside = part.op is Op.INSTANCES or (
                part.op is Op.LITERAL
                and part.value in self.words.entities
                and not self.words.entities[part.value].world
            )
            if inside:
                self.findings.add(
                    "told-nothing",
                    f"{what} can only be read from world entities",
                    part.span or text.span,
                    reason="not the outside world",
                )
                return False
        return True

    def performs(
        self, syntax: PerformsSyntax, outcomes: tuple[Outcome, ...], kind: DeliveryKind | None
    ) -> Performs | None:
        surely = self.outcomes_in(syntax.surely)
        never = self.outcomes_in(syntax.never)
        telling = [outcome.name for outcome in outcomes if outcome.told]
        if kind is DeliveryKind.IDEMPOTENT and syntax.never:
            self.findings.add(
                "not-with-idempotent",
                "`not:` cannot be said of an idempotent effect, which may have happened in an earlier attempt",
                syntax.never[0].span,
                reason="it may have happened before this answer",
                labels=declared(
                    self.syntax.delivery.span if self.syntax.delivery else None, "declared idempotent here"
                ),
            )
        for text in syntax.never:
            if text.text in surely or text.text in telling:
                why = "is `surely`" if text.text in surely else "tells what happened"
                self.findings.add(
                    "surely-and-not",
                    f"`{text.text}` cannot come only if it did not happen: it also {why}",
                    text.span,
                    reason="both at once",
                )
        called = self.called(syntax.call)
        if called is None:
            return None
        entity, action = called
        params = entity.actions[action].params
        place = Place(self.words, "`performs`", params=self.effect.params, bare_params=True)
        to = f"`{entity.name}.{action}`"
        args = read_arguments(syntax.with_, params, place, self.findings, to=to, at=syntax.call.span)
        certain = tuple(name for name in self.effect.outcomes if name in surely or name in telling)
        return Performs(entity.name, action, args, certain, tuple(never))

    def outcomes_in(self, texts: tuple[Text, ...]) -> list[str]:
        known = list(self.effect.outcomes)
        for text in texts:
            if text.text not in known:
                self.findings.add(
                    "unknown-outcome",
                    f"`{self.effect.name}` declares no outcome `{text.text}`",
                    text.span,
                    reason="not declared",
                    notes=(f"its outcomes are {listed(known)}",),
                    helps=did_you_mean(text.span, text.text, known),
                )
        return list(dict.fromkeys(text.text for text in texts if text.text in known))

    def called(self, call: Text) -> tuple[EntityName, str] | None:
        """The world entity and the action that `call: Router.route` names."""
        name, _, action = call.text.partition(".")
        entity = self.words.entities.get(name)
        known = [
            f"{world.name}.{one}" for world in self.words.entities.values() if world.world for one in world.actions
        ]
        if entity is not None and not entity.world:
            self.findings.add(
                "performs-inside",
                f"an effect acts on the outside, but `{name}` is no world entity",
                call.span,
                reason="not a world entity",
                labels=declared(entity.span, f"`{name}` is declared here"),
                notes=("messages go to other instances: `send:`",),
            )
            return None
        if entity is None or action not in entity.actions:
            code = "unknown-entity" if entity is None else "unknown-action"
            self.findings.add(
                code,
                f"there is no `{call.text}` that an effect could perform",
                call.span,
                reason="an action of a world entity, such as `Router.route`",
                notes=(f"what can be performed is {listed(known)}",),
                helps=did_you_mean(call.span, call.text, known),
            )
            return None
        return entity, action

    def positive(self, text: Text | None, type_: Type, what: str, default: int) -> int:
        """A number or duration above zero that is known beforehand."""
        if text is None:
            return default
        found = read_expression(text, type_, Place(self.words, what), self.findings)
        if found is None:
            return default
        value = value_of(found)
        assert isinstance(value, int)
        if value <= 0:
            self.findings.add(
                "bad-number", f"{what} must be more than zero, not {text.text}", text.span, reason="not above zero"
            )
            return default
        return value

    def retry(self, kind: DeliveryKind | None) -> Retry:
        default = Retry()
        if self.syntax.retry is None:
            return Retry(attempts=1) if kind is DeliveryKind.AT_MOST_ONCE else default
        if kind is DeliveryKind.AT_MOST_ONCE:
            self.findings.add(
                "retry-at-most-once",
                f"`{self.effect.name}` is asked at most once, so it has no retry",
                self.syntax.retry.span,
                reason="a second attempt would be a second request",
            )
            return default
        given = dict(self._retry_parts())
        return Retry(given["attempts"], given["first"], given["factor"], given["cap"])

    def _retry_parts(self) -> Iterator[tuple[str, int]]:
        assert self.syntax.retry is not None
        written = {name.text: text for name, text in self.syntax.retry.items}
        default = Retry()
        for name in ("attempts", "first", "factor", "cap"):
            type_ = INT if name in {"attempts", "factor"} else DURATION
            what = f"`{name}` of the retry of `{self.effect.name}`"
            yield name, self.positive(written.get(name), type_, what, getattr(default, name))


def _parameters(types: Mapping[str, Type | None]) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, type_) for name, type_ in types.items() if type_ is not None)
