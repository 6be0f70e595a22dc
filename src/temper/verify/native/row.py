"""One step of one cell as native code: semantics.md section 2, and what the universe makes of it.

It follows `machine.row` check by check, and `machine.landing` for what is handed on. A rejection jumps to the label
that whoever asked has for its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product

from temper.machine import (
    NEW,
    Action,
    Address,
    Case,
    Expression,
    MapType,
    PropertyKind,
    Request,
    Site,
    Spawn,
    Timer,
    Type,
    Update,
    fits,
)
from temper.verify.explicit.vacuity import variants
from temper.verify.native.algebra import Scope
from temper.verify.native.handing import Handing, Passed, reference, reference_to, where
from temper.verify.native.layout import InstancePlace, Layout
from temper.verify.native.meant import Entries, Meant, Number, chosen, equal, known
from temper.verify.native.monitors import Monitor, Monitors
from temper.verify.native.pending import Pending
from temper.verify.native.ranges import contained, fitted, within
from temper.verify.native.sight import Fields, Sight, Words, get, put, with_field
from temper.verify.native.unsupported import Unsupported
from temper.verify.native.writer import Truth, Word, Writer
from temper.verify.native.zones import Tick
from temper.verify.obligations import Row

DELAYS_MAX = 8
"""How many delays one timer may have, depending on the data."""


@dataclass(frozen=True)
class Turn:
    """One call of one action of one instance, whose control state is known."""

    place: InstancePlace
    control: str
    action: str
    args: Mapping[str, Meant]
    caller: Meant | None
    words: Words
    """The system without what was consumed."""
    reject: Callable[[str], str]
    """The label behind a rejection of that code."""
    done: str
    """The label behind a step or cut."""
    spot: str
    """Where in the table a cut for want of ids is counted."""
    fired: str = ""
    """The timer that fires here."""
    finish: Callable[[Words], Words] | None = None
    """What else becomes of the words when the call is applied."""


@dataclass(frozen=True)
class Made:
    """What made a step, beyond the rule: a case of an action, or asking again; neither, where no action is taken."""

    turn: Turn | None = None
    case: int = 0
    again: bool = False


MACHINE, AGAIN_MADE = Made(), Made(again=True)
Emit = Callable[..., None]
"""Takes the words of a successor, and what made it."""


@dataclass
class Course:
    """One case of a turn as it is being worked out."""

    turn: Turn
    number: int
    case: Case
    fields: Fields
    checks: list[tuple[Truth, str]] = field(default_factory=list)


class Rows:
    """Writes turns into one function."""

    def __init__(self, writer: Writer, layout: Layout, monitors: Monitors, state: Words, emit: Emit) -> None:
        self.writer, self.layout, self.monitors = writer, layout, monitors
        self.table, self.universe, self.domains = layout.table, layout.universe, layout.domains
        self.state, self.emit = state, emit
        self.pending, self.handing = Pending(writer, layout), Handing(writer, layout)
        self._variants = {each.name: variants(each) for each in self.table.properties if each.kind is PropertyKind.STEP}

    # A turn, top to bottom.

    def take(self, turn: Turn) -> None:
        """Everything that the call does; afterwards nothing runs on."""
        action = turn.place.entity.action(turn.action)
        arguments = [contained(self.writer, param.type, turn.args[param.name]) for param in action.params]
        self._unless(self.writer.and_(*arguments), turn, "bad-args")
        if not self.writer.is_open:
            return
        if turn.control not in action.sources:
            self.writer.goto(turn.reject("wrong-state"))
            return
        fields = Fields(self.writer, self.domains, turn.place, turn.words, {})
        scope = self._scope(turn, fields, turn.control)
        if action.guard is not None:
            self._unless(_truth(scope.mean(action.guard)), turn, "guard-false")
        fields, checks = self._updated(turn, action, fields, action.updates)
        for number, case in enumerate(action.cases):
            behind = self.writer.label()
            if case.guard is not None:
                self.writer.unless(_truth(self._scope(turn, fields, turn.control).mean(case.guard)), behind)
            self._case(Course(turn, number, case, fields, list(checks)), action)
            self.writer.is_open = False
            if case.guard is None:
                return
            self.writer.place(behind)
        if self.writer.is_open:
            self.writer.goto(turn.reject("no-case"))

    def _unless(self, condition: Truth, turn: Turn, code: str) -> None:
        """Reject unless the condition holds."""
        if condition is not True:
            self.writer.unless(condition, turn.reject(code))

    def _scope(self, turn: Turn, fields: Fields, control: str) -> Scope:
        return Scope(
            self.writer,
            self.domains,
            fields,
            turn.args,
            known(1 + (NEW, *turn.place.entity.states).index(control)),
            known(self.domains.code(reference(turn.place), turn.place.address.id)),
            turn.caller,
        )

    def _case(self, course: Course, action: Action) -> None:
        turn = course.turn
        for condition, question in course.checks:
            self._check(condition, question, turn, action, "out-of-range")
        fields, checks = self._updated(turn, action, course.fields, course.case.updates)
        for condition, question in checks:
            self._check(condition, question, turn, action, "out-of-range")
        self._with_children(Course(turn, course.number, course.case, fields), action, [])

    # Updates.

    def _updated(
        self, turn: Turn, action: Action, fields: Fields, updates: tuple[Update, ...]
    ) -> tuple[Fields, list[tuple[Truth, str]]]:
        """The fields after a `set`, and what remains to be checked: (fits, question)."""
        scope = self._scope(turn, fields, turn.control)
        types = {each.name: each.type for each in turn.place.entity.fields}
        values = [(u, None if u.key is None else scope.mean(u.key), scope.mean(u.value)) for u in updates]
        checks: list[tuple[Truth, str]] = []
        changed = dict(fields.changed)
        for update, key, value in values:
            checks += self._update_checks(turn, action, update, types[update.name], key, value)
        self._key_checks(turn, action, values)
        for update, key, value in values:
            type_ = types[update.name]
            if key is None:
                changed[update.name] = fitted(type_, value)
            else:
                assert isinstance(type_, MapType), "only a map is updated by key"
                old = changed.get(update.name, fields[update.name])
                assert isinstance(old, Entries), "a map has entries"
                changed[update.name] = self._with_entry(old, key, fitted(type_.value, value))
        return replace(fields, changed=changed), checks

    def _with_entry(self, old: Entries, key: Meant, value: Meant) -> Entries:
        if isinstance(key, bool | str):
            key = Number(self.writer.as_word(key), 0, 1)
        assert isinstance(key, Number), "a key is a number"
        values = tuple(
            chosen(
                self.writer, self.writer.compare("eq", key.word, at) if key.lo <= at <= key.hi else False, value, held
            )
            for at, held in enumerate(old.values, old.lo)
        )
        return replace(old, values=values)

    def _update_checks(
        self, turn: Turn, action: Action, update: Update, type_: Type, key: Meant | None, value: Meant
    ) -> list[tuple[Truth, str]]:
        question = f"range:{turn.place.entity.name}.{update.name}"
        if update.key is None or key is None:
            return [(self._fits(turn, action, type_, update.value, value), question)]
        assert isinstance(type_, MapType), "only a map is updated by key"
        return [
            (self._fits(turn, action, type_.key, update.key, key), question),
            (self._fits(turn, action, type_.value, update.value, value), question),
        ]

    def _fits(self, turn: Turn, action: Action, type_: Type, expression: Expression, meant: Meant) -> Truth:
        """Whether a value is in range, where `machine` looks at it at all."""
        types = {each.name: each.type for each in turn.place.entity.fields}
        params = {param.name: param.type for param in action.params}
        if fits(expression, type_, fields=types, params=params, unborn=NEW in action.sources):
            return True
        return contained(self.writer, type_, fitted(type_, meant))

    def _key_checks(self, turn: Turn, action: Action, values: list[tuple[Update, Meant | None, Meant]]) -> None:
        keyed = [(update, key) for update, key, _ in values if key is not None]
        question = f"distinct_keys:{turn.place.entity.name}.{action.name}"
        for at, (update, key) in enumerate(keyed):
            for other, other_key in keyed[at + 1 :]:
                if update.name == other.name:
                    differ = self.writer.is_not(equal(self.writer, key, other_key))
                    self._check(differ, question, turn, action, "same-key-twice")

    def _check(self, condition: Truth, question: str, turn: Turn, action: Action, code: str) -> None:
        """Reject, and say what was violated, unless the condition holds."""
        if condition is True:
            return
        on, bad = self.writer.label(), self.writer.label()
        self.writer.branch(condition, on, bad)
        self.writer.place(bad)
        self.monitors.meet(self.writer, Monitor("violation", question, f"{turn.place.entity.name}.{action.name}"))
        if self.writer.is_open:
            self.writer.goto(turn.reject(code))
        if condition is not False:
            self.writer.place(on)

    # What is handed on.

    def _with_children(self, course: Course, action: Action, children: list[str]) -> None:
        """Choose the lowest unused id for each spawn of the case in turn; a cut where there is none."""
        spawns = [each for each in course.case.deliveries if isinstance(each, Spawn)]
        if len(children) == len(spawns):
            self._handing_on(course, action, children)
            return
        entity = spawns[len(children)].entity
        for ident in self.universe.ids_of(entity):
            if ident in {c for c, s in zip(children, spawns, strict=False) if s.entity == entity}:
                continue
            behind = self.writer.label()
            self.writer.unless(self.pending.is_unused(self.state, Address(entity, ident)), behind)
            self._with_children(course, action, [*children, ident])
            self.writer.place(behind)
        nobody = [*children, *(self.universe.ids_of(each.entity)[0] for each in spawns[len(children) :])]
        self._passed(course, action, nobody)
        self.monitors.cut(self.writer, "spawn", course.turn.spot)
        self.writer.goto(course.turn.done)

    def _handing_on(self, course: Course, action: Action, children: list[str]) -> None:
        fields, passed = self._passed(course, action, children)
        turn, case = course.turn, course.case
        beyond = [
            (
                within(self.writer, each.type, fields[each.name], self.universe.unbounded),
                f"{turn.place.entity.name}.{each.name}",
            )
            for each in turn.place.entity.fields
            if each.name in fields.changed
        ]
        beyond += [bound for each in passed for bound in self.handing.beyond(each)]
        for condition, spot in beyond:
            self._cut_unless(condition, "int", spot, turn)
        words = self._zoned(course, fields, self._landed(turn, case, fields))
        ranks: dict[str, Word] = {}
        for each in passed:
            words = self._handed_on(turn, words, each, ranks)
        self._step(turn, course.number, words)

    def _passed(self, course: Course, action: Action, children: list[str]) -> tuple[Fields, list[Passed]]:
        """The fields with the new references, and what goes out; ranges are checked on the way."""
        turn, case = course.turn, course.case
        spawned = iter(children)
        ids = {at: next(spawned) for at, each in enumerate(case.deliveries) if isinstance(each, Spawn)}
        changed = dict(course.fields.changed)
        for at, ident in ids.items():
            template = case.deliveries[at]
            assert isinstance(template, Spawn), "only a spawn has a child"
            if template.into:
                changed[template.into] = known(self.domains.code(reference_to(template.entity), ident))
        fields = replace(course.fields, changed=changed)
        scope = self._scope(turn, fields, turn.control if case.target is None else case.target)
        passed = []
        for at, template in enumerate(case.deliveries):
            site = Site(turn.place.entity.name, action.name, course.number, at)
            each = self.handing.delivery(scope, site, template, ids.get(at, ""))
            self._delivery_checks(turn, action, each)
            passed.append(each)
        return fields, passed

    def _delivery_checks(self, turn: Turn, action: Action, passed: Passed) -> None:
        template = passed.template
        whom = template.effect if isinstance(template, Request) else f"{template.entity}.{template.action}"
        written = dict(template.args)
        for name, type_, meant in zip(passed.packing.names, passed.packing.types, passed.args, strict=True):
            fine = self._fits(turn, action, type_, written[name], meant)
            if passed.condition is not True:
                fine = self.writer.or_(fine, self.writer.is_not(passed.condition))
            self._check(fine, f"range:{whom}.{name}", turn, action, "out-of-range")

    def _handed_on(self, turn: Turn, words: Words, passed: Passed, ranks: dict[str, Word]) -> Words:
        """The words with the delivery in its place; a cut where the place is taken. `ranks` are those of this step."""
        bits = self.pending.packed(passed.packing, passed.args)
        template = passed.template
        if isinstance(template, Request):
            lane = self.layout.by_lane[turn.place.address, template.effect]
            if lane.rank_width and template.effect not in ranks:
                ranks[template.effect] = self.pending.lateness.next_rank(words, lane)
            asked = next(each for each in lane.sites if each.site == passed.site)
            words, is_free = self.pending.request(words, lane, asked, bits, ranks.get(template.effect, 0))
            self._cut_unless(is_free, "in-flight", where(passed.site), turn)
            return words
        free: list[Truth] = []
        for receiver, condition in passed.receivers:
            words, is_free = self.pending.post(words, turn.place.address, passed.site, receiver, bits, condition)
            free.append(is_free)
        self._cut_unless(self.writer.and_(*free), "in-flight", where(passed.site), turn)
        return words

    def _cut_unless(self, condition: Truth, bound: str, where: str, turn: Turn) -> None:
        self._cut_to(turn.done, condition, bound, where)

    def _cut_to(self, behind: str, condition: Truth, bound: str, where: str) -> None:
        """A cut unless the condition holds."""
        if condition is True:
            return
        on, bad = self.writer.label(), self.writer.label()
        self.writer.branch(condition, on, bad)
        self.writer.place(bad)
        self.monitors.cut(self.writer, bound, where)
        if self.writer.is_open:
            self.writer.goto(behind)
        if condition is not False:
            self.writer.place(on)

    def _landed(self, turn: Turn, case: Case, fields: Fields) -> Words:
        """The words with the cell after, timers included."""
        words, place = turn.words, turn.place
        for each, pieces in zip(place.entity.fields, place.fields, strict=True):
            if each.name in fields.changed:
                words = with_field(self.writer, words, pieces, fields.changed[each.name])
        target = turn.control if case.target is None else case.target
        if target != turn.control:
            words = put(self.writer, words, place.control, place.controls.index(target))
        for timer, bits in zip(place.entity.timers, place.timers, strict=True):
            armed = fate(timer, case, turn.control, target)
            if armed is not None:
                words = put(self.writer, words, bits, int(armed))
        return words

    def _zoned(self, course: Course, fields: Fields, words: Words) -> Words:
        """The words with what is known of the order of timers afterwards."""
        turn, place, case = course.turn, course.turn.place, course.case
        if place.zone is None:
            return words
        zones = self.layout.zones[place.entity.name]
        target = turn.control if case.target is None else case.target
        fates = {timer: fate(timer, case, turn.control, target) for timer in place.entity.timers}
        gone = frozenset(timer.name for timer, fate in fates.items() if fate is False)
        scope = self._scope(turn, fields, target)
        delays = [(timer.name, self._delays(scope, timer)) for timer, fate in fates.items() if fate is True]
        before = get(self.writer, self.state, place.zone)
        found: Word | None = None
        for chosen_ in product(*(each for _, each in delays)):
            armed = tuple((name, max(0, delay)) for (name, _), (delay, _) in zip(delays, chosen_, strict=True))
            after = zones.after(self.writer, before, Tick(turn.fired, True, gone, armed))
            is_so = self.writer.and_(*(condition for _, condition in chosen_))
            found = after if found is None else self.writer.select(is_so, after, found)
        assert found is not None, "there is always one way"
        return put(self.writer, words, place.zone, found)

    def _delays(self, scope: Scope, timer: Timer) -> list[tuple[int, Truth]]:
        """The delays that the timer may get, and when it gets which."""
        meant = scope.mean(timer.after)
        assert isinstance(meant, Number), "`after:` is a duration"
        if meant.among is None or len(meant.among) > DELAYS_MAX:
            raise Unsupported("a delay that is computed, where the order of timers matters")
        return [(delay, self.writer.compare("eq", meant.word, delay)) for delay in sorted(meant.among)]

    # The step.

    def _step(self, turn: Turn, number: int, words: Words) -> None:
        words = self.closed(words if turn.finish is None else turn.finish(words), turn.done)
        row = Row(turn.place.entity.name, turn.action, turn.control, number)
        self.monitors.meet(self.writer, Monitor("row", str(row)))
        self._step_properties(turn, words)
        self.emit(words, Made(turn, number))
        self.writer.goto(turn.done)

    def closed(self, words: Words, behind: str) -> Words:
        """The words with late requests in their one form; where they are too many, a cut, and it goes on behind."""
        words, bounds = self.pending.lateness.closed(words)
        for fine, spot in bounds:
            self._cut_to(behind, fine, "late", spot)
        return words

    def _step_properties(self, turn: Turn, words: Words) -> None:
        entity = turn.place.entity.name
        for each in self.table.properties:
            if each.kind is not PropertyKind.STEP or each.variables[0][1] != entity:
                continue
            if each.on is not None and each.on[1] != turn.action:
                continue
            forms = [("", each), *((str(at), v.property) for at, v in enumerate(self._variants[each.name]))]
            for part, form in forms:
                scope = Scope(
                    self.writer,
                    self.domains,
                    args=turn.args,
                    view=Sight(self.writer, self.layout, words),
                    before=Sight(self.writer, self.layout, self.state),
                    variables={
                        form.variables[0][0]: known(self.domains.code(reference(turn.place), turn.place.address.id))
                    },
                )
                monitor = Monitor("loose" if part else "property", each.name, part)
                fails = partial(failing, scope, form.whenever, form.body)
                self.monitors.watch(self.writer, monitor, fails)


def failing(scope: Scope, whenever: Expression | None, body: Expression) -> Truth:
    """Whether what should hold does not."""
    premise = True if whenever is None else _truth(scope.mean(whenever))
    return scope.writer.and_(premise, scope.writer.is_not(_truth(scope.mean(body))))


def _truth(meant: Meant) -> Truth:
    assert isinstance(meant, bool | str), "a condition is a bool"
    return meant


def fate(timer: Timer, case: Case, source: str, target: str) -> bool | None:
    """Whether the timer is armed afterwards; None if it stays as it is."""
    if case.target is None and not case.restarts:
        return None
    if target not in timer.states:
        return False
    return True if source not in timer.states or timer.name in case.restarts else None
