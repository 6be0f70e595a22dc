"""What policies see of one call, in solver terms, and what can be said of a condition of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import z3

from temper.machine import PolicyExpression, Uid, expression_text
from temper.verify.symbolic.policy_values import Attribute, Named, both, negated
from temper.verify.symbolic.shapes import Texts


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition: it fails, or it holds, or neither. Where it fails `holds` means nothing."""

    fails: z3.BoolRef
    holds: z3.BoolRef

    @property
    def fits(self) -> z3.BoolRef:
        return both(negated(self.fails), self.holds)


@dataclass(frozen=True, slots=True)
class PolicySight:
    """One call, as policies see it, in terms. `free` grows by what the solver does not take on."""

    texts: Texts
    caller: z3.ExprRef
    roles: Mapping[str, z3.BoolRef]
    action: Uid
    resource: Named
    attributes: Mapping[str, Attribute]
    context: Mapping[str, Attribute]
    free: dict[str, Asked] = field(default_factory=dict)
    other_roles: dict[str, z3.BoolRef] = field(default_factory=dict)
    """Roles that the table does not name; a caller may have them all the same."""

    def role(self, name: str) -> z3.BoolRef:
        """That the caller is in the role."""
        if name in self.roles:
            return self.roles[name]
        return self.other_roles.setdefault(name, z3.FreshBool(f"role.{name}"))

    def untranslated(self, expression: PolicyExpression) -> Asked:
        """A condition of which nothing is known."""
        said = expression_text(expression)
        if said not in self.free:
            self.free[said] = Asked(z3.FreshBool("fails"), z3.FreshBool("holds"))
        return self.free[said]
