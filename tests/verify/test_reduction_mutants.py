"""Reductions that are wrong, seeded one by one: the comparison with the whole search notices each of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.engines import without_promises
from support.examples import EXAMPLES
from support.reduced import differences
from support.small import table_of
from temper.machine import TransitionTable, universe
from temper.pipeline import build
from temper.verify import Reductions, slicing, symmetry
from temper.verify.explicit import permuting
from temper.verify.explicit.permuting import Renamer
from temper.verify.native import least
from temper.verify.native.least import Least, network
from temper.verify.native.renaming import _Arranger

ONLY_SYMMETRY = Reductions(slicing=False, partial_order=False)


def example(name: str) -> TransitionTable:
    table = build(EXAMPLES / name).table
    assert table is not None
    return without_promises(table)


WORKERS = """
temper: 1
blueprint: workers
roles: [chief, clerk]
properties:
{properties}
entities:
  Worker:
    data: {{friend: Worker | None, boss: principal | None}}
    states: [idle, busy, gone]
    waits: [idle, busy, gone]
    actions:
      hire: {{by: chief, from: new, to: idle}}
      befriend: {{by: chief, params: {{friend: Worker}}, from: idle, set: {{friend: args.friend}}}}
      serve: {{by: clerk, from: idle, set: {{boss: caller}}, to: busy}}
      leave: {{by: clerk, from: busy, to: gone}}
{more}
scope: {{instances: {{Worker: 2}}, principals: {{ann: [chief], bob: [clerk], cid: [clerk]}}}}
"""


def workers(*properties: str, more: str = "") -> TransitionTable:
    listed = "\n".join(f"  {line}" for line in properties) or "  nothing: {always: 1 < 2}"
    return table_of(WORKERS.format(properties=listed, more=more))


CALLING = workers(
    "woken_by_a_friend:",
    "  for: w in Worker",
    "  whenever: w.state == gone and w.boss == None",
    "  always: any(v.friend == w for v in Worker)",
    more="""      call:
        by: chief
        from: idle
        send: [{to: friend, action: wake, with: {}, refused: ignore}]
      wake: {from: idle, to: gone}""",
)
MUTUAL = workers('mutual: {for: "a in Worker, b in Worker", always: a == b or a.friend != b or b.friend != a}')

NURSERY = table_of("""
temper: 1
blueprint: nursery
roles: [chief]
properties:
  chosen: {for: n in Nurse, possible: n.child != None and n.child == n.wanted}
entities:
  Nurse:
    single: true
    data: {child: Child | None, wanted: Child | None}
    states: [waiting, done]
    waits: [waiting, done]
    actions:
      want: {by: chief, params: {child: Child}, from: waiting, set: {wanted: args.child}}
      bear:
        by: chief
        from: waiting
        to: done
        spawn: [{entity: Child, action: grow, with: {}, as: child, refused: ignore}]
  Child:
    states: [small]
    waits: [small]
    actions:
      grow: {from: new, to: small}
scope: {instances: {Child: 3}, principals: {ann: [chief]}}
""")


def _unchanged(_: Renamer, value: object) -> object:
    return value


def _only_the_id(renamer: Renamer, cell: object) -> object:
    return cell._replace(id=renamer.address(cell.address).id)  # type: ignore[attr-defined]


MUTANTS: dict[str, tuple[str, object, Callable[..., object], TransitionTable]] = {
    "messages keep their names": ("letter", Renamer, _unchanged, CALLING),
    "requests keep their names": ("request", Renamer, _unchanged, example("queue")),
    "data keeps its names": ("_cell", Renamer, _only_the_id, MUTUAL),
    "zones keep their names": ("_cell", Renamer, _only_the_id, example("failover")),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_renaming_that_forgets_something_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attribute, owner, wrong, table = MUTANTS[name]
    assert differences(table, ONLY_SYMMETRY, states_max=6_000) == ""
    monkeypatch.setattr(owner, attribute, wrong)
    assert _noticed(table)


def _noticed(table: TransitionTable, reductions: Reductions = ONLY_SYMMETRY, *, natively: bool = False) -> bool:
    try:
        found = differences(table, reductions, states_max=6_000, natively=natively)
    except AssertionError:
        return True
    assert found != "too large"
    return bool(found)


def test_roles_tell_principals_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    table = workers("only_clerks: {for: w in Worker, possible: w.boss != None and w.state == gone}")
    plain = symmetry._given

    def everybody(table: TransitionTable, universe: object) -> object:
        yield symmetry.PrincipalType(), ("ann", "bob", "cid")
        yield from list(plain(table, universe))[2:]  # type: ignore[arg-type]

    assert differences(table, ONLY_SYMMETRY, states_max=6_000) == ""
    monkeypatch.setattr(symmetry, "_given", everybody)
    assert _noticed(table)


def test_a_spawned_id_is_told_from_others_by_who_refers_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert differences(NURSERY, ONLY_SYMMETRY) == ""
    monkeypatch.setattr(symmetry, "_free", lambda table: {entity.name for entity in table.entities})
    assert _noticed(NURSERY)


BOOK = """
temper: 1
blueprint: book
roles: [chief]
types: {Page: "int[1, 3]"}
properties:
  told: {for: b in Book, always: b.word != secret or b.state == open}
  second: {for: b in Book, possible: 2 in b.pages and b.state == shut}
