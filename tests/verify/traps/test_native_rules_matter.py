"""Traps hold native code, too: leave something out of it, and a verdict changes or the search itself notices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.small import findings_of, table_of
from temper.machine import Refuted, Unknown, Verdict, universe
from temper.verify import search
from temper.verify.native import Disagreement, fair, ground_text, search_natively, terrain
from temper.verify.native.debts import Debts, Kind
from temper.verify.native.fair import FairRules

HERE = Path(__file__).parent
TEXTS = [path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*.yaml"))]
Breaking = Callable[[pytest.MonkeyPatch], None]


def told(text: str, engine: Callable[..., object]) -> list[object]:
    table = table_of(text)
    found = findings_of(engine(table, universe=universe(table)))
    verdicts = [found[property_.name] for property_ in table.properties]
    return [(type(each.verdict), said_of(each.verdict), each.vacuous) for each in verdicts]


def said_of(verdict: Verdict) -> object:
    match verdict:
        case Refuted(_, trace) if trace is not None:
            return trace.loop, len(trace.steps)
        case Unknown(because):
            return because
    return None


def is_noticed() -> bool:
    for text in TEXTS:
        try:
            if told(text, lambda *of, **given: search_natively(*of, levels=(0,), **given)) != told(text, search):
                return True
        except (AssertionError, Disagreement):
            return True
    return False


def text_without(name: str, right: str, wrong: str) -> Breaking:
    """Native code with one line wrong."""
    whole = getattr(ground_text, name)
    assert right in whole
    return lambda patch: patch.setattr(ground_text, name, whole.replace(right, wrong, 1))


def rule_pays_nothing(rule: str) -> Breaking:
    def breaking(patch: pytest.MonkeyPatch) -> None:
        whole = getattr(FairRules, rule)

        def broken(self: FairRules, *of: object) -> None:
            begin = self._begin
            self._begin = lambda here: begin(Kind(asked=here.asked, kept=here.kept))  # type: ignore[method-assign]
            whole(self, *of)
            self._begin = begin  # type: ignore[method-assign]

        patch.setattr(FairRules, rule, broken)

    return breaking


def without(owner: object, name: str, value: object) -> Breaking:
    return lambda patch: patch.setattr(owner, name, lambda *_, **__: value)


BROKEN: dict[str, Breaking] = {
    "the last root is forgotten": text_without("REGION", "%r.n, ptr %count.p", "%r, ptr %count.p"),
    "goals do not end it": text_without("REGION", "and i8 %tf, 6", "and i8 %tf, 4"),
    "cuts are nothing": text_without("REGION", "icmp eq i8 %c, 0", "icmp eq i8 %c, %c"),
    "what was cut is not named": text_without("CUT_AGAIN", "icmp ne i8 %c, 0", "icmp ne i8 %c, %c"),
    "mail pays nothing": rule_pays_nothing("_deliver"),
    "settling pays nothing": rule_pays_nothing("_settled"),
    "firing pays nothing": rule_pays_nothing("_aim"),
    "arming pays nothing": without(fair, "fate", None),
    "nobody waits behind": lambda patch: patch.setattr(
        FairRules, "_asked_again", lambda self, _: self.debts.number(self.here)
    ),
    "no outcome is had": without(Debts, "asked", 0),
    "no outcome counts": without(Debts, "strong", 0),
    "no debt counts": without(Debts, "weak", 0),
    "nothing is owed": without(ground_text, "_owes", ["  ret void"]),
    "nothing is called": without(FairRules, "_calls", None),
    "places say all": without(terrain, "fair_components", ()),
}


def test_nothing_is_noticed_where_nothing_is_wrong() -> None:
    assert not is_noticed()


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_left_out_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BROKEN[broken](monkeypatch)
    assert is_noticed()
