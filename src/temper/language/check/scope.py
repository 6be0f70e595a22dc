"""`scope:` what the exhaustive search looks at."""

from __future__ import annotations

from temper.language.check.constant import value_of
from temper.language.check.declared import Declared
from temper.language.check.findings import Findings, did_you_mean, listed
from temper.language.check.names import Letters, check_names
from temper.language.check.place import Place
from temper.language.check.read import read_expression, read_stored
from temper.language.python import parse_python
from temper.language.syntax import ScopeSyntax, Text
from temper.machine import INT, STR, Scope, StrType, Type, Value
from temper.report import Diagnostic


def read_scope(syntax: ScopeSyntax | None, words: Declared, findings: Findings) -> Scope:
    """The scope, its parts checked; what is left out has its default."""
    return Scope() if syntax is None else _Scope(syntax, words, findings).read()


class _Scope:
    """The scope being read."""

    def __init__(self, syntax: ScopeSyntax, words: Declared, findings: Findings) -> None:
        self.syntax = syntax
        self.words = words
        self.findings = findings

    def read(self) -> Scope:
        default = Scope()
        return Scope(
            instances=self.instances(),
            principals=self.principals(),
            values=self.values(),
            unbounded=self.unbounded(),
            in_flight=self.number(self.syntax.in_flight, "in_flight", 1, default.in_flight),
            late=self.number(self.syntax.late, "late", 0, default.late),
        )

    def number(self, text: Text | None, what: str, least: int, default: int) -> int:
        if text is None:
            return default
        value = self.whole(text, f"`{what}`")
        if value is not None and value < least:
            self.findings.add(
                "bad-number", f"`{what}` is at least {least}, not {text.text}", text.span, reason=f"below {least}"
            )
            return default
        return default if value is None else value

    def whole(self, text: Text, what: str) -> int | None:
        found = read_expression(text, INT, Place(self.words, what), self.findings)
        if found is None:
            return None
        value = value_of(found)
        assert isinstance(value, int)
        return value

    def instances(self) -> tuple[tuple[str, int], ...]:
        given = []
        for name, text in self.syntax.instances.items if self.syntax.instances else ():
            entity = self.words.entities.get(name.text)
            if entity is None:
                self.unknown("unknown-entity", "entity", name, list(self.words.entities))
                continue
            if entity.single:
                self.findings.add(
                    "single-entity",
                    f"`{name.text}` is single: there is always one",
                    name.span,
                    reason="exactly one instance",
                )
            given.append((name.text, self.number(text, name.text, 0, 1)))
        return tuple(given)

    def unknown(self, code: str, what: str, name: Text, known: list[str]) -> None:
        self.findings.add(
            code,
            f"there is no {what} `{name.text}`",
            name.span,
            reason="not declared",
            notes=(f"there is {listed(known)}",),
            helps=did_you_mean(name.span, name.text, known),
        )

    def principals(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        check_names((name for name, _ in self.syntax.principals), "principals", Letters.SMALL, self.findings)
        for _, roles in self.syntax.principals:
            for role in roles:
                if role.text not in self.words.roles:
                    self.unknown("unknown-role", "role", role, list(self.words.roles))
        return tuple((name.text, tuple(role.text for role in roles)) for name, roles in self.syntax.principals)

    def values(self) -> tuple[tuple[str, tuple[Value, ...]], ...]:
        given = []
        for name, texts in self.syntax.values:
            type_ = STR if name.text == "str" else self.words.types.get(name.text)
            if type_ is None:
                if name.text not in self.words.broken:
                    self.unknown("unknown-type", "named type", name, [*self.words.types, "str"])
                continue
            values = [self.value(text, type_, name.text) for text in texts]
            given.append((name.text, tuple(value for value, sound in values if sound)))
        return tuple(given)

    def value(self, text: Text, type_: Type, name: str) -> tuple[Value, bool]:
        """A value that is tried. A text needs no quotes inside its quotes."""
        if isinstance(type_, StrType) and not _is_python_text(text):
            return text.text, True
        found = read_stored(text, type_, Place(self.words, f"a value of `{name}`"), self.findings)
        return (None, False) if found is None else (value_of(found), True)

    def unbounded(self) -> tuple[int, int] | None:
        bounds = [self.whole(text, "`unbounded`") for text in self.syntax.unbounded]
        if len(bounds) != 2 or bounds[0] is None or bounds[1] is None:
            return None
        lo, hi = bounds[0], bounds[1]
        if lo > hi:
            self.findings.add(
                "bad-number",
                f"the range from {lo} to {hi} is empty",
                self.syntax.unbounded[0].span,
                reason=f"above {hi}",
            )
            return None
        return lo, hi


def _is_python_text(text: Text) -> bool:
    return text.text[:1] in {"'", '"'} and not isinstance(parse_python(text), Diagnostic)
