"""Which part of Python is read by which rule. What is not here is no part of the language."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from temper.language.check.arithmetic import read_operation, read_sign
from temper.language.check.attribute import read_attribute
from temper.language.check.calls import read_call
from temper.language.check.collection import read_set, read_subscript
from temper.language.check.comparison import read_comparison
from temper.language.check.logic import read_bool_op, read_if
from temper.language.check.reading import Rule
from temper.language.check.reference import read_constant, read_name

RULES: Mapping[type[ast.expr], Rule] = {
    ast.Attribute: read_attribute,
    ast.BinOp: read_operation,
    ast.BoolOp: read_bool_op,
    ast.Call: read_call,
    ast.Compare: read_comparison,
    ast.Constant: read_constant,
    ast.IfExp: read_if,
    ast.Name: read_name,
    ast.Set: read_set,
    ast.Subscript: read_subscript,
    ast.UnaryOp: read_sign,
}
