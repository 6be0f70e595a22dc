"""What keeps a version from being loaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason. `code` is one of `OBSTACLES`; `where` names the instance or delivery."""

    code: str
    message: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


OBSTACLES = {
    "entity-gone": "instances live whose entity the version does not have",
    "state-gone": "an instance is in a state that the version does not have",
    "field-unfilled": "a field of the version has no value for a live instance",
    "value-out-of-type": "a live value is none of the field's type in the version",
    "timer-gone": "a timer is armed that the version does not have",
    "delivery-unplaced": "a pending delivery has no site in the version, or its effect or action changed",
    "invariant-violated": "the live system violates an `always` property of the version",
    "does-not-move": "an instance would wait for nothing in a state that is not under `waits`",
    "instances-moved": "instances have come to where the certificate did not look, while it was made",
    "too-many-to-check": "a property ranges over more combinations of live instances than can be looked at",
}
"""Codes of obstacles; each has a page."""
