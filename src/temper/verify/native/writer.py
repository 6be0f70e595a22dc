"""Writing LLVM's text: blocks, branches, and arithmetic that is done at once where both operands are known.

Whatever would be written after the end of a block is dropped: nothing gets there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Word: TypeAlias = int | str
"""64 bits: known, or the name of an LLVM value."""

Truth: TypeAlias = bool | str
"""One bit: known, or the name of an LLVM value."""

MASK = (1 << 64) - 1


def text(word: Word) -> str:
    """The word as an operand."""
    return str(word - (1 << 64) if word >= 1 << 63 else word) if isinstance(word, int) else word


def bit(truth: Truth) -> str:
    """The truth as an operand."""
    return ("true" if truth else "false") if isinstance(truth, bool) else truth


class Writer:
    """The body of one function, block after block."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0
        self.is_open = True

    # Blocks.

    def label(self) -> str:
        """A new name for a block."""
        self.count += 1
        return f"l{self.count}"

    def place(self, label: str) -> None:
        """Begin the block; what stood before runs on into it."""
        self.goto(label)
        self.lines.append(f"{label}:")
        self.is_open = True

    def goto(self, label: str) -> None:
        self.end(f"br label %{label}")

    def end(self, line: str) -> None:
        """The last line of a block."""
        self.line(line)
        self.is_open = False

    def branch(self, condition: Truth, yes: str, no: str) -> None:
        if isinstance(condition, bool):
            self.goto(yes if condition else no)
        else:
            self.end(f"br i1 {condition}, label %{yes}, label %{no}")

    def unless(self, condition: Truth, away: str) -> None:
        """Go on here if the condition holds, else away."""
        if condition is not True:
            on = self.label()
            self.branch(condition, on, away)
            if condition is False:
                return
            self.place(on)

    def switch(self, on: Word, cases: dict[int, str], otherwise: str) -> None:
        """Jump by a number."""
        if isinstance(on, int):
            self.goto(cases.get(on, otherwise))
            return
        listed = " ".join(f"i64 {value}, label %{label}" for value, label in cases.items())
        self.end(f"switch i64 {on}, label %{otherwise} [{listed}]")

    # Lines.

    def line(self, line: str) -> None:
        if self.is_open:
            self.lines.append("  " + line)

    def emit(self, line: str) -> str:
        """The name of what the line computes."""
        if not self.is_open:
            return "undef"
        self.count += 1
        self.lines.append(f"  %v{self.count} = {line}")
        return f"%v{self.count}"

    # Words, as 64 bits without a sign or with one; the caller knows.

    def add(self, a: Word, b: Word) -> Word:
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if a == 0:
            return b
        return a if b == 0 else self.emit(f"add i64 {text(a)}, {text(b)}")

    def sub(self, a: Word, b: Word) -> Word:
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        return a if b == 0 else self.emit(f"sub i64 {text(a)}, {text(b)}")

    def mul(self, a: Word, b: Word) -> Word:
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        return self.emit(f"mul i64 {text(a)}, {text(b)}")

    def both(self, a: Word, b: Word) -> Word:
        """Bitwise and."""
        if isinstance(a, int) and isinstance(b, int):
            return a & b & MASK
        if 0 in (a, b):
            return 0
        return self.emit(f"and i64 {text(a)}, {text(b)}")

    def either(self, a: Word, b: Word) -> Word:
        """Bitwise or."""
        if isinstance(a, int) and isinstance(b, int):
            return (a | b) & MASK
        if a == 0:
            return b
        return a if b == 0 else self.emit(f"or i64 {text(a)}, {text(b)}")

    def xor(self, a: Word, b: Word) -> Word:
        if isinstance(a, int) and isinstance(b, int):
            return (a ^ b) & MASK
        if a == 0:
            return b
        return a if b == 0 else self.emit(f"xor i64 {text(a)}, {text(b)}")

    def left(self, a: Word, by: Word) -> Word:
        """Shifted up; a shift that is not known is taken modulo 64, so that it is never undefined."""
        if isinstance(by, int):
            assert 0 <= by < 64, "a word has 64 bits"
            if isinstance(a, int):
                return (a << by) & MASK
            return a if by == 0 else self.emit(f"shl i64 {a}, {by}")
        return self.emit(f"shl i64 {text(a)}, {self.emit(f'and i64 {by}, 63')}")

    def right(self, a: Word, by: Word) -> Word:
        """Shifted down, zeros coming in; a shift that is not known is taken modulo 64."""
        if isinstance(by, int):
            assert 0 <= by < 64, "a word has 64 bits"
            if isinstance(a, int):
                return (a & MASK) >> by
            return a if by == 0 else self.emit(f"lshr i64 {a}, {by}")
        return self.emit(f"lshr i64 {text(a)}, {self.emit(f'and i64 {by}, 63')}")

    def select(self, condition: Truth, a: Word, b: Word) -> Word:
        if isinstance(condition, bool):
            return a if condition else b
        return a if a == b else self.emit(f"select i1 {condition}, i64 {text(a)}, i64 {text(b)}")

    def popcount(self, a: Word) -> Word:
        if isinstance(a, int):
            return (a & MASK).bit_count()
        return self.emit(f"call i64 @llvm.ctpop.i64(i64 {a})")

    # Truths.

    def compare(self, how: str, a: Word, b: Word) -> Truth:
        """`how` is LLVM's word: eq, ne, slt, sle, ult."""
        if isinstance(a, int) and isinstance(b, int):
            return _COMPARED[how](a, b)
        return self.emit(f"icmp {how} i64 {text(a)}, {text(b)}")

    def is_not(self, a: Truth) -> Truth:
        return (not a) if isinstance(a, bool) else self.emit(f"xor i1 {a}, true")

    def and_(self, *truths: Truth) -> Truth:
        if any(truth is False for truth in truths):
            return False
        unknown = list(dict.fromkeys(truth for truth in truths if isinstance(truth, str)))
        return self._chain("and", unknown) if unknown else True

    def or_(self, *truths: Truth) -> Truth:
        if any(truth is True for truth in truths):
            return True
        unknown = list(dict.fromkeys(truth for truth in truths if isinstance(truth, str)))
        return self._chain("or", unknown) if unknown else False

    def _chain(self, how: str, truths: list[str]) -> str:
        found = truths[0]
        for other in truths[1:]:
            found = self.emit(f"{how} i1 {found}, {other}")
        return found

    def same(self, a: Truth, b: Truth) -> Truth:
        if isinstance(a, bool):
            return b if a else self.is_not(b)
        if isinstance(b, bool):
            return a if b else self.is_not(a)
        return self.emit(f"icmp eq i1 {a}, {b}")

    def choose(self, condition: Truth, a: Truth, b: Truth) -> Truth:
        if isinstance(condition, bool):
            return a if condition else b
        return a if a == b and type(a) is type(b) else self.emit(f"select i1 {condition}, i1 {bit(a)}, i1 {bit(b)}")

    def as_word(self, a: Truth) -> Word:
        return int(a) if isinstance(a, bool) else self.emit(f"zext i1 {a} to i64")

    def as_truth(self, a: Word) -> Truth:
        """Whether the lowest bit is set."""
        return bool(a & 1) if isinstance(a, int) else self.emit(f"trunc i64 {a} to i1")


_COMPARED: dict[str, Callable[[int, int], bool]] = {
    "eq": lambda a, b: (a - b) & MASK == 0,
    "ne": lambda a, b: (a - b) & MASK != 0,
    "slt": lambda a, b: a < b,
    "sle": lambda a, b: a <= b,
    "ult": lambda a, b: a & MASK < b & MASK,
}
