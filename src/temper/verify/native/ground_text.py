"""The module that follows promises: the relation with what its steps mean, and the graph's components."""

from __future__ import annotations

from collections.abc import Sequence
from string import Template

from temper.machine import Property, RefType
from temper.verify.native.algebra import Scope
from temper.verify.native.cycles import APART, COMPONENTS
from temper.verify.native.debts import Debts
from temper.verify.native.kernel import compared, load, model
from temper.verify.native.layout import Layout
from temper.verify.native.links import CUT_AGAIN, LINK, LOOKUP, MARK_ALL, NUMBER_ALL, REGION
from temper.verify.native.meant import known, truth
from temper.verify.native.sight import Sight, Words, get
from temper.verify.native.writer import Truth, Writer, text

FIELDS = (
    "queue",
    "tail",
    "head",
    "index",
    "slots",
    "out",
    "goal",
    "offsets",
    "targets",
    "sorts",
    "cut",
    "at",
    "until",
    "steps",
    "steps_max",
    "flags",
    "binding",
    "group",
    "roots",
    "count",
    "path",
    "order",
    "low",
    "calls",
    "places",
    "found",
    "written",
    "me",
    "next",
)
"""The numbers that native code and its caller share, in order."""
NUMBERS = frozenset(
    {"tail", "head", "slots", "at", "until", "steps", "steps_max", "binding", "count", "written", "me", "next"}
)
"""Those of them that are no addresses."""
SET = ("weak", "strong", "without")
MASKS = (*SET, "without_now", "owed_now", "owed_all", "paid_all", "asked_all", "kept_all", "vain")
"""What is worked with bit by bit. The caller sets `SET`."""
PAID, OWED, ASKED, KEPT = range(4)
"""The order of a kind's masks."""
HEADER = 3
"""How many words of a component come before what is left out of it."""

Promised = tuple[Property, tuple[str, ...]]
"""A promise and the ids that its variables stand for."""


def ground_text(
    layout: Layout,
    debts: Debts,
    *,
    expand: list[str],
    tables: list[str],
    cuts: int,
    sites: int,
    promised: Sequence[Promised],
) -> str:
    """The whole module."""
    masks = debts.words
    return "\n".join(
        [
            "declare i64 @llvm.ctpop.i64(i64)",
            "declare i32 @llvm.umin.i32(i32, i32)",
            "@transitions = global i64 0",
            "@gave_up = global i64 0",
            "@was_cut = global i8 0",
            f"@cuts = global [{max(1, cuts)} x i64] zeroinitializer",
            *(f"@{name} = global [{masks} x i64] zeroinitializer" for name in MASKS),
            _kinds(debts),
            *tables,
            f"@scratch = global [{max(1, layout.scratch)} x i64] zeroinitializer",
            model("expand", layout.words, expand, "i64 %number, ptr %out", "ptr", pointers=_pointers()),
            _function("mark", layout, "i64 %binding", "i64", _mark(layout, promised)),
            _function("owes", layout, "", "void", _owes(layout, debts)),
            _on_kinds("show", masks, [("owed_now", OWED)]),
            _on_kinds("pay", masks, [("paid_all", PAID), ("asked_all", ASKED), ("kept_all", KEPT)]),
            _is_left_out(masks),
            _hashing(layout.words),
            _loops(layout.words, masks, sites),
        ]
    )


def _pointers() -> list[str]:
    """Where the relation counts: there is one worker, so that it counts in the module itself."""
    return [
        f"  %{name} = getelementptr i8, ptr @{name}, i64 0" for name in ("transitions", "gave_up", "cuts", "scratch")
    ]


def _hashing(words: int) -> str:
    """Where a state is looked for first: a multiplicative mix of its words, spread over the slots."""
    lines = ["define internal i64 @hash(ptr %state, i64 %slots) alwaysinline {"]
    mixed = "0"
    for at in range(words):
        lines += [
            f"  %p{at} = getelementptr i64, ptr %state, i64 {at}",
            f"  %w{at} = load i64, ptr %p{at}",
            f"  %x{at} = xor i64 {mixed}, %w{at}",
            f"  %m{at} = mul i64 %x{at}, -7046029254386353131",
            f"  %s{at} = lshr i64 %m{at}, 32",
            f"  %h{at} = xor i64 %m{at}, %s{at}",
        ]
        mixed = f"%h{at}"
    lines += [
        f"  %again = mul i64 {mixed}, -4417276706812531889",
        "  %wide = zext i64 %again to i128",
        "  %many = zext i64 %slots to i128",
        "  %product = mul i128 %wide, %many",
        "  %high = lshr i128 %product, 64",
        "  %slot = trunc i128 %high to i64",
        "  ret i64 %slot",
        "}",
    ]
    return "\n".join(lines)


def _kinds(debts: Debts) -> str:
    """The masks of each kind of step, one kind after the other."""
    words: list[int] = []
    for kind in debts.kinds:
        for mask in (kind.paid, kind.owed, kind.asked, kind.kept):
            words += _split(mask, debts.words)
    words = words or [0] * 4 * debts.words
    return f"@kinds = internal constant [{len(words)} x i64] [{', '.join(f'i64 {text(word)}' for word in words)}]"


