"""Proofs: what holds for every value and every number of instances, by induction and with lemmas found on the way."""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.verify.symbolic.for_every import prove_for_every
    from temper.verify.symbolic.gates import GateTerm, any_roles, gate_term
    from temper.verify.symbolic.proofs import prove

__all__ = ["GateTerm", "any_roles", "gate_term", "prove", "prove_for_every"]
__getattr__ = opened(__name__, __file__)
