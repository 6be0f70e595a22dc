"""Whether a history and a journal fit together. It knows nothing of the runtime but what is written down.

Every promise is looked at by itself, so that a violation says which one was broken.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from temper.run.store.rows import RecordRow
from torture.history import APPLIED, NO_ANSWER, Asked, Called, Event, Saw

Address = tuple[str, str]
Key = tuple[int, int]
TIMERS = {("Order", "overdue"): ("placed", 2_000), ("Beacon", "dusk"): ("dark", 300), ("Beacon", "dawn"): ("lit", 300)}
"""As `torture.yaml` has them: the state in which each is armed, and for how many milliseconds."""
PASSING = frozenset({"paying", "shipping", "labelling", "weighing", "measuring"})
"""States that an effect ends; nobody is in one when nothing is pending."""
ONCE = frozenset({"charge", "weigh"})
LEASED = frozenset({"measure"})
"""Workers have them under leases, and no two attempts say the same."""
STRAY_MILLISECONDS = 2_000
"""An attempt of a process that was killed may still be on its way for so long."""


class Violation(NamedTuple):
    """A promise that was broken, and where."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was compared, and what does not fit."""

    counts: dict[str, int]
    violations: list[Violation]


class Stood(NamedTuple):
    """How an instance stood after a step."""

    seq: int
    number: int
    at: int
    state: str


@dataclass(slots=True)
class Written:
    """What the journal says, as far as somebody outside could have seen it."""

    steps: dict[Address, list[Stood]] = field(default_factory=lambda: defaultdict(list))
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    tokens: Counter[str] = field(default_factory=Counter)
    made: dict[Key, tuple[int, str]] = field(default_factory=dict)
    settled: dict[Key, tuple[int, str, Any]] = field(default_factory=dict)
    shown: dict[tuple[str, str, int], dict[str, Any]] = field(default_factory=dict)
    records: int = 0
    fired: int = 0
    broken: list[Violation] = field(default_factory=list)


def check(history: Iterable[Event], rows: Iterable[RecordRow], stride: int = 1) -> Checked:
    """Hold one against the other. Where several nodes give numbers, each takes every `stride`th."""
    events = list(history)
    calls = [event for event in events if isinstance(event, Called)]
    looks = [event for event in events if isinstance(event, Saw)]
    asks = [event for event in events if isinstance(event, Asked)]
    wanted = {(look.entity, look.id, look.seq) for look in looks}
    written = read_journal(rows, wanted, stride)
    acknowledged = [call for call in calls if call.code == APPLIED]
    found = [
        *written.broken,
        *unlike_the_journal(acknowledged, written),
        *answered_in_two_ways(calls, written),
        *out_of_order(calls, looks),
        *never_so(looks, calls, written),
        *wrongly_asked(asks, written),
        *left_over(written),
    ]
    counts = {
        "calls acknowledged": len({call.key or call.token for call in acknowledged}),
        "rejections": sum(call.code not in {APPLIED, NO_ANSWER} for call in calls),
        "without an answer": sum(call.code == NO_ANSWER for call in calls),
        "looks": len(looks),
        "attempts": len(asks),
        "timers fired": written.fired,
        "records": written.records,
    }
    return Checked(counts, found)


# The journal


def read_journal(rows: Iterable[RecordRow], wanted: set[tuple[str, str, int]], stride: int) -> Written:
    """One pass over the records, in the order of their numbers."""
    written, chains, data = Written(), {}, defaultdict[Address, dict[str, Any]](dict)
    last = 0
    for row in rows:
        record, chain = json.loads(row.body), row.number % stride
        expected = hashlib.sha256((chains.get(chain, "0" * 64) + row.body).encode()).hexdigest()
        if row.hash != expected or (stride == 1 and row.number != last + 1) or record["number"] != row.number:
            written.broken.append(Violation("chain", f"record {row.number} is not what was chained"))
        chains[chain], last = row.hash, row.number
        written.records += 1
        take_deliveries(written, record)
        if record.get("rule") == "fire":
            take_timer(written, record)
        if record.get("stepped"):
            take_step(written, record, data, wanted)
    return written


