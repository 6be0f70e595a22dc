"""For programs that use a running system: clients with typed answers, handlers of effects, workers, signed bodies.

Nothing here needs a blueprint or a verifier; a client is one import of the HTTP library away.
"""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.sdk.answers import Answer, Done, Instance, Problem, Rejected, Unanswered
    from temper.sdk.asynchronous import AsyncClient
    from temper.sdk.client import Client
    from temper.sdk.effects import effect, outcome
    from temper.sdk.webhook import SignatureError, verified
    from temper.sdk.worker import Worker

__all__ = [
    "Answer",
    "AsyncClient",
    "Client",
    "Done",
    "Instance",
    "Problem",
    "Rejected",
    "SignatureError",
    "Unanswered",
    "Worker",
    "effect",
    "outcome",
    "verified",
]

__getattr__ = opened(__name__, __file__)
