"""Faults that only several nodes have, by name; how often each is drawn, and under which names a run counts them."""

from __future__ import annotations

from collections.abc import Mapping

NODE_FAULTS: Mapping[str, float] = {
    "slow": 0.012,
    "death": 0.006,
    "late": 0.012,
    "cut": 0.006,
    "restart": 0.003,
}
"""Of a hundred moves, how many are so when the fault is on."""

NODE_HAPPENED: Mapping[str, tuple[str, ...]] = {
    "slow": ("sleep",),
    "death": ("death",),
    "late": ("late write",),
    "cut": ("connection lost",),
    "restart": ("database restart",),
}
assert NODE_HAPPENED.keys() == NODE_FAULTS.keys(), "what may be asked for is counted when it happens"
