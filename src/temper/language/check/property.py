"""Properties: their form, what they range over, and what they say."""

from __future__ import annotations

import ast

from temper.language.check.declared import ActionName, Declared, EntityName
from temper.language.check.findings import Findings, declared, did_you_mean, listed
from temper.language.check.names import Letters, check_name
from temper.language.check.place import Place, Variable
from temper.language.check.read import read_guard
from temper.language.python import Parsed, parse_python
from temper.language.syntax import PropertySyntax, Text
from temper.machine import BOOL, Expression, Op, Property, PropertyKind, RefType
from temper.report import Diagnostic, Span

_KINDS = ("always", "step", "eventually", "possible")
_HOLDS = Expression(Op.LITERAL, BOOL, value=True)


def read_property(syntax: PropertySyntax, words: Declared, findings: Findings) -> Property | None:
    """The property with all its parts checked; None after a finding."""
    return _Property(syntax, words, findings).read()


class _Property:
    """One property being read."""

    def __init__(self, syntax: PropertySyntax, words: Declared, findings: Findings) -> None:
        self.syntax = syntax
        self.name = syntax.name.text
        self.words = words
        self.findings = findings

    def read(self) -> Property | None:
        before = self.findings.errors
        found = self.kind()
        if found is None:
            return None
        kind, text = found
        self.check_companions(kind)
        variables = self.variables()
        if variables is None:
            return None
        on = None if self.syntax.on is None else self.on(self.syntax.on, variables)
        if kind is PropertyKind.STEP and (len(variables) != 1 or (on is None and self.syntax.on is not None)):
            self.check_one_variable(variables)
            return None
        place = self.stepping(variables, on) if kind is PropertyKind.STEP else self.place(f"`{self.name}`", variables)
        premise = self.syntax.whenever
        whenever = (
            None
            if premise is None
            else read_guard(premise, self.place(f"the premise of `{self.name}`", variables), self.findings)
        )
        body = read_guard(text, place, self.findings)
        assuming = self.assuming()
        if self.findings.errors != before:
            return None
        return Property(
            name=self.name,
            kind=kind,
            variables=tuple(variables.items()),
            whenever=whenever,
            body=body or _HOLDS,
            on=None if on is None else (on[0].name, on[1].name),
            assuming=assuming,
            doc=self.syntax.doc,
            span=self.syntax.name.span,
        )

    def kind(self) -> tuple[PropertyKind, Text] | None:
        syntax = self.syntax
        written = {
            "always": syntax.always,
            "step": syntax.step,
            "eventually": syntax.eventually,
            "possible": syntax.possible,
        }
        there = [(kind, text) for kind, text in written.items() if text is not None]
        if len(there) == 1:
            return PropertyKind(there[0][0]), there[0][1]
        if there:
            message = f"`{self.name}` says {listed(kind for kind, _ in there)}, but a property says one thing"
            self.findings.add(
                "property-form", message, there[1][1].span, reason="one too many", notes=("write a property for each",)
            )
        else:
            self.findings.add(
                "property-form",
                f"`{self.name}` claims nothing: it has none of {listed(_KINDS)}",
                syntax.name.span,
                reason="what must hold?",
            )
        return None

    def check_companions(self, kind: PropertyKind) -> None:
        """`whenever`, `on` and `assuming` each go with some kinds only."""
        syntax = self.syntax
        assumed = syntax.assuming[0] if syntax.assuming else None
        for word, text, kinds in (
            ("whenever", syntax.whenever, (PropertyKind.ALWAYS, PropertyKind.EVENTUALLY)),
            ("on", syntax.on, (PropertyKind.STEP,)),
            ("assuming", assumed, (PropertyKind.EVENTUALLY,)),
        ):
            if text is not None and kind not in kinds:
                goes = " or ".join(f"`{one.value}`" for one in kinds)
                self.findings.add(
                    "property-form",
                    f"`{word}` goes with {goes}, not with `{kind.value}`",
                    text.span,
                    reason=f"means nothing beside `{kind.value}`",
                )

    def check_one_variable(self, variables: dict[str, str]) -> None:
        if len(variables) != 1:
            span = self.syntax.for_.span if self.syntax.for_ else self.syntax.name.span
            self.findings.add(
                "property-form",
                f"`{self.name}` is about one step of one instance, so `for:` names one variable",
                span,
                reason=f"{len(variables)} variables",
            )

    def variables(self) -> dict[str, str] | None:
        """Each variable of `for:` with its entity; None after a finding."""
        text = self.syntax.for_
        if text is None:
            return {}
        parsed = parse_python(text)
        if isinstance(parsed, Diagnostic):
            self.findings.put(parsed)
            return None
        found: dict[str, str] = {}
        for part in parsed.body.elts if isinstance(parsed.body, ast.Tuple) else [parsed.body]:
            match part:
                case ast.Compare(left=ast.Name() as name, ops=[ast.In()], comparators=[ast.Name() as entity]):
                    if not self.bind(parsed, name, entity, found):
                        return None
                case _:
                    self.findings.add(
                        "property-form",
                        "`for:` names variables and entities: `x in Job, y in Worker`",
                        parsed.span(part),
                        reason="not of the form `x in Job`",
                    )
                    return None
        return found

    def bind(self, parsed: Parsed, name: ast.Name, entity: ast.Name, found: dict[str, str]) -> bool:
        span = parsed.span(name)
        variable = Text(name.id, span, parsed.text.source)
        if entity.id not in self.words.entities:
            at = parsed.span(entity)
            known = list(self.words.entities)
            self.findings.add(
                "unknown-entity",
                f"there is no entity `{entity.id}`",
                at,
                reason="not declared",
                notes=(f"the entities are {listed(known)}",),
                helps=did_you_mean(at, entity.id, known),
            )
            return False
        if not check_name(variable, "variables", Letters.SMALL, self.findings):
            return False
        if name.id in self.words.members or name.id in found:
            what = "a variable already" if name.id in found else "a state or member"
            self.findings.add(
                "name-taken",
                f"`{name.id}` is {what}, so a variable needs another name",
                span,
                reason="taken",
                labels=declared(self.words.members.get(name.id), "a state or member of that name"),
            )
            return False
        found[name.id] = entity.id
        return True

    def place(self, what: str, variables: dict[str, str]) -> Place:
        bound = {name: Variable(RefType(entity), exists=True) for name, entity in variables.items()}
        return Place(self.words, what, variables=bound, follows=True)

    def stepping(self, variables: dict[str, str], on: tuple[EntityName, ActionName] | None) -> Place:
        ((name, of),) = variables.items()
        entity = self.words.entities[of]
        born = not entity.single and (on is None or on[1].constructor)
        return Place(
            self.words,
            f"`{self.name}`",
            params=None if on is None else on[1].params,
            variables={name: Variable(RefType(of), exists=True)},
            stepping=entity,
            stepped=name,
            born=born,
            follows=True,
        )

    def on(self, text: Text, variables: dict[str, str]) -> tuple[EntityName, ActionName] | None:
        """The action that a `step` property is restricted to."""
        entity, action = self.dotted(text)
        if entity is None or action is None:
            return None
        if entity.name not in variables.values():
            self.findings.add(
                "property-form",
                f"`{self.name}` is about another entity than `{entity.name}`",
                text.span,
                reason="not an action of the variable's entity",
            )
            return None
        return entity, action

    def dotted(self, text: Text) -> tuple[EntityName | None, ActionName | None]:
        """The entity and action that `Job.ack` names."""
        name, _, action = text.text.partition(".")
        entity = self.words.entities.get(name)
        known = [f"{one.name}.{a}" for one in self.words.entities.values() for a in one.actions]
        if entity is None:
            self.missing("unknown-entity", text, known)
            return None, None
        if action not in entity.actions:
            self.missing("unknown-action", text, known)
            return None, None
        return entity, entity.actions[action]

    def missing(self, code: str, text: Text, known: list[str]) -> None:
        self.findings.add(
            code,
            f"there is no `{text.text}`",
            text.span,
            reason="not declared",
            helps=did_you_mean(text.span, text.text, known),
        )

    def assuming(self) -> tuple[tuple[str, str], ...]:
        return tuple(pair for text in self.syntax.assuming if (pair := self.assumption(text)) is not None)

    def assumption(self, text: Text) -> tuple[str, str] | None:
        """`Entity.action` that somebody calls at last, or `effect.outcome` that comes at last."""
        name, _, what = text.text.partition(".")
        if name in self.words.effects:
            effect = self.words.effects[name]
            if what in effect.outcomes:
                return name, what
            self.missing("unknown-outcome", text, [f"{name}.{outcome}" for outcome in effect.outcomes])
            return None
        if not name[:1].isupper():
            outcomes = [f"{e.name}.{outcome}" for e in self.words.effects.values() for outcome in e.outcomes]
            self.missing("unknown-effect", text, outcomes)
            return None
        entity, action = self.dotted(text)
        if entity is None or action is None:
            return None
        if not action.by:
            self.findings.add(
                "assumed-of-machine",
                f"`{text.text}` is the machine's own call; nobody needs to be assumed to make it",
                text.span,
                reason="nobody may call it",
                labels=declared(_at(action), "it has no `by:`"),
            )
            return None
        return name, what


def _at(action: ActionName) -> Span:
    return action.span
