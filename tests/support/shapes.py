"""Random documents of the right shape, made from the grammar itself, and random ways of writing them down."""

from __future__ import annotations

import json
from typing import TypeAlias

from hypothesis import strategies as st

from temper.language.parse.grammar import BLUEPRINT
from temper.language.parse.shape import Either, Key, Leaf, ListOf, MapOf, Record, Shape

Data: TypeAlias = "str | int | float | bool | list[Data] | dict[str, Data] | None"

NAMES = st.sampled_from(["a", "b", "go", "on", "yes", "null", "State", "m[k]", "é", "x y", "1", "true", "# no"])
TEXTS = st.sampled_from(["x", "it's", "a: b", "a # b", "two\nlines\n", "", " ", "- x", "{a}", "tail\n\n"])
_LEAVES: dict[Leaf, st.SearchStrategy[Data]] = {
    Leaf.NAME: NAMES,
    Leaf.TARGET: NAMES,
    Leaf.TYPE: NAMES,
    Leaf.EXPRESSION: NAMES | st.integers(-5, 5) | st.booleans() | st.just(0.5),
    Leaf.PROSE: TEXTS | st.integers(-5, 5) | st.booleans(),
    Leaf.FLAG: st.booleans(),
    Leaf.VERSION: st.just(1),
}


def documents() -> st.SearchStrategy[Data]:
    """Documents of the shape of a blueprint; their names and expressions mean nothing."""
    return _of(BLUEPRINT)


def _of(shape: Shape) -> st.SearchStrategy[Data]:
    match shape:
        case Leaf():
            return _LEAVES[shape]
        case ListOf(item=item, least=least, most=most):
            return st.lists(_of(item), min_size=least, max_size=most or least + 2)
        case MapOf(value=value, least=least):
            return st.dictionaries(NAMES, _of(value), min_size=least, max_size=2)
        case Either(many=many, other=other):
            return _of(many) | _of(other)
        case Record(keys=keys):
            return st.deferred(lambda: _record(keys))


def _record(keys: tuple[Key, ...]) -> st.SearchStrategy[Data]:
    required = {key.name: _of(key.shape) for key in keys if key.required}
    optional = {key.name: _of(key.shape) for key in keys if not key.required}

    @st.composite
    def some(draw: st.DrawFn) -> Data:
        chosen = draw(st.lists(st.sampled_from(sorted(optional)), unique=True, max_size=3)) if optional else []
        data = {name: draw(strategy) for name, strategy in required.items()}
        return {**data, **{name: draw(optional[name]) for name in chosen}}

    return some()


@st.composite
def mutated(draw: st.DrawFn, data: Data) -> Data:
    """The document with something in it left out, added or replaced."""
    if isinstance(data, dict) and data and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(data)))
        return {**data, key: draw(mutated(data[key]))}
    if isinstance(data, list) and data and draw(st.integers(0, 3)):
        index = draw(st.integers(0, len(data) - 1))
        return [*data[:index], draw(mutated(data[index])), *data[index + 1 :]]
    if isinstance(data, dict) and draw(st.booleans()):
        return _changed(data, draw(st.sampled_from(["", *data])), draw(NAMES), draw(_ANY))
    return draw(_ANY)


def _changed(data: dict[str, Data], old: str, new: str, value: Data) -> Data:
    """Without one of its entries, with another."""
    kept = {key: one for key, one in data.items() if key != old}
    return {**kept, new: value} if old == "" else kept


_listed: st.SearchStrategy[Data] = st.lists(NAMES, max_size=3)
_mapped: st.SearchStrategy[Data] = st.dictionaries(NAMES, NAMES, max_size=2)
_ANY: st.SearchStrategy[Data] = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.just(0.5) | NAMES | TEXTS | _listed | _mapped
)


