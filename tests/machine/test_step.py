"""The step of one cell: semantics.md section 2, rule by rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.tables import (
    CALLER,
    NOW,
    SELF,
    action,
    arg,
    data,
    deploy_table,
    entity,
    eq,
    field,
    lit,
    number,
    op,
    orders_table,
    params,
    sets,
    some,
    table,
)
from temper.machine import (
    BOOL,
    DURATION,
    INT,
    INT_MAX,
    INT_MIN,
    NEW,
    PRINCIPAL,
    REJECTIONS,
    STR,
    TIME,
    Action,
    Address,
    Applied,
    Call,
    Case,
    Cause,
    Cell,
    Effecting,
    EnumType,
    Expression,
    FrozenMap,
    Gate,
    IntType,
    MapType,
    Message,
    Op,
    OptionType,
    RefType,
    Rejected,
    Send,
    SetType,
    Site,
    Spawn,
    Spawning,
    Timer,
    TransitionTable,
    Update,
    absent,
    initial_cells,
    spawns_max,
    step,
    stepper,
)

DEPLOY = deploy_table()
ORDERS = orders_table()


def person(
    name: str, caller: str = "ann", roles: tuple[str, ...] = ("engineer",), now: int = 10, **args: object
) -> Call:
    return Call(Cause.PERSON, name, args, now, caller, frozenset(roles))


def machine(name: str, now: int = 10, fresh: tuple[str, ...] = (), **args: object) -> Call:
    return Call(Cause.MACHINE, name, args, now, fresh=fresh)


def deploy(control: str = "draft", clock: int = 5, timers: tuple = (), **changes: object) -> Cell:
    start = {"service": "api", "author": "ann", "approvers": frozenset(), "percent": 0, "health": "unseen"}
    return Cell("Deploy", "d1", control, tuple({**start, **changes}.values()), timers, clock, 3)


def applied(answer: object) -> Applied:
    assert isinstance(answer, Applied), answer
    return answer


def rejected(answer: object, code: str) -> Rejected:
    assert isinstance(answer, Rejected), answer
    assert answer.code == code
    assert code in REJECTIONS
    return answer


def test_an_applied_call_writes_the_cell_and_moves_clock_and_seq() -> None:
    answer = applied(step(DEPLOY, deploy(), person("approve", "bob", ("approver",), now=77)))
    assert answer.cell == Cell("Deploy", "d1", "draft", ("api", "ann", frozenset({"bob"}), 0, "unseen"), (), 77, 4)
    assert (answer.deliveries, answer.case, answer.permitted_by) == ((), 1, "approver")


def test_cases_read_the_data_after_the_common_set() -> None:
    answer = applied(step(DEPLOY, deploy(approvers=frozenset({"cid"})), person("approve", "bob", ("approver",))))
    assert (answer.cell.control, answer.case) == ("approved", 0)


def test_a_constructor_starts_from_an_absent_cell_and_no_other() -> None:
    new = absent(DEPLOY, Address("Deploy", "d2"))
    assert (new.control, new.data) == (NEW, ("", None, frozenset(), 0, "unseen"))
    answer = applied(step(DEPLOY, new, person("propose", service="web")))
    assert answer.cell.data == ("web", "ann", frozenset(), 0, "unseen")
    again = rejected(step(DEPLOY, answer.cell, person("propose", service="web")), "wrong-state")
    assert "exists already" in again.message
    missing = rejected(step(DEPLOY, new, person("approve", "bob", ("approver",))), "wrong-state")
    assert "does not exist" in missing.message


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (person("propose"), "bad-args", "needs the argument `service`"),
        (person("propose", service=7), "bad-args", "must be str, not 7"),
        (person("propose", service="a", colour="red"), "bad-args", "has no argument `colour`"),
        (machine("seen_good", percent=101), "bad-args", "must be int[0, 100], not 101"),
        (machine("seen_good", percent=True), "bad-args", "not True"),
        (person("start", roles=("operator",)), "wrong-state", "starts in approved"),
        (person("approve", "bob", ("engineer",)), "denied", "takes the role approver"),
        (person("approve", "ann", ("approver",)), "guard-false", "caller != author and caller not in approvers"),
        (person("vanish"), "unknown-action", "has no action `vanish`"),
    ],
)
def test_a_rejection_has_a_code_and_says_why(call: Call, code: str, words: str) -> None:
    assert words in rejected(step(DEPLOY, deploy(), call), code).message


def test_the_first_reason_in_the_order_of_the_semantics_is_told() -> None:
    """(a) arguments, (b) state, (c) gate, (d) guard: a call that is wrong in every way is told the first."""
    wrong = person("approve", "ann", (), extra=1)
    live = deploy("live")
    rejected(step(DEPLOY, live, wrong), "bad-args")
    rejected(step(DEPLOY, live, wrong._replace(args={})), "wrong-state")
    rejected(step(DEPLOY, deploy(), wrong._replace(args={})), "denied")
    rejected(step(DEPLOY, deploy(), wrong._replace(args={}, roles=frozenset({"approver"}))), "guard-false")


def test_a_false_guard_tells_what_it_read() -> None:
    answer = rejected(
        step(DEPLOY, deploy(approvers=frozenset({"bob"})), person("approve", "bob", ("approver",))), "guard-false"
    )
    assert dict(answer.facts) == {
        "guard": "caller != author and caller not in approvers",
        "caller": "bob",
        "author": "ann",
        "approvers": "{bob}",
    }


def test_a_rejection_can_be_compared_hashed_and_pickled() -> None:
    import pickle

    answer = step(DEPLOY, deploy(), person("start"))
    assert answer == step(DEPLOY, deploy(), person("start"))
    assert hash(answer) == hash(step(DEPLOY, deploy(), person("start")))
    assert pickle.loads(pickle.dumps(answer)) == answer
    assert answer != step(DEPLOY, deploy("live"), person("start"))


def test_who_may_call() -> None:
    for call in (person("watch", roles=("engineer", "operator")), person("watch", roles=())):
        assert "only the machine" in rejected(step(DEPLOY, deploy("shifting"), call), "denied").message
    applied(step(DEPLOY, deploy("shifting"), machine("watch")))
    applied(step(DEPLOY, deploy("shifting"), machine("revert")))
    environment = Call(Cause.ENVIRONMENT, "revert", {}, 10)
    rejected(step(DEPLOY, deploy("shifting"), environment), "denied")
    no_policy = _one(action("go", gate=Gate.POLICY, sources=("s",)))
    assert "no policy permits" in rejected(step(no_policy, _cell(), person("go")), "denied").message
    world = table(entity("E", action("go", gate=Gate.ENVIRONMENT, sources=("s",)), states=("s",), world=True))
    applied(step(world, _cell(), Call(Cause.ENVIRONMENT, "go", {}, 0)))
    assert "only the environment" in rejected(step(world, _cell(), person("go")), "denied").message


def test_time_never_falls() -> None:
    with pytest.raises(AssertionError, match="clock"):
        step(DEPLOY, deploy(clock=11), person("approve", "bob", ("approver",), now=10))


def test_a_machine_call_without_a_caller_must_not_read_one() -> None:
    with pytest.raises(AssertionError, match="caller"):
        step(DEPLOY, deploy(), machine("approve"))


# Deliveries.


def test_an_effect_carries_its_arguments_after_the_update() -> None:
    answer = applied(step(DEPLOY, deploy("approved"), person("start", roles=("operator",), now=42)))
    site = Site("Deploy", "start", 0, 0)
    args = (("service", "api"), ("percent", 5))
    assert answer.deliveries == (Effecting(Address("Deploy", "d1"), site, "shift_traffic", args, 42, 4),)
    assert isinstance(answer.deliveries[0], Effecting)
    assert answer.permitted_by == "operator"


def test_a_spawn_takes_a_fresh_id_puts_it_into_its_field_and_a_message_finds_it_there() -> None:
    packed = Cell("Order", "o1", "placed", (2, None), (), 0, 1)
    call = person("pack", "cid", ("operator",))._replace(fresh=("s9",))
    answer = applied(step(ORDERS, packed, call))
    owner = Address("Order", "o1")
    assert answer.cell.data == (2, "s9")
    assert answer.deliveries == (
        Spawning(owner, Site("Order", "pack", 0, 0), Address("Shipment", "s9"), "open", (("order", "o1"),), 10, 2),
        Message(owner, Site("Order", "pack", 0, 1), Address("Shipment", "s9"), "leave", (("items", 2),), 10, 2),
    )
    assert spawns_max(ORDERS, "Order", "pack") == 1
    with pytest.raises(AssertionError, match="fresh"):
        step(ORDERS, packed, call._replace(fresh=()))


NODE = RefType("E")
POINTS = IntType(0, 9)


def _sending(to: Expression, points: Expression) -> TransitionTable:
    send = Send(to, "E", "take", (("points", points),), ("ignore",))
    return table(
        entity(
            "E",
            action("go", sources=("s",), takes=params(n=INT), deliveries=(send,)),
            action("take", sources=("s",), takes=params(points=POINTS)),
            fields=(data("peers", SetType(NODE)), data("peer", OptionType(NODE))),
            states=("s",),
        )
    )


def _cell(*values: object, timers: tuple = ()) -> Cell:
    return Cell("E", "e1", "s", values, timers)


def _one(
    *actions: Action, fields: tuple = (), timers: tuple = (), states: tuple[str, ...] = ("s", "t")
) -> TransitionTable:
    return table(entity("E", *actions, fields=fields, states=states, timers=timers))


def test_a_message_to_a_set_goes_to_each_member_in_order_and_one_to_none_goes_nowhere() -> None:
    to_all = _sending(field("peers", SetType(NODE)), number(1))
    answer = applied(step(to_all, _cell(frozenset({"c", "a", "b"}), None), machine("go", n=1)))
    assert [message.receiver.id for message in answer.deliveries] == ["a", "b", "c"]
    assert {message.site.position for message in answer.deliveries} == {0}
    to_one = _sending(field("peer", OptionType(NODE)), number(1))
    assert applied(step(to_one, _cell(frozenset(), None), machine("go", n=1))).deliveries == ()
    assert len(applied(step(to_one, _cell(frozenset(), "a"), machine("go", n=1))).deliveries) == 1


def test_what_is_passed_on_is_checked_and_what_is_not_passed_on_is_not() -> None:
    to_one = _sending(field("peer", OptionType(NODE)), arg("n", INT))
    assert applied(step(to_one, _cell(frozenset(), None), machine("go", n=10))).deliveries == ()
    answer = rejected(step(to_one, _cell(frozenset(), "a"), machine("go", n=10)), "out-of-range")
    assert "`points` of `take` would become 10" in answer.message
    to_all = _sending(field("peers", SetType(NODE)), arg("n", INT))
    assert applied(step(to_all, _cell(frozenset(), None), machine("go", n=10))).deliveries == ()
    rejected(step(to_all, _cell(frozenset("a"), None), machine("go", n=10)), "out-of-range")


def test_templates_read_the_data_and_the_state_after() -> None:
    states = EnumType("E.state", ("s", "t"))
    count, state = field("n", INT), Expression(Op.STATE, states)
    send = Send(SELF_E, "E", "take", (("n", count), ("was", state)), ("ignore",))
    case = Case(None, sets(n=op(Op.ADD, INT, count, number(1))), "t", (send,))
    go = action("go", sources=("s",), updates=sets(n=number(5), was=state), cases=(case,))
    take = action("take", sources=("s",), takes=params(n=INT, was=states))
    made = table(entity("E", go, take, fields=(data("n", INT), data("was", states)), states=states.members))
    answer = applied(step(made, _cell(0, "t"), machine("go")))
    assert answer.cell.data == (6, "s")
    assert answer.deliveries[0].args == (("n", 6), ("was", "t"))


SELF_E = Expression(Op.SELF, NODE)


# Updates.


def test_updates_of_one_set_are_simultaneous() -> None:
    a, b = field("a", INT), field("b", INT)
    swap = action("swap", sources=("s",), updates=sets(a=b, b=a))
    made = _one(swap, fields=(data("a", INT), data("b", INT)))
    assert applied(step(made, _cell(1, 2), machine("swap"))).cell.data == (2, 1)


@pytest.mark.parametrize(
    ("value", "fits"), [(INT_MAX, True), (INT_MAX + 1, False), (INT_MIN, True), (INT_MIN - 1, False)]
)
def test_every_int_stays_in_64_bits(value: int, fits: bool) -> None:
    n, x = field("n", INT), arg("x", INT)
    made = _one(
        action("add", sources=("s",), takes=params(x=INT), updates=sets(n=op(Op.ADD, INT, n, x))),
        fields=(data("n", INT),),
    )
    step_ = 1 if value > 0 else -1
    answer = step(made, _cell(value - step_), machine("add", x=step_))
    assert isinstance(answer, Applied) is fits


def test_guards_compute_with_exact_numbers() -> None:
    n = field("n", INT)
    big = op(Op.LT, BOOL, number(0), op(Op.MUL, INT, n, n))
    made = _one(action("go", sources=("s",), when=big), fields=(data("n", INT),))
    applied(step(made, _cell(INT_MAX), machine("go")))
    applied(step(made, _cell(INT_MIN), machine("go")))


def test_a_value_of_the_common_set_is_checked_although_a_case_overwrites_it() -> None:
    small = IntType(0, 3)
    case = Case(None, sets(n=number(1)), None)
    made = _one(action("go", sources=("s",), updates=sets(n=number(7)), cases=(case,)), fields=(data("n", small),))
    rejected(step(made, _cell(0), machine("go")), "out-of-range")


def test_no_case_comes_before_out_of_range() -> None:
    n = field("n", IntType(0, 3))
    case = Case(eq(n, number(0)), (), None)
    made = _one(
        action("go", sources=("s",), updates=sets(n=number(7)), cases=(case,)), fields=(data("n", IntType(0, 3)),)
    )
    answer = rejected(step(made, _cell(0), machine("go")), "no-case")
    assert ("case", "n == 0") in answer.facts


def test_a_set_has_a_size() -> None:
    people = SetType(PRINCIPAL, 2)
    crowd = field("crowd", people)
    join = op(Op.UNION, people, crowd, op(Op.SET, people, CALLER))
    made = _one(
        action("join", by=("engineer",), sources=("s",), updates=sets(crowd=join)), fields=(data("crowd", people),)
    )
    applied(step(made, _cell(frozenset({"a"})), person("join", "b")))
    applied(step(made, _cell(frozenset({"a", "b"})), person("join", "b")))
    answer = rejected(step(made, _cell(frozenset({"a", "b"})), person("join", "c")), "out-of-range")
    assert "set[principal, 2]" in answer.message


VOTES = MapType(IntType(0, 2), IntType(0, 5))


def _voting(*keys: Expression, value: Expression) -> TransitionTable:
    updates = tuple(Update("votes", key, value) for key in keys)
    vote = action("vote", sources=("s",), takes=params(i=INT, j=INT, n=INT), updates=updates)
    return _one(vote, fields=(data("votes", VOTES),))


def test_a_map_is_changed_by_key_and_checked_in_key_and_value() -> None:
    made = _voting(arg("i", INT), arg("j", INT), value=arg("n", INT))
    before = _cell(FrozenMap({0: 5, 2: 1}))
    assert applied(step(made, before, machine("vote", i=0, j=1, n=3))).cell.data == (FrozenMap({0: 3, 1: 3, 2: 1}),)
    assert applied(step(made, before, machine("vote", i=0, j=2, n=0))).cell.data == (FrozenMap(),)
    assert "a key of `votes`" in rejected(step(made, before, machine("vote", i=0, j=3, n=1)), "out-of-range").message
    rejected(step(made, before, machine("vote", i=0, j=1, n=6)), "out-of-range")
    assert (
        "under the same key 1" in rejected(step(made, before, machine("vote", i=1, j=1, n=1)), "same-key-twice").message
    )


def test_keys_that_are_different_literals_are_never_the_same() -> None:
    made = _voting(number(0), number(1), value=arg("n", INT))
    applied(step(made, _cell(FrozenMap()), machine("vote", i=0, j=0, n=3)))


def test_now_can_be_stored() -> None:
    made = _one(action("go", sources=("s",), updates=sets(at=some(NOW))), fields=(data("at", OptionType(TIME)),))
    assert applied(step(made, _cell(None), machine("go", now=123))).cell.data == (123,)


def test_what_was_never_given_cannot_be_written_as_given() -> None:
    """A constructor that copies a field without initial value would make a principal that is nobody."""
    owner = field("owner", PRINCIPAL)
    made = _one(
        action("open", sources=(NEW,), updates=sets(other=owner), to="s"),
        fields=(data("owner", PRINCIPAL), data("other", PRINCIPAL)),
    )
    rejected(step(made, absent(made, Address("E", "e1")), machine("open")), "out-of-range")


# Timers.

SOON = Timer("soon", ("s",), lit(DURATION, 100), ("go",))
LATER = Timer("later", ("s", "t"), field("wait", DURATION), ("go",))


def _timed() -> TransitionTable:
    return _one(
        action("open", sources=(NEW,), takes=params(wait=DURATION), updates=sets(wait=arg("wait", DURATION)), to="s"),
        action("move", sources=("s", "t"), to="t"),
        action("back", sources=("s", "t", "u"), to="s"),
        action("stay", sources=("s", "t", "u")),
        action("anew", sources=("s", "t", "u"), restarts=("soon",)),
        action("leave", sources=("s", "t"), to="u"),
        fields=(data("wait", DURATION, 7),),
        timers=(SOON, LATER),
        states=("s", "t", "u"),
    )


def timers_after(control: str, timers: tuple, name: str, now: int = 1_000, wait: int = 7) -> tuple:
    args = {"wait": wait} if name == "open" else {}
    return applied(step(_timed(), Cell("E", "e1", control, (wait,), timers), machine(name, now, **args))).cell.timers


def test_timers_are_armed_on_entering_kept_within_and_disarmed_on_leaving() -> None:
    armed = (("soon", 1), ("later", 2))
    assert timers_after(NEW, (), "open", wait=50) == (("soon", 1_100), ("later", 1_050))
    assert timers_after("s", armed, "move") == (("later", 2),)
    assert timers_after("t", (("later", 2),), "back") == (("soon", 1_100), ("later", 2))
    assert timers_after("u", (), "back") == (("soon", 1_100), ("later", 1_007))
    assert timers_after("s", armed, "stay") == armed
    assert timers_after("s", armed, "leave") == ()


def test_a_timer_that_fired_stays_disarmed_until_the_instance_comes_in_again_or_restarts_it() -> None:
    assert timers_after("s", (("later", 2),), "stay") == (("later", 2),)
    assert timers_after("s", (("later", 2),), "back") == (("later", 2),)
    assert timers_after("s", (("later", 2),), "anew") == (("soon", 1_100), ("later", 2))


def test_restart_counts_only_where_the_timer_runs() -> None:
    assert timers_after("s", (("soon", 1), ("later", 2)), "anew") == (("soon", 1_100), ("later", 2))
    assert timers_after("t", (("later", 2),), "anew") == (("later", 2),)
    assert timers_after("u", (), "anew") == ()


def test_a_negative_delay_counts_as_none_and_an_endless_one_is_out_of_range() -> None:
    assert timers_after(NEW, (), "open", wait=-5) == (("soon", 1_100), ("later", 1_000))
    endless = step(_timed(), Cell("E", "e1", NEW, (7,)), machine("open", 1_000, wait=INT_MAX))
    assert "timer `later`" in rejected(endless, "out-of-range").message


# Starting and staging.


def test_single_entities_are_there_from_the_start_with_their_timers_armed() -> None:
    clock = entity(
        "Clock",
        action("tick", sources=("on",)),
        fields=(data("every", DURATION, 30),),
        states=("on", "off"),
        timers=(Timer("tick", ("on",), field("every", DURATION), ("tick",)),),
        single=True,
    )
    made = table(clock, *DEPLOY.entities)
    assert initial_cells(made, now=5) == (Cell("Clock", "Clock", "on", (30,), (("tick", 35),), 5, 0),)
    assert [cell.entity for cell in initial_cells(made, world=True)] == ["Clock", "Router"]


def test_a_table_is_staged_once_and_an_equal_one_apart() -> None:
    other = replace(DEPLOY, blueprint="other")
    take = stepper(DEPLOY)
    call = person("approve", "bob", ("approver",))
    assert take(deploy(), call) == step(DEPLOY, deploy(), call) == step(other, deploy(), call)


def test_more_tables_than_are_kept_staged_still_step() -> None:
    tables = [replace(DEPLOY, blueprint=f"b{number}") for number in range(70)]
    call = person("approve", "bob", ("approver",))
    answers = {step(made, deploy(), call) for made in (*tables, *tables)}
    assert len(answers) == 1


def test_no_text_of_a_blueprint_becomes_code() -> None:
    """Names and texts are quoted, whatever they hold; a step with hostile ones does what the table says."""
    hostile = "x'); raise SystemExit #\\\n{0}"
    text_ = field(hostile, STR)
    made = table(
        entity(
            "E",
            action(
                hostile,
                sources=(hostile,),
                takes=params(**{hostile: STR}),
                when=eq(arg(hostile, STR), lit(STR, hostile)),
                updates=sets(**{hostile: lit(STR, hostile + "!")}),
                to=hostile,
                deliveries=(Spawn("E", hostile, ((hostile, text_),), "", ("ignore",)),),
            ),
            fields=(data(hostile, STR),),
            states=(hostile,),
        )
    )
    call = Call(Cause.MACHINE, hostile, {hostile: hostile}, 0, fresh=("f",))
    answer = applied(step(made, Cell("E", "e", hostile, ("",)), call))
    assert answer.cell.data == (hostile + "!",)
    assert answer.deliveries[0].args == ((hostile, hostile + "!"),)


def test_self_is_the_instance() -> None:
    made = _one(action("go", sources=("s",), updates=sets(me=some(SELF_E))), fields=(data("me", OptionType(NODE)),))
    assert applied(step(made, _cell(None), machine("go"))).cell.data == ("e1",)
    assert SELF.op is Op.SELF
