"""What the policies about an action mention: two calls that are alike in it are decided alike.

A policy gets at an attribute by its name alone, which stands in the policy as a text. So what counts as mentioned is
every text that stands anywhere in a policy about the action: too much at times, and never too little.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from temper.machine.policy import ACTION_TYPE, cedar_type, policy_trees
from temper.machine.table import Action, Entity, Field, Parameter, TransitionTable

BY_NAME = frozenset({".", "has"})
"""What reads one attribute of what stands to its left."""


@dataclass(frozen=True, slots=True)
class Mentions:
    """Every text in the policies about one action, and whether they take the arguments as a whole."""

    texts: frozenset[str]
    every_argument: bool
    """A record of all arguments is compared, and so differs with each."""

    @property
    def state(self) -> bool:
        """Whether the control state matters."""
        return "state" in self.texts

    def instance(self, ident: str) -> bool:
        """Whether the instance of this id is another than any of which nothing is said."""
        return ident in self.texts

    def fields(self, entity: Entity) -> tuple[Field, ...]:
        """The fields that matter, as declared."""
        return tuple(each for each in entity.fields if each.name in self.texts and cedar_type(each.type) is not None)

    def params(self, action: Action) -> tuple[Parameter, ...]:
        """The parameters that matter, as declared."""
        return tuple(each for each in action.params if self.every_argument or each.name in self.texts)


def mentions(table: TransitionTable, entity: Entity, action: Action) -> Mentions:
    """What the policies that are about the action mention.

    >>> from temper.machine import Gate
    >>> table = TransitionTable("t", (), (), (), (), (), (), policies=(
    ...     ("a.cedar", 'permit(principal, action == Action::"Door.open", resource) when { context.key == 1 };'),
    ...     ("b.cedar", 'forbid(principal, action == Action::"Door.shut", resource) when { resource.stuck };'),
    ... ))
    >>> open = Action("open", Gate.POLICY, (), (), ("shut",), None, (), ())
    >>> door = Entity("Door", False, False, (), ("shut",), (), (), (open,), ())
    >>> found = mentions(table, door, open)
    >>> ("key" in found.texts, "stuck" in found.texts, found.every_argument)
    (True, False, False)
    """
    about = [tree for tree in policy_trees(table) if _is_about(tree, f"{entity.name}.{action.name}")]
    texts = frozenset(text for tree in about for text in _texts(tree))
    return Mentions(texts, any(_takes_whole(tree, "context") for tree in about))


def _is_about(tree: dict[str, Any], action: str) -> bool:
    """Whether the policy's scope has the action; any that is not plainly about others does."""
    scope = tree["action"]
    named = [scope.get("entity"), *scope.get("entities", ())]
    listed = [each for each in named if isinstance(each, dict) and each.get("type") == ACTION_TYPE]
    if scope.get("op") not in {"==", "in"} or not listed:
        return True
    return any(each.get("id") == action for each in listed)


def _texts(tree: Any) -> Iterator[str]:
    match tree:
        case str():
            yield tree
        case dict():
            for key, value in tree.items():
                yield key
                yield from _texts(value)
        case list():
            for each in tree:
                yield from _texts(each)


def _takes_whole(tree: Any, variable: str) -> bool:
    """Whether the variable stands anywhere but to the left of an attribute."""
    match tree:
        case dict():
            if tree.get("Var") == variable:
                return True
            return any(
                _takes_whole({k: v for k, v in value.items() if k != "left"}, variable)
                if key in BY_NAME and isinstance(value, dict) and value.get("left") == {"Var": variable}
                else _takes_whole(value, variable)
                for key, value in tree.items()
            )
        case list():
            return any(_takes_whole(each, variable) for each in tree)
        case _:
            return False