def take_step(
    written: Written, record: dict[str, Any], data: dict[Address, dict[str, Any]], wanted: set[tuple[str, str, int]]
) -> None:
    """The seq of an instance grows by one, and its time never falls."""
    address = (record["entity"], record["id"])
    before = written.steps[address][-1] if written.steps[address] else Stood(0, 0, 0, "")
    if record["seq"] != before.seq + 1:
        written.broken.append(Violation("gap", f"{address} goes from seq {before.seq} to {record['seq']}"))
    if record["at"] < before.at:
        written.broken.append(Violation("time", f"{address} goes from {before.at} back to {record['at']}"))
    written.steps[address].append(Stood(record["seq"], record["number"], record["at"], record["state"]))
    data[address] = {**data[address], **record.get("data", {}), **record.get("set", {})}
    if (*address, record["seq"]) in wanted:
        written.shown[(*address, record["seq"])] = data[address]
    if record["rule"] == "call":
        written.calls[record["number"]] = record
        written.tokens[record["args"]["token"]] += 1


def take_deliveries(written: Written, record: dict[str, Any]) -> None:
    """Each is made once and consumed at most once."""
    for place, round_ in (*record.get("consumed", ()), *record.get("withdrawn", ())):
        key = (place, round_)
        if key in written.settled:
            written.broken.append(Violation("settled twice", f"{key} in record {record['number']}"))
        if key not in written.made:
            written.broken.append(Violation("settled twice", f"{key} in record {record['number']} was never made"))
        written.settled[key] = (record["at"], record.get("outcome", ""), record.get("fields", {}))
    for made in record.get("made", ()):
        written.made[made["place"], made["round"]] = (record["at"], made["delivery"].get("effect", ""))


def take_timer(written: Written, record: dict[str, Any]) -> None:
    """It fires where it was armed, once, and not before it is due."""
    address, name = (record["entity"], record["id"]), record["cause"]
    state, after = TIMERS[record["entity"], name]
    armed = written.steps[address][-1] if written.steps[address] else Stood(0, 0, 0, "dark")
    written.fired += 1
    if armed.state != state:
        written.broken.append(Violation("timer", f"{address}.{name} fired in record {record['number']} unarmed"))
    elif record["at"] < armed.at + after:
        written.broken.append(Violation("timer", f"{address}.{name} fired {armed.at + after - record['at']} ms early"))


def left_over(written: Written) -> Iterator[Violation]:
    """Nothing is pending, and nobody waits for an answer or in a state that a timer was to end."""
    for key in written.made.keys() - written.settled.keys():
        yield Violation("left over", f"{key} was never settled")
    for address, steps in written.steps.items():
        if steps[-1].state in PASSING:
            yield Violation("left over", f"{address} is still {steps[-1].state}")
        if address[0] == "Order" and steps[-1].state == "placed":
            yield Violation("timer", f"{address} was never fired")


# What was acknowledged


def unlike_the_journal(acknowledged: list[Called], written: Written) -> Iterator[Violation]:
    """Nothing that was acknowledged is lost, and it is what was said."""
    for call in acknowledged:
        record = written.calls.get(call.record)
        said = (call.entity, call.id, call.action, call.token, call.seq, call.state)
        if record is None:
            yield Violation("lost", f"{said}, acknowledged as record {call.record}")
            continue
        names = ("entity", "id", "action", "token", "seq", "state")
        kept = tuple({**record, **record["args"]}[name] for name in names)
        if said != kept:
            yield Violation("lost", f"{said} was acknowledged, and record {call.record} has {kept}")


def answered_in_two_ways(calls: list[Called], written: Written) -> Iterator[Violation]:
    """A call is applied once at most, and has one answer however often it is asked."""
    answers: dict[str, tuple[str, int, int, str]] = {}
    for call in calls:
        if call.code == NO_ANSWER:
            continue
        answer = (call.code, call.record, call.seq, call.state)
        first = answers.setdefault(call.token, answer)
        if first != answer:
            yield Violation("two answers", f"{call.token} was answered {first} and {answer}")
    for token, times in written.tokens.items():
        if times > 1:
            yield Violation("applied twice", f"{token} in {times} records")
        if token in answers and answers[token][0] != APPLIED:
            yield Violation("two answers", f"{token} was rejected as {answers[token][0]}, and is in the journal")


# The order in which it was seen


class Known(NamedTuple):
    """From some moment on everybody may know that an instance has come so far."""

    end: int
    seq: int


def out_of_order(calls: list[Called], looks: list[Saw]) -> Iterator[Violation]:
    """What began after something was known to somebody comes after it, and shows no less."""
    known: dict[Address, list[Known]] = defaultdict(list)
    begun: dict[Address, list[tuple[int, int, int, str]]] = defaultdict(list)
    for token, (begin, call) in first_answers(calls).items():
        known[call.entity, call.id].append(Known(call.end, call.seq))
        begun[call.entity, call.id].append((begin, call.seq, 1, token))
    for look in looks:
        known[look.entity, look.id].append(Known(look.end, look.seq))
        begun[look.entity, look.id].append((look.begin, look.seq, 0, "a look"))
    for address, beginnings in begun.items():
        yield from _gone_back(address, sorted(known[address]), sorted(beginnings))


