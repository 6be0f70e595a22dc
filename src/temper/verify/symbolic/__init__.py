"""Proofs for every value and every number of instances: by induction, with lemmas found on the way, or by ranking."""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.verify.symbolic.changed import changes
    from temper.verify.symbolic.for_every import prove_for_every
    from temper.verify.symbolic.gates import GateTerm, any_roles, gate_term
    from temper.verify.symbolic.proofs import prove, prove_one
    from temper.verify.symbolic.ranking import ranked
    from temper.verify.symbolic.remarks import needless
    from temper.verify.symbolic.who import who_can

__all__ = [
    "GateTerm",
    "any_roles",
    "changes",
    "gate_term",
    "needless",
    "prove",
    "prove_for_every",
    "prove_one",
    "ranked",
    "who_can",
]
__getattr__ = opened(__name__, __file__)
