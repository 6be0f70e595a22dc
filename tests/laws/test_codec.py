"""Law: what is written as JSON comes back equal, and equal tables have one hash."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.expressions import EXAMPLE, FIELDS, RESULTS, cells, expressions
from support.tables import action, deploy_table, entity, orders_table, table
from temper.machine import (
    BOOL,
    DURATION,
    INT,
    INT_MAX,
    INT_MIN,
    JSON,
    TIME,
    Address,
    Cell,
    Effecting,
    Field,
    FrozenMap,
    MapType,
    Message,
    NotAValueError,
    OptionType,
    Refusal,
    Scope,
    Site,
    Spawning,
    TransitionTable,
    Type,
    Update,
    cell_from_json,
    cell_to_json,
    delivery_from_json,
    delivery_to_json,
    from_json,
    initial,
    table_from_json,
    table_hash,
    table_to_json,
    to_json,
)

TABLES = [deploy_table(), orders_table(), EXAMPLE]


def through_json(data: object) -> object:
    return json.loads(json.dumps(data))


@pytest.mark.parametrize("made", TABLES, ids=lambda made: made.blueprint)
def test_a_table_comes_back_equal(made: TransitionTable) -> None:
    back = table_from_json(through_json(table_to_json(made)))
    assert back == made
    assert (back.scope, back.accept, back.migrate) == (made.scope, made.accept, made.migrate)
    assert table_hash(back) == table_hash(made)


@given(st.data())
def test_a_table_with_any_expression_comes_back_equal(drawing: st.DataObject) -> None:
    expression = drawing.draw(expressions(drawing.draw(st.sampled_from(RESULTS)), properties=True))
    go = action("go", sources=("s",), updates=(Update("n", None, expression),))
    fields = tuple(Field(name, type_, initial(type_)) for name, type_ in FIELDS.items())
    made = table(entity("Node", go, fields=fields, states=("s",)))
    back = table_from_json(through_json(table_to_json(made)))
    assert back == made
    assert table_hash(back) == table_hash(made)


@given(cells("n1"))
def test_a_cell_comes_back_equal(cell: Cell) -> None:
    assert cell_from_json(EXAMPLE, through_json(cell_to_json(EXAMPLE, cell))) == cell


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (TIME, 0),
        (TIME, INT_MAX),
        (TIME, INT_MIN),
        (TIME, -62_135_596_800_000),
        (TIME, 253_402_300_799_999),
        (DURATION, INT_MIN),
        (DURATION, 0),
        (JSON, '{"a":[1,null]}'),
        (OptionType(JSON), None),
        (MapType(INT, BOOL), FrozenMap({-3: True})),
        (MapType(BOOL, INT), FrozenMap({True: 3})),
    ],
)
def test_values_at_the_edge_come_back_equal(type_: Type, value: object) -> None:
    assert from_json(type_, through_json(to_json(type_, value))) == value


def test_null_is_no_json_value() -> None:
    """Otherwise a stored `json | None` could not tell null from nothing."""
    with pytest.raises(NotAValueError):
        from_json(JSON, None)


def test_a_cell_with_timers_comes_back_equal() -> None:
    cell = Cell(
        "Deploy", "d", "watching", ("s", None, frozenset({"a"}), 5, "good"), (("watched_long_enough", 7),), 3, 9
    )
    assert cell_from_json(deploy_table(), through_json(cell_to_json(deploy_table(), cell))) == cell


OWNER = Address("Order", "o1")
LEAVE = Message(OWNER, Site("Order", "pack", 0, 1), Address("Shipment", "s"), "leave", (("items", 2),), 5, 2, 1)
OPEN = Spawning(OWNER, Site("Order", "pack", 0, 0), Address("Shipment", "s"), "open", (("order", "o1"),), 5, 2)


@pytest.mark.parametrize(
    ("made", "delivery"),
    [
        (orders_table(), LEAVE),
        (orders_table(), OPEN),
        (orders_table(), Refusal(LEAVE, "wrong-state", 8)),
        (orders_table(), Refusal(OPEN, "bad-args", 8)),
        (
            deploy_table(),
            Effecting(
                Address("Deploy", "d"),
                Site("Deploy", "start", 0, 0),
                "probe",
                (("service", "s"), ("percent", 5)),
                1,
                2,
                3,
            ),
        ),
    ],
)
def test_a_delivery_comes_back_equal(made: TransitionTable, delivery: object) -> None:
    assert delivery_from_json(made, through_json(delivery_to_json(made, delivery))) == delivery


def test_the_hash_is_of_what_the_table_means() -> None:
    made = deploy_table()
    same = replace(made, doc="words", scope=Scope(in_flight=3), accept=(("p", "because"),))
    assert table_hash(same) == table_hash(made)
    assert table_hash(replace(made, blueprint="other")) != table_hash(made)
    assert table_hash(replace(made, policies=(("a.cedar", ""),))) != table_hash(made)


def test_sets_and_maps_hash_alike_in_any_order() -> None:
    def made(value: object) -> TransitionTable:
        return table(entity("E", fields=(Field("f", FIELDS["people"], value),), states=("s",)))

    assert table_hash(made(frozenset(["a", "b"]))) == table_hash(made(frozenset(["b", "a"])))
    assert table_hash(made(FrozenMap({"a": 1, "b": 2}))) == table_hash(made(FrozenMap({"b": 2, "a": 1})))
    assert table_hash(made(frozenset(["a"]))) != table_hash(made(frozenset(["b"])))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.pop("entities"),
        lambda data: data.update(surplus=1),
        lambda data: data.update(roles="engineer"),
        lambda data: data["entities"][0].update(single="yes"),
        lambda data: data["entities"][0]["fields"][0]["type"].update({"is": "Span"}),
        lambda data: data["entities"][0]["fields"][0]["type"].pop("is"),
        lambda data: data["entities"][0]["fields"][0].update(initial={"what": 1}),
        lambda data: data["entities"][0]["actions"][0].update(gate="everybody"),
        lambda data: data.update(blueprint=1.5),
    ],
)
def test_data_that_is_no_table_is_refused(spoil: object) -> None:
    data = table_to_json(deploy_table())
    spoil(data)
    with pytest.raises(NotAValueError):
        table_from_json(data)


def test_a_cell_that_does_not_fit_the_table_is_refused() -> None:
    cell = Cell("Deploy", "d", "draft", ("s", None, frozenset(), 5, "good"))
    for spoil in ({"entity": "Nope"}, {"data": {}}, {"timers": {"nope": 1}}, {"clock": None}):
        with pytest.raises(NotAValueError):
            cell_from_json(deploy_table(), {**cell_to_json(deploy_table(), cell), **spoil})


def test_a_delivery_that_does_not_fit_the_table_is_refused() -> None:
    good = delivery_to_json(orders_table(), LEAVE)
    for spoil in (
        {"kind": "parcel"},
        {"action": "nope"},
        {"args": {"nope": 1}},
        {"owner": ["a"]},
        {"args": {"items": "two"}},
    ):
        with pytest.raises(NotAValueError):
            delivery_from_json(orders_table(), {**good, **spoil})