def _split(mask: int, masks: int) -> list[int]:
    return [mask >> 64 * at & ((1 << 64) - 1) for at in range(masks)]


def _function(name: str, layout: Layout, params: str, result: str, body: list[str]) -> str:
    loads = [
        f"  %p{at} = getelementptr i64, ptr %state, i64 {at}\n  %w{at} = load i64, ptr %p{at}"
        for at in range(layout.words)
    ]
    listed = f"ptr noalias readonly %state{', ' if params else ''}{params}"
    return "\n".join([f"define {result} @{name}({listed}) {{", "entry:", *loads, *body, "}"])


def _state(layout: Layout) -> Words:
    return tuple(f"%w{at}" for at in range(layout.words))


def _mark(layout: Layout, promised: Sequence[Promised]) -> list[str]:
    """The body of `mark`: what holds for one binding, 1 if it is asked and 2 if it is met."""
    writer = Writer()
    labels = {number: writer.label() for number in range(len(promised))}
    nothing = writer.label()
    writer.switch("%binding", labels, nothing)
    for (property_, ids), label in zip(promised, labels.values(), strict=True):
        writer.place(label)
        asked, met = _holds(writer, layout, property_, ids)
        flags = writer.either(writer.as_word(asked), writer.left(writer.as_word(met), 1))
        writer.end(f"ret i64 {text(flags)}")
    writer.place(nothing)
    writer.end("ret i64 0")
    return writer.lines


def _holds(writer: Writer, layout: Layout, property_: Property, ids: tuple[str, ...]) -> tuple[Truth, Truth]:
    sight = Sight(writer, layout, _state(layout))
    there = [sight.exists(entity, ident) for (_, entity), ident in zip(property_.variables, ids, strict=True)]
    variables = {
        name: known(layout.domains.code(RefType(entity), ident))
        for (name, entity), ident in zip(property_.variables, ids, strict=True)
    }
    scope = Scope(writer, layout.domains, view=sight, variables=variables)
    asked = True if property_.whenever is None else truth(scope.mean(property_.whenever))
    return writer.and_(*there, asked), writer.and_(*there, truth(scope.mean(property_.body)))


def _owes(layout: Layout, debts: Debts) -> list[str]:
    """The body of `owes`: what is pending and what is armed."""
    writer, state = Writer(), _state(layout)
    masks: list[str | int] = [0] * debts.words

    def owe(number: int, is_owed: Truth) -> None:
        at = number // 64
        masks[at] = writer.either(masks[at], writer.left(writer.as_word(is_owed), number % 64))

    pieces = [lane.slots[0] for lane in layout.lanes]
    pieces += [place.slots[0] for place in layout.mail]
    pieces += [timer for place in layout.instances for timer in place.timers]
    for number, bits in enumerate(pieces):
        owe(number, writer.compare("ne", get(writer, state, bits), 0))
    for at, mask in enumerate(masks):
        place = writer.emit(f"getelementptr i64, ptr @owed_now, i64 {at}")
        writer.line(f"store i64 {text(mask)}, ptr {place}")
    writer.end("ret void")
    return writer.lines


def _on_kinds(name: str, masks: int, adding: list[tuple[str, int]]) -> str:
    """A function that adds masks of a kind to what is worked with."""
    lines = [f"define internal void @{name}(i32 %kind) {{", "  %wide = zext i32 %kind to i64"]
    lines += [f"  %begin = mul i64 %wide, {4 * masks}"]
    for to, part in adding:
        for at in range(masks):
            lines += _read(f"{to}.{at}", "@kinds", "%begin", part * masks + at)
            lines += [
                f"  %{to}.{at}.p = getelementptr i64, ptr @{to}, i64 {at}",
                f"  %{to}.{at}.v = load i64, ptr %{to}.{at}.p",
                f"  %{to}.{at}.n = or i64 %{to}.{at}.v, %{to}.{at}",
                f"  store i64 %{to}.{at}.n, ptr %{to}.{at}.p",
            ]
    return "\n".join([*lines, "  ret void", "}"])


def _is_left_out(masks: int) -> str:
    lines = ["define internal i1 @is_left_out(i32 %kind, ptr %mask) {", "  %wide = zext i32 %kind to i64"]
    lines += [f"  %begin = mul i64 %wide, {4 * masks}"]
    found = "0"
    for at in range(masks):
        lines += _read(f"a{at}", "@kinds", "%begin", ASKED * masks + at)
        lines += [
            f"  %p{at} = getelementptr i64, ptr %mask, i64 {at}",
            f"  %m{at} = load i64, ptr %p{at}",
            f"  %b{at} = and i64 %a{at}, %m{at}",
            f"  %f{at} = or i64 {found}, %b{at}",
        ]
        found = f"%f{at}"
    return "\n".join([*lines, f"  %is = icmp ne i64 {found}, 0", "  ret i1 %is", "}"])


