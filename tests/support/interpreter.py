"""The meaning of an expression, spelt out operator by operator: slow, literal, and independent of every algebra."""

from __future__ import annotations

from typing import Any

from temper.machine import NEW, Environment, Expression, FrozenMap, MapType, Op, TransitionTable, finite_values, initial


def meaning(expression: Expression, environment: Environment, table: TransitionTable) -> Any:
    """The value of the expression, from `blueprint.md` section 3 and the comments at `Op` alone."""
    return _meaning(expression, environment, table, dict(environment.variables))


def _meaning(e: Expression, env: Environment, table: TransitionTable, bound: dict[str, Any]) -> Any:
    def of(index: int) -> Any:
        return _meaning(e.operands[index], env, table, bound)

    match e.op:
        case Op.LITERAL:
            return e.value
        case Op.FIELD:
            return env.fields[e.name]
        case Op.ARGUMENT:
            return env.args[e.name]
        case Op.STATE:
            return env.state
        case Op.SELF:
            return env.self
        case Op.CALLER:
            return env.caller
        case Op.NOW:
            return env.now
        case Op.VARIABLE:
            return bound[e.name]
        case Op.READ:
            return _read(e, env, table, of(0))
        case Op.SOME | Op.THE:
            return of(0)
        case Op.NOT:
            return of(0) is False
        case Op.AND:
            return all(of(i) is True for i in range(len(e.operands)))
        case Op.OR:
            return any(of(i) is True for i in range(len(e.operands)))
        case Op.IF:
            return of(1) if of(0) else of(2)
        case Op.EQ:
            return of(0) == of(1)
        case Op.LT:
            return of(0) < of(1)
        case Op.LE:
            return of(0) <= of(1)
        case Op.IN:
            return any(member == of(0) for member in of(1))
        case Op.ADD:
            return of(0) + of(1)
        case Op.SUB:
            return of(0) - of(1)
        case Op.MUL:
            return of(0) * of(1)
        case Op.DIV:
            return rounded_down(of(0), of(1))
        case Op.MOD:
            return of(0) - of(1) * rounded_down(of(0), of(1)) if of(1) != 0 else 0
        case Op.NEG:
            return 0 - of(0)
        case Op.ABS:
            return of(0) if of(0) >= 0 else 0 - of(0)
        case Op.MIN:
            return min(of(i) for i in range(len(e.operands)))
        case Op.MAX:
            return max(of(i) for i in range(len(e.operands)))
        case Op.SET:
            return frozenset([of(i) for i in range(len(e.operands))])
        case Op.UNION:
            return frozenset([*of(0), *of(1)])
        case Op.INTERSECT:
            return frozenset([x for x in of(0) if x in of(1)])
        case Op.DIFFERENCE:
            return frozenset([x for x in of(0) if x not in of(1)])
        case Op.LEN:
            return sum(1 for _ in of(0))
        case Op.GET:
            return _get(e, of(0), of(1))
        case Op.VALUES:
            values = finite_values(e.type.of)
            assert values is not None, "only finite types are gone through"
            return frozenset(values)
        case Op.INSTANCES:
            return frozenset(cell.id for cell in env.view.values() if cell.entity == e.name and cell.control != NEW)
        case Op.ALL:
            return all(body is True for body in _loop(e, env, table, bound))
        case Op.ANY:
            return any(body is True for body in _loop(e, env, table, bound))
        case Op.COUNT:
            return len(_loop(e, env, table, bound))
        case Op.SUM:
            return sum(_loop(e, env, table, bound))
        case Op.LEAST:
            found = sorted(_loop(e, env, table, bound))
            return found[0] if found else of(3)
        case Op.GREATEST:
            found = sorted(_loop(e, env, table, bound))
            return found[-1] if found else of(3)
    raise AssertionError(e.op)


def rounded_down(a: int, b: int) -> int:
    """Division that rounds towards minus infinity, from division of magnitudes; by zero it gives 0."""
    if b == 0:
        return 0
    quotient, rest = divmod(abs(a), abs(b))
    if (a < 0) == (b < 0):
        return quotient
    return -quotient - (1 if rest else 0)


def _get(e: Expression, entries: FrozenMap, key: Any) -> Any:
    assert isinstance(e.operands[0].type, MapType)
    return entries[key] if key in entries else initial(e.operands[0].type.value)


def _read(e: Expression, env: Environment, table: TransitionTable, ident: str) -> Any:
    entity = table.entity(e.operands[0].type.entity)
    view = env.before if e.moment == "before" else env.view
    for address, cell in view.items():
        if tuple(address) == (entity.name, ident):
            if e.name == "state":
                return cell.control
            return next(v for f, v in zip(entity.fields, cell.data, strict=True) if f.name == e.name)
    if e.name == "state":
        return NEW
    return next(f.initial for f in entity.fields if f.name == e.name)


def _loop(e: Expression, env: Environment, table: TransitionTable, bound: dict[str, Any]) -> list[Any]:
    """What the body gives for each member of the domain that meets the condition; the members where there is none."""
    domain = _meaning(e.operands[0], env, table, bound)
    type_ = e.operands[0].type
    if isinstance(type_, MapType) and finite_values(type_.key) is not None:
        domain = finite_values(type_.key)
    inner = [{**bound, e.name: member} for member in domain]
    met = [one for one in inner if _meaning(e.operands[1], env, table, one) is True]
    return [_meaning(e.operands[2], env, table, one) if len(e.operands) > 2 else one[e.name] for one in met]
