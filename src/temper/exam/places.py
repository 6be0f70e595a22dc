"""Where in a blueprint's text its rows stand: actions, cases, deliveries, as paths of a sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from temper.language import Sheet

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A part of an action: the action itself, one of its cases, or one of its deliveries."""

    entity: str
    action: str
    path: Path
    case: int | None = None

    @property
    def name(self) -> str:
        return f"{self.entity}.{self.action}"

    @property
    def said(self) -> str:
        """What messages call it."""
        return f"`{self.name}`" if self.case is None else f"case {self.case} of `{self.name}`"


def actions(sheet: Sheet) -> Iterator[Place]:
    """Every action, in written order."""
    for entity in sheet.keys("entities"):
        for action in sheet.keys("entities", entity, "actions"):
            yield Place(entity, action, ("entities", entity, "actions", action))


def parts(sheet: Sheet, action: Place) -> Iterator[Place]:
    """The action's common part and its cases: each may have `when`, `set`, `to`, deliveries."""
    yield action
    for number in sheet.places(*action.path, "cases"):
        yield Place(action.entity, action.action, (*action.path, "cases", number), number)


def deliveries(sheet: Sheet, part: Place) -> Iterator[tuple[str, Path]]:
    """What a part hands on: `do`, `send` or `spawn`, and where it stands."""
    for kind in ("do", "send", "spawn"):
        for number in sheet.places(*part.path, kind):
            yield kind, (*part.path, kind, number)


def targets(sheet: Sheet, part: Place) -> Iterator[tuple[str, Path]]:
    """Where the machine is told what to call: how an outcome or a refusal is called, and where its target stands."""
    for kind, path in deliveries(sheet, part):
        if kind == "do":
            effect = sheet.word(*path, "effect")
            for outcome in sheet.keys(*path, "then"):
                yield f"{effect}.{outcome}", (*path, "then", outcome)
        elif sheet.has(*path, "refused"):
            yield f"a refused `{sheet.word(*path, 'action')}`", (*path, "refused")


def expressions(sheet: Sheet, part: Place) -> Iterator[tuple[str, Path]]:
    """Where a part has expressions that are no guards: what is set and what is passed on."""
    for field in sheet.keys(*part.path, "set"):
        yield f"what {part.said} sets `{field}` to", (*part.path, "set", field)
    for _, path in deliveries(sheet, part):
        for name in sheet.keys(*path, "with"):
            yield f"what {part.said} passes on as `{name}`", (*path, "with", name)