def _read(name: str, array: str, begin: str, offset: int) -> list[str]:
    return [
        f"  %{name}.i = add i64 {begin}, {offset}",
        f"  %{name}.q = getelementptr i64, ptr {array}, i64 %{name}.i",
        f"  %{name} = load i64, ptr %{name}.q",
    ]


def _loops(words: int, masks: int, sites: int) -> str:
    """The functions of `links` and `cycles`."""
    numbers = {
        "size": 8 * words,
        "words": words,
        "record": 8 * (words + 1),
        "last": words - 1,
        "sites": sites,
        "masks": masks,
        "header": HEADER + masks,
        "compare": "\n".join(map(compared, range(words))),
        "without_now": "\n".join(_copy("without_now", "without", masks)),
        "reset": "\n".join([*_copy("owed_all", "weak", masks), *_clear(("paid_all", "asked_all", "kept_all"), masks)]),
        "narrow": "\n".join(_merge("owed_all", "owed_now", "and", "narrow", masks)),
        "unpaid": "\n".join(_unpaid(masks)),
        "vain": "\n".join(_vain(masks)),
        "leave_out": "\n".join(_merge("without_now", "vain", "or", "leave", masks)),
        "tell_without": "\n".join(_tell_without(masks)),
    }
    loads = {f"load_{name}": load(name, FIELDS, NUMBERS) for name in FIELDS}
    parts = (NUMBER_ALL, LOOKUP, LINK, MARK_ALL, REGION, CUT_AGAIN, COMPONENTS, APART)
    return "".join(Template(part).substitute(numbers, **loads) for part in parts)


def _word(name: str, array: str, at: int) -> list[str]:
    return [f"  %{name}.p = getelementptr i64, ptr @{array}, i64 {at}", f"  %{name} = load i64, ptr %{name}.p"]


def _copy(to: str, of: str, masks: int) -> list[str]:
    lines = []
    for at in range(masks):
        lines += [*_word(f"copy.{of}.{at}", of, at), f"  %to.{to}.{at} = getelementptr i64, ptr @{to}, i64 {at}"]
        lines += [f"  store i64 %copy.{of}.{at}, ptr %to.{to}.{at}"]
    return lines


def _clear(names: tuple[str, ...], masks: int) -> list[str]:
    lines = []
    for name in names:
        for at in range(masks):
            lines += [f"  %clear.{name}.{at} = getelementptr i64, ptr @{name}, i64 {at}"]
            lines += [f"  store i64 0, ptr %clear.{name}.{at}"]
    return lines


def _merge(to: str, of: str, how: str, prefix: str, masks: int) -> list[str]:
    lines = []
    for at in range(masks):
        lines += [*_word(f"{prefix}.{to}.{at}", to, at), *_word(f"{prefix}.{of}.{at}", of, at)]
        lines += [f"  %{prefix}.{at} = {how} i64 %{prefix}.{to}.{at}, %{prefix}.{of}.{at}"]
        lines += [f"  store i64 %{prefix}.{at}, ptr %{prefix}.{to}.{at}.p"]
    return lines


def _unpaid(masks: int) -> list[str]:
    lines, found = [], "0"
    for at in range(masks):
        lines += [*_word(f"u.owed.{at}", "owed_all", at), *_word(f"u.paid.{at}", "paid_all", at)]
        lines += [f"  %u.not.{at} = xor i64 %u.paid.{at}, -1", f"  %u.{at} = and i64 %u.owed.{at}, %u.not.{at}"]
        lines += [f"  %u.any.{at} = or i64 {found}, %u.{at}"]
        found = f"%u.any.{at}"
    return [*lines, f"  %is.unpaid = icmp ne i64 {found}, 0"]


def _vain(masks: int) -> list[str]:
    lines, found = [], "0"
    for at in range(masks):
        lines += [*_word(f"v.asked.{at}", "asked_all", at), *_word(f"v.kept.{at}", "kept_all", at)]
        lines += [*_word(f"v.strong.{at}", "strong", at), f"  %v.not.{at} = xor i64 %v.kept.{at}, -1"]
        lines += [f"  %v.some.{at} = and i64 %v.asked.{at}, %v.not.{at}"]
        lines += [f"  %v.{at} = and i64 %v.some.{at}, %v.strong.{at}"]
        lines += [f"  %v.to.{at} = getelementptr i64, ptr @vain, i64 {at}", f"  store i64 %v.{at}, ptr %v.to.{at}"]
        lines += [f"  %v.any.{at} = or i64 {found}, %v.{at}"]
        found = f"%v.any.{at}"
    return [*lines, f"  %is.vain = icmp ne i64 {found}, 0"]


def _tell_without(masks: int) -> list[str]:
    lines = []
    for at in range(masks):
        lines += _word(f"tell.{at}", "without_now", at)
        lines += [f"  %tell.to.{at} = getelementptr i64, ptr %w0.p, i64 {HEADER + at}"]
        lines += [f"  store i64 %tell.{at}, ptr %tell.to.{at}"]
    return lines