def _gone_back(
    address: Address, known: list[Known], beginnings: list[tuple[int, int, int, str]]
) -> Iterator[Violation]:
    at, highest = 0, 0
    for begin, seq, more, what in beginnings:
        while at < len(known) and known[at].end < begin:
            highest = max(highest, known[at].seq)
            at += 1
        if seq < highest + more:
            kind = "order" if more else "read back"
            yield Violation(kind, f"{what} at {address} has seq {seq}, begun when {highest} was known")


def first_answers(calls: list[Called]) -> dict[str, tuple[int, Called]]:
    """Of each call that was applied: when it was asked first, and when it was answered first."""
    begins: dict[str, int] = {}
    ends: dict[str, Called] = {}
    for call in calls:
        begins[call.token] = min(call.begin, begins.get(call.token, call.begin))
        if call.code == APPLIED and (call.token not in ends or call.end < ends[call.token].end):
            ends[call.token] = call
    return {token: (begins[token], call) for token, call in ends.items()}


def never_so(looks: list[Saw], calls: list[Called], written: Written) -> Iterator[Violation]:
    """What was shown, and what a rejection rested on, is in the journal."""
    for look in looks:
        at = (look.entity, look.id, look.seq)
        if look.seq == 0:
            continue
        states = {stood.state for stood in written.steps[look.entity, look.id] if stood.seq == look.seq}
        if states != {look.state} or written.shown.get(at) != look.data:
            yield Violation("never so", f"{at} was shown as {look.state} {look.data}, and was {states}")
    for call in calls:
        if call.code == "wrong-state":
            was = {stood.state for stood in written.steps[call.entity, call.id]} | {"new"}
            if call.state not in was:
                yield Violation("never so", f"{call.token} was rejected in {call.state}, and {call.id} never was there")


# What was asked of the world


def wrongly_asked(asks: list[Asked], written: Written) -> Iterator[Violation]:
    """Nobody is asked for what is not durable, or settled; and once only where once is the promise."""
    answers: dict[Key, list[Any]] = defaultdict(list)
    for ask in asks:
        key = key_of(ask)
        made = written.made.get(key)
        if made is None or made[1] != ask.effect or ask.at < made[0]:
            yield Violation("asked early", f"{ask.effect} {ask.key} was asked, and is {made} in the journal")
        settled = written.settled.get(key)
        if settled is not None and ask.at > settled[0] + STRAY_MILLISECONDS:
            yield Violation("asked again", f"{ask.key} was asked {ask.at - settled[0]} ms after it was settled")
        answers[key].append(ask.answer)
    once = Counter(ask.key for ask in asks if ask.effect in ONCE)
    yield from (Violation("asked twice", f"{key}: {times} times") for key, times in once.items() if times > 1)
    for key, (_, outcome, fields) in written.settled.items():
        effect = written.made.get(key, (0, ""))[1]
        if effect and outcome != "unknown" and {"outcome": outcome, "fields": fields} not in map(filled, answers[key]):
            yield Violation("never told", f"{effect} {key} settled {outcome} {fields}, and was told {answers[key]}")
    yield from heard_too_late(asks, written)


def heard_too_late(asks: list[Asked], written: Written) -> Iterator[Violation]:
    """Once somebody else was asked, under a lease of their own, whoever was asked before settles nothing."""
    leased: dict[Key, list[Asked]] = defaultdict(list)
    for ask in asks:
        if ask.effect in LEASED:
            leased[key_of(ask)].append(ask)
    for key, attempts in leased.items():
        at, outcome, fields = written.settled.get(key, (0, "", {}))
        heard = [ask.at for ask in attempts if filled(ask.answer) == {"outcome": outcome, "fields": fields}]
        later = [ask.at for ask in attempts if heard and heard[0] < ask.at < at]
        if later:
            yield Violation("old lease", f"{key} is settled by who was asked {later[-1] - heard[0]} ms before another")


def key_of(ask: Asked) -> Key:
    place, round_ = ask.key.split("-")[-2:]
    return int(place), int(round_)


def filled(answer: Any) -> Any:
    return {"fields": {}, **answer} if isinstance(answer, dict) else answer
