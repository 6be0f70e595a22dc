"""An expression with every parenthesis written out: what `text` must mean, without any thought for precedence."""

from __future__ import annotations

from temper.machine import BINDERS, Expression, Op, show

INFIX = {
    Op.AND: "and",
    Op.OR: "or",
    Op.EQ: "==",
    Op.LT: "<",
    Op.LE: "<=",
    Op.IN: "in",
    Op.ADD: "+",
    Op.SUB: "-",
    Op.MUL: "*",
    Op.DIV: "//",
    Op.MOD: "%",
    Op.UNION: "|",
    Op.INTERSECT: "&",
    Op.DIFFERENCE: "-",
}
FUNCTIONS = {Op.ABS: "abs", Op.MIN: "min", Op.MAX: "max", Op.LEN: "len"}
LOOPS = {Op.ALL: "all", Op.ANY: "any", Op.COUNT: "count", Op.SUM: "sum", Op.LEAST: "min", Op.GREATEST: "max"}
WORDS = {Op.STATE: "state", Op.SELF: "self", Op.CALLER: "caller", Op.NOW: "now"}


def parenthesised(e: Expression) -> str:
    inner = [parenthesised(operand) for operand in e.operands]
    if e.op in BINDERS:
        return _loop(e, inner)
    if e.op in (Op.LT, Op.LE) and e.operands[0].op is Op.LITERAL and e.operands[1].op is not Op.LITERAL:
        return f"(({inner[1]}) {INFIX[e.op].replace('<', '>')} ({inner[0]}))"
    if e.op is Op.NOT and _without_options(e.operands[0]).op in (Op.EQ, Op.IN):
        a, b = (parenthesised(operand) for operand in _without_options(e.operands[0]).operands)
        return f"(({a}) {'!=' if _without_options(e.operands[0]).op is Op.EQ else 'not in'} ({b}))"
    if e.op in INFIX:
        return "(" + f" {INFIX[e.op]} ".join(f"({part})" for part in inner) + ")"
    if e.op in FUNCTIONS:
        return f"{FUNCTIONS[e.op]}({', '.join(inner)})"
    return WORDS.get(e.op) or _other(e, inner)


def _other(e: Expression, inner: list[str]) -> str:
    match e.op:
        case Op.LITERAL:
            return f"({show(e.type, e.value)})"
        case Op.ARGUMENT:
            return f"args.{e.name}"
        case Op.READ:
            before = e.operands[0].op is Op.VARIABLE and e.moment == "before"
            return f"{'before' if before else f'({inner[0]})'}.{e.name}"
        case Op.SOME | Op.THE:
            return inner[0]
        case Op.NOT:
            return f"(not ({inner[0]}))"
        case Op.NEG:
            return f"(-({inner[0]}))"
        case Op.IF:
            return f"(({inner[1]}) if ({inner[0]}) else ({inner[2]}))"
        case Op.SET:
            return f"{{{', '.join(f'({part})' for part in inner)}}}" if inner else "set()"
        case Op.GET:
            return f"({inner[0]})[{inner[1]}]"
        case Op.VALUES:
            return str(e.type.of)
        case _:
            return e.name


def _loop(e: Expression, inner: list[str]) -> str:
    shown = f"({inner[2]})" if len(inner) > 2 else e.name
    always = e.operands[1].op is Op.LITERAL and e.operands[1].value is True
    where = "" if always else f" if ({inner[1]})"
    loop = f"{shown} for {e.name} in ({inner[0]}){where}"
    return f"{LOOPS[e.op]}(({loop}), default=({inner[3]}))" if len(inner) > 3 else f"{LOOPS[e.op]}({loop})"


def _without_options(e: Expression) -> Expression:
    return _without_options(e.operands[0]) if e.op in (Op.SOME, Op.THE) else e