@st.composite
def written(draw: st.DrawFn, data: Data) -> str:
    """The document as YAML: keys in any order, in braces or on lines, with comments and blank lines anywhere."""
    writer = _Writer(draw)
    head = draw(st.sampled_from(["", "# head\n\n", "---\n", "\n# head\n# more\n\n"]))
    tail = draw(st.sampled_from(["", "# tail\n", "\n\n# tail\n"]))
    text = head + writer.block(data, 0) + tail
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


class _Writer:
    """Writes data, drawing each choice. Every comment has a number of its own, so that none can get lost."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._comments = 0

    def block(self, data: Data, indent: int, *, compact: bool = False) -> str:
        """A mapping or list on lines."""
        pieces: list[str] = []
        if isinstance(data, dict):
            for key in self._draw(st.permutations(sorted(data))):
                first = compact and not pieces
                lead = "" if first else self._above(indent) + " " * indent
                pieces.append(f"{lead}{self._scalar_flow(key)}:{self._value(data[key], indent)}")
        elif isinstance(data, list):
            for item in data:
                lead = self._above(indent) + " " * indent
                if isinstance(item, dict) and item and self._draw(st.booleans()):
                    pieces.append(f"{lead}- {self.block(item, indent + 2, compact=True)}")
                else:
                    pieces.append(f"{lead}- {self._flow(item, indent + 4)}{self._trailing()}\n")
        return "".join(pieces) + self._below(indent)

    def _value(self, data: Data, indent: int) -> str:
        if isinstance(data, dict | list) and data and self._draw(st.integers(0, 2)):
            return f"{self._trailing()}\n{self.block(data, indent + 2)}"
        if isinstance(data, str) and "\n" in data and data.strip() and self._draw(st.booleans()):
            lines = data.rstrip("\n").split("\n")
            blank = "\n" * (len(data) - len(data.rstrip("\n")) - 1)
            return f" |{'+' if blank else ''}\n" + "".join(f"{'':{indent + 2}}{line}\n" for line in lines) + blank
        return f" {self._flow(data, indent + 4)}{self._trailing()}\n"

    def _flow(self, data: Data, indent: int) -> str:
        if isinstance(data, dict):
            keys = self._draw(st.permutations(sorted(data)))
            items = [f"{self._scalar_flow(key)}: {self._flow(data[key], indent + 2)}" for key in keys]
            return self._enclosed("{", items, "}", indent)
        if isinstance(data, list):
            return self._enclosed("[", [self._flow(item, indent + 2) for item in data], "]", indent)
        return self._scalar_flow(data)

    def _enclosed(self, opening: str, items: list[str], closing: str, indent: int) -> str:
        style = self._draw(st.integers(0, 3)) if items else 0
        if style < 2:
            return opening + ", ".join(items) + closing
        space = " " * indent
        if style == 2:
            return f"{opening}\n{space}" + f",\n{space}".join(items) + f"\n{space}{closing}"
        last = len(items) - 1
        lines = [
            f"{self._above(indent)}{space}{item}{'' if index == last else ','}{self._trailing()}\n"
            for index, item in enumerate(items)
        ]
        return f"{opening}{self._trailing()}\n{''.join(lines)}{space}{closing}"

    def _scalar_flow(self, data: Data) -> str:
        if isinstance(data, str):
            plain = data.isidentifier() and data not in {"null", "true"}
            return data if plain and self._draw(st.booleans()) else json.dumps(data)
        return json.dumps(data)

    def _above(self, indent: int) -> str:
        kind = self._draw(st.integers(0, 9))
        if kind > 2:
            return ""
        return "\n" * (kind % 2) + (f"{'':{indent}}{self._comment()}\n" if kind else "")

    def _below(self, indent: int) -> str:
        return f"{'':{indent}}{self._comment()}\n" if not self._draw(st.integers(0, 9)) else ""

    def _trailing(self) -> str:
        return f"  {self._comment()}" if not self._draw(st.integers(0, 5)) else ""

    def _comment(self) -> str:
        self._comments += 1
        return f"# comment {self._comments}."
