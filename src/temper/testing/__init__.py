"""For tests of blueprints: a state machine that drives the real server operations and holds them to the relation."""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.testing.machine import BlueprintMachine, machine

__all__ = ["BlueprintMachine", "machine"]

__getattr__ = opened(__name__, __file__)