entities:
  Book:
    single: true
    data: {word: str | None, pages: "set[Page]"}
    states: [open, shut]
    waits: [open, shut]
    actions:
      write: {by: chief, params: {word: str}, from: open, set: {word: args.word}, to: shut}
      mark: {by: chief, params: {page: Page}, from: open, set: {pages: "pages | {args.page}"}}
scope: {principals: {ann: [chief]}, values: {str: [b, c, d, secret]}}
"""


def test_what_is_named_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(BOOK.replace("secret", "'secret'", 1))
    assert [str(each) for each in symmetry.alike(table, universe(table))] == ["b, c and d"]
    assert differences(table, ONLY_SYMMETRY) == ""
    monkeypatch.setattr(symmetry, "_written", lambda *_: ())
    assert _noticed(table)


def test_numbers_that_are_ordered_or_named_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(BOOK.replace("secret", "'secret'", 1))
    monkeypatch.setattr(symmetry, "is_only_compared", lambda *_: True)
    monkeypatch.setattr(symmetry, "_written", lambda *_: ())
    assert _noticed(table)


def test_only_as_many_renamings_as_are_worth_it() -> None:
    classes = (
        symmetry.Alike(symmetry.StrType(), tuple("abcdefgh")),
        symmetry.Alike(symmetry.PrincipalType(), ("p", "q")),
    )
    kept = permuting.narrowed(classes, 120)
    assert [len(each.values) for each in kept] == [2, 4]
    assert len(list(permuting.renamings(kept))) == 48


def _keep_the_slot(_least: Least, _writer: object, slot: object, _choice: object) -> object:
    return slot


def _keep_the_number(_least: Least, _writer: object, number: object, _table: object, _width: int) -> object:
    return number


def _without_the_last(size: int) -> list[tuple[int, int]]:
    return network(size)[:-1]


NATIVE_MUTANTS: dict[str, tuple[object, str, object, TransitionTable]] = {
    "what is pending keeps its names": (Least, "_chosen", _keep_the_slot, example("queue")),
    "numbers keep their names": (Least, "_looked_up", _keep_the_number, MUTUAL),
    "columns are not quite in order": (least, "network", _without_the_last, example("twophase")),
    "an empty slot is renamed": (_Arranger, "_slots", lambda *_: False, example("queue")),
}


@pytest.mark.parametrize("name", NATIVE_MUTANTS)
def test_native_code_that_renames_wrongly_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, wrong, table = NATIVE_MUTANTS[name]
    assert differences(table, ONLY_SYMMETRY, states_max=6_000, natively=True) == ""
    monkeypatch.setattr(owner, attribute, wrong)
    assert _noticed(table, natively=True)


NOTED = table_of("""
temper: 1
blueprint: noted
roles: [chief]
effects:
  print: {params: {copies: "int[0, 3]", page: str}, outcomes: {printed: {}}, delivery: keyed, timeout: 1s}
properties:
  calm: {for: d in Desk, always: not d.loud or d.state == shut}
  few: {for: d in Desk, on: Desk.shout, step: args.times < 3}
entities:
  Desk:
    single: true
    data: {note: str, copy: str, loud: bool, quiet: bool, sheets: "int[0, 3]", left: "int[0, 1]", named: "set[str]"}
    states: [open, shut]
    waits: [open, shut]
    actions:
      write: {by: chief, params: {text: str}, from: open, set: {note: args.text, copy: note}}
      shout: {by: chief, params: {times: "int[0, 3]"}, from: open, set: {loud: args.times == 2, quiet: not loud}}
      spend: {by: chief, from: open, set: {left: left + 1}}
      ask:
        by: chief
        params: {copies: "int[0, 3]"}
        from: open
        do: [{effect: print, with: {copies: args.copies, page: note}, then: {printed: [count, ignore], unknown: ignore}}]
      count: {params: {copies: "int[0, 3]"}, from: open, when: args.copies < 2, set: {sheets: args.copies}}
      close: {by: chief, from: open, when: sheets == 1, to: shut}
scope: {principals: {ann: [chief]}, values: {str: [a, b]}}
""")
ONLY_SLICING = Reductions(symmetry=False, partial_order=False)


def _reads_nothing(_: object, __: object) -> set[object]:
    return set()


def _does_nothing(*_: object) -> None:
    return None


def _never(*_: object) -> bool:
    return False


SLICING_MUTANTS: dict[str, tuple[object, str, object]] = {
    "properties are not asked": (slicing._Reading, "_properties", _does_nothing),
    "what comes back is not followed": (slicing._Reading, "_targets", _does_nothing),
    "what may not fit is not kept": (slicing._Scene, "is_checked", _never),
    "guards are not read": (slicing._Scene, "reads", _reads_nothing),
}


def test_what_is_read_by_nothing() -> None:
    found = slicing.unread(NOTED, universe(NOTED))
    assert slicing.unread_said(found) == "Desk.copy, Desk.note, Desk.quiet and page of print are read by nothing"


@pytest.mark.parametrize("natively", [False, True], ids=["plainly", "natively"])
@pytest.mark.parametrize("name", SLICING_MUTANTS)
def test_slicing_away_what_is_read_is_noticed(name: str, natively: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, wrong = SLICING_MUTANTS[name]
    assert differences(NOTED, ONLY_SLICING, states_max=6_000, natively=natively) == ""
    monkeypatch.setattr(owner, attribute, wrong)
    assert _noticed(NOTED, ONLY_SLICING, natively=natively)
