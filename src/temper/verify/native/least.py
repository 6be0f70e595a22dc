"""Of all states that differ by a renaming, the least one, in native code.

Names whose bits only change places, column by column, are sorted: a network of comparisons puts the columns in order,
however many there are. Of what is left every renaming is tried, so there are few of those; where there would be more,
only some of the values change places. Both together give one state for all that a renaming leads to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from math import factorial, prod

from temper.machine import System, Value
from temper.verify.explicit.permuting import Renamer, Renaming, narrowed, renamings
from temper.verify.native.coding import Coding
from temper.verify.native.layout import Bits, Layout
from temper.verify.native.renaming import Choice, Rearrangement, rearrangement
from temper.verify.native.sight import Words, get, put
from temper.verify.native.unsupported import Unsupported
from temper.verify.native.writer import Truth, Word, Writer, text
from temper.verify.symmetry import Alike

TRIED_MAX = 24
"""How many renamings are tried for each successor: each is some ten instructions a word."""
COLUMN_BITS_MAX = 64


@dataclass(frozen=True, slots=True)
class Columns:
    """The bits of a state that belong to one value of a class each, in the same order for each value."""

    of: Alike
    bits: tuple[tuple[int, ...], ...]

    def keys(self, words: tuple[int, ...]) -> list[int]:
        """The columns of a state, as numbers."""
        return [
            sum((words[bit // 64] >> bit % 64 & 1) << place for place, bit in enumerate(column)) for column in self.bits
        ]


class Least:
    """The representatives of the states of one layout. `classes` are those whose values really change places."""

    def __init__(self, layout: Layout, classes: Iterable[Alike]) -> None:
        self.layout = layout
        self.columns: list[Columns] = []
        others: list[Alike] = []
        for each in sorted(classes, key=lambda each: -len(each.values)):
            found = _columns(layout, each)
            if found is not None and _apart(found, self.columns):
                self.columns.append(found)
            else:
                others.append(each)
        tried = narrowed(others, TRIED_MAX)
        self.classes = (*(each.of for each in self.columns), *tried)
        self.renamings = list(renamings(tried))
        self.rearrangements = [rearrangement(layout, renaming) for renaming in self.renamings[1:]]
        self.tables: list[str] = []

    @property
    def group(self) -> int:
        """How many renamings there are."""
        return prod(factorial(len(each.values)) for each in self.classes)

    # As text.

    def functions(self) -> list[str]:
        """`least` puts the least of its orbit in the place of a state; `orbit` says how many that one stands for."""
        self.tables = []
        least, orbit = self._least(), self._orbit()
        return [
            *self.tables,
            "define internal void @least(ptr %state) {",
            *self._loaded(),
            *least,
            "  ret void",
            "}",
            "define internal i64 @orbit(ptr %state) {",
            *self._loaded(),
            *orbit,
            "}",
        ]

    def _loaded(self) -> list[str]:
        lines = ["entry:"]
        for at in range(self.layout.words):
            lines += [f"  %p{at} = getelementptr i64, ptr %state, i64 {at}", f"  %w{at} = load i64, ptr %p{at}"]
        return lines

    def _words(self) -> Words:
        return tuple(f"%w{at}" for at in range(self.layout.words))

    def _least(self) -> list[str]:
        writer = Writer()
        best = self._sorted(writer, self._words())
        for each in self.rearrangements:
            found = self._sorted(writer, self._rearranged(writer, self._words(), each))
            less = _less(writer, found, best)
            best = tuple(writer.select(less, a, b) for a, b in zip(found, best, strict=True))
        for at, word in enumerate(best):
            writer.line(f"store i64 {text(word)}, ptr %p{at}")
        return writer.lines

    def _orbit(self) -> list[str]:
        """The size of the group by how many renamings change nothing in a state that is the least one."""
        writer = Writer()
        same: Word = 1
        for each in self.rearrangements:
            found = self._sorted(writer, self._rearranged(writer, self._words(), each))
            equal = writer.and_(*(writer.compare("eq", a, b) for a, b in zip(found, self._words(), strict=True)))
            same = writer.add(same, writer.as_word(equal))
        for columns in self.columns:
            keys = [_gathered(writer, self._words(), column) for column in columns.bits]
            run: Word = 1
            for one, other in pairwise(keys):
                run = writer.select(writer.compare("eq", one, other), writer.add(run, 1), 1)
                same = writer.mul(same, run)
        writer.line(f"ret i64 {writer.emit(f'udiv i64 {self.group}, {text(same)}')}")
        return writer.lines

    def _sorted(self, writer: Writer, words: Words) -> Words:
        for columns in self.columns:
            keys: list[Word] = [_gathered(writer, words, column) for column in columns.bits]
            for low, high in network(len(keys)):
                swapped = writer.compare("ult", keys[high], keys[low])
                keys[low], keys[high] = (
                    writer.select(swapped, keys[high], keys[low]),
                    writer.select(swapped, keys[low], keys[high]),
                )
            words = _scattered(writer, words, columns, keys)
        return words

    def _rearranged(self, writer: Writer, words: Words, how: Rearrangement) -> Words:
        found: list[Word] = [0] * len(words)
        for source, target, mask, shift in _runs(how.bits):
            moved = writer.both(words[source], mask)
            moved = writer.left(moved, shift) if shift >= 0 else writer.right(moved, -shift)
            found[target] = writer.either(found[target], moved)
        for lookup in how.lookups:
            number = self._looked_up(writer, get(writer, words, lookup.source), lookup.table, lookup.source.width)
            found[lookup.target.word] = writer.either(
                found[lookup.target.word], writer.left(number, lookup.target.offset)
            )
        for choice in how.choices:
            value = self._chosen(writer, get(writer, words, choice.source), choice)
            found[choice.target.word] = writer.either(
                found[choice.target.word], writer.left(value, choice.target.offset)
            )
        return _in_order(writer, tuple(found), how)

    def _chosen(self, writer: Writer, slot: Word, choice: Choice) -> Word:
        number = writer.both(slot, (1 << choice.number_width) - 1)
        found = slot
        for at, moves in choice.moves:
            changed: Word = 0
            for move in moves:
                if move.width:
                    piece = get(writer, (slot,), Bits(0, move.source, move.width))
                    if move.table:
                        piece = self._looked_up(writer, piece, move.table, move.width)
                    changed = writer.either(changed, writer.left(piece, move.target))
            found = writer.select(writer.compare("eq", number, at), changed, found)
        return found

    def _looked_up(self, writer: Writer, number: Word, table: tuple[int, ...], width: int) -> Word:
        """Small tables are one word, shifted to where the number is; others are kept in memory."""
        if width * len(table) <= 64:
            whole = sum(value << place * width for place, value in enumerate(table))
            return writer.both(writer.right(whole, writer.mul(number, width)), (1 << width) - 1)
        name = f"@renamed{len(self.tables)}"
        listed = ", ".join(f"i16 {value}" for value in table)
        self.tables.append(f"{name} = internal constant [{len(table)} x i16] [{listed}]")
        place = writer.emit(f"getelementptr i16, ptr {name}, i64 {text(number)}")
        return writer.emit(f"zext i16 {writer.emit(f'load i16, ptr {place}')} to i64")

    # In Python, by renaming systems and not words: native code is held to this.

    def of(self, system: System) -> tuple[int, ...]:
        """The words of the least system that is this one renamed."""
        return min(self._in_columns(renamer.system(system)) for renamer in self._renamers)

    @cached_property
    def _renamers(self) -> list[Renamer]:
        return [Renamer(self.layout.table, renaming) for renaming in self.renamings]

    def _in_columns(self, system: System) -> tuple[int, ...]:
        coding = Coding(self.layout)
        words = coding.encode(system)
        renaming: dict[object, dict[Value, Value]] = {}
        for columns in self.columns:
            keys = columns.keys(words)
            order = sorted(range(len(keys)), key=keys.__getitem__)
            values = columns.of.values
            renaming.setdefault(columns.of.type, {}).update({values[old]: values[new] for new, old in enumerate(order)})
        if not renaming:
            return words
        return coding.encode(Renamer(self.layout.table, renaming).system(system))  # type: ignore[arg-type]


def supported(layout: Layout, classes: Iterable[Alike]) -> tuple[Alike, ...]:
    """The classes of which native code can rename the values."""
    found = []
    for each in classes:
        try:
            rearrangement(layout, _swap(each, 0, 1))
        except Unsupported:
            continue
        found.append(each)
    return tuple(found)


def network(size: int) -> list[tuple[int, int]]:
    """Comparisons that put so many numbers in order, whatever they are: Batcher's, by merging odd and even places.

    >>> network(3)
    [(0, 1), (0, 2), (1, 2)]
    """
    found = []
    step = 1
    while step < size:
        apart = step
        while apart >= 1:
            for begin in range(apart % step, size - apart, 2 * apart):
                for at in range(begin, min(begin + apart, size - apart)):
                    if at // (2 * step) == (at + apart) // (2 * step):
                        found.append((at, at + apart))
            apart //= 2
        step *= 2
    return found


def _swap(of: Alike, one: int, other: int) -> Renaming:
    a, b = of.values[one], of.values[other]
    return {of.type: {a: b, b: a}}


def _columns(layout: Layout, of: Alike) -> Columns | None:
    """The columns of a class: None if its values stand anywhere as numbers, or two of them share a bit."""
    size = len(of.values)
    moved: dict[tuple[int, int], dict[int, int]] = {}
    for pair in combinations(range(size), 2):
        found = rearrangement(layout, _swap(of, *pair))
        if not found.is_plain:
            return None
        moved[pair] = found.moved()
    first = moved[0, 1]
    if size == 2:
        ours = sorted(bit for bit, other in first.items() if bit < other)
        return _checked(Columns(of, (tuple(ours), tuple(first[bit] for bit in ours))))
    ours = sorted(set(moved[0, 1]) & set(moved[0, 2]))
    columns = [tuple(ours), *(tuple(moved[0, other].get(bit, -1) for bit in ours) for other in range(1, size))]
    for one, other in combinations(range(size), 2):
        expected = dict(zip(columns[one], columns[other], strict=True))
        expected |= {b: a for a, b in expected.items()}
        if moved[one, other] != expected:
            return None
    return _checked(Columns(of, tuple(columns)))


def _checked(columns: Columns) -> Columns | None:
    return columns if 0 < len(columns.bits[0]) <= COLUMN_BITS_MAX else None


def _apart(columns: Columns, others: Iterable[Columns]) -> bool:
    """Whether sorting these leaves the others in order: no bit is in a column of both."""
    mine = {bit for column in columns.bits for bit in column}
    return all(mine.isdisjoint(column) for other in others for column in other.bits)


def _runs(bits: dict[int, int]) -> list[tuple[int, int, int, int]]:
    """(word, word after, mask, shift to the left) for all bits that go from one to the other by the same way."""
    found: dict[tuple[int, int, int], int] = {}
    for source, target in bits.items():
        way = source // 64, target // 64, target % 64 - source % 64
        found[way] = found.get(way, 0) | 1 << source % 64
    return [(source, target, mask, shift) for (source, target, shift), mask in found.items()]


def _gathered(writer: Writer, words: Words, column: tuple[int, ...]) -> Word:
    """The bits of a column side by side."""
    found: Word = 0
    for source, _, mask, shift in _runs({bit: place for place, bit in enumerate(column)}):
        piece = writer.both(words[source], mask)
        found = writer.either(found, writer.left(piece, shift) if shift >= 0 else writer.right(piece, -shift))
    return found


def _scattered(writer: Writer, words: Words, columns: Columns, keys: list[Word]) -> Words:
    """The words with other columns."""
    kept = [(1 << 64) - 1] * len(words)
    for bit in (bit for column in columns.bits for bit in column):
        kept[bit // 64] &= ~(1 << bit % 64)
    found: list[Word] = [writer.both(word, mask) for word, mask in zip(words, kept, strict=True)]
    for key, column in zip(keys, columns.bits, strict=True):
        for _, target, mask, shift in _runs(dict(enumerate(column))):
            piece = writer.both(key, mask)
            moved = writer.left(piece, shift) if shift >= 0 else writer.right(piece, -shift)
            found[target] = writer.either(found[target], moved)
    return tuple(found)


def _in_order(writer: Writer, words: Words, how: Rearrangement) -> Words:
    """The words with each row of slots in order again, the largest first."""
    for slots in how.unsorted:
        values = [get(writer, words, slot) for slot in slots]
        for low, high in network(len(values)):
            swapped = writer.compare("ult", values[low], values[high])
            values[low], values[high] = (
                writer.select(swapped, values[high], values[low]),
                writer.select(swapped, values[low], values[high]),
            )
        for slot, value in zip(slots, values, strict=True):
            words = put(writer, words, slot, value)
    return words


def _less(writer: Writer, one: Words, other: Words) -> Truth:
    """Whether the words are before the others, the first word counting most."""
    found: Truth = False
    for a, b in zip(reversed(one), reversed(other), strict=True):
        same = writer.compare("eq", a, b)
        found = writer.or_(writer.compare("ult", a, b), writer.and_(same, found))
    return found
