"""What `deploy.yaml` asks of the world, for trying it out: nothing is moved, everything is said.

A handler is a function with the name of an effect, called with its parameters; what it gives back is the outcome.
"""

from __future__ import annotations

import logging

say = logging.getLogger("deploy").warning


def shift_traffic(service: str, percent: int) -> str:
    """Here a real one would talk to the load balancer."""
    say("%s now gets %d%% of the traffic", service, percent)
    return "shifted"


def probe(service: str, percent: int) -> str:
    """Here a real one would look at error rates."""
    say("%s is healthy at %d%%", service, percent)
    return "healthy"
