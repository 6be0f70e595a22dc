"""Problems: what a transport answers when a request was not done. The code and message are those of the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROBLEMS: Mapping[str, tuple[int, str]] = {
    "broken-json": (400, "the body is not JSON"),
    "bad-filter": (400, "a filter names no field or state, or a value that the field cannot have"),
    "bad-request": (400, "a parameter is not what the operation takes"),
    "no-token": (401, "a token is needed"),
    "unknown-token": (401, "the token is not known here"),
    "denied": (403, "no role or policy permits it, or a policy forbids it"),
    "not-operator": (403, "only the operator may do this"),
    "not-worker": (403, "the token is not one of a worker for this"),
    "unknown-route": (404, "there is nothing at this address"),
    "unknown-blueprint": (404, "no such blueprint is served here"),
    "unknown-entity": (404, "the blueprint has no such entity"),
    "unknown-action": (404, "the entity has no such action"),
    "unknown-instance": (404, "there is no such instance"),
    "unknown-principal": (404, "the tokens file knows no such principal"),
    "unknown-tenant": (404, "no such tenant is served here to this token"),
    "unknown-code": (404, "there is no such code"),
    "unknown-effect": (404, "the blueprint has no such effect"),
    "no-such-delivery": (404, "there is no such delivery"),
    "method-not-allowed": (405, "this address takes other methods"),
    "wrong-state": (409, "the action does not start in the instance's state"),
    "stale-version": (409, "the instance has moved on since it was read"),
    "tenant-exists": (409, "the tenant is there already"),
    "tenant-full": (409, "the tenant has as many instances as it may"),
    "version-for-all": (409, "the version is loaded for all tenants"),
    "id-taken": (409, "the id is taken"),
    "idempotency-key-reused": (409, "the idempotency key belongs to another call"),
    "not-redrivable": (409, "the dead letter cannot be performed once more"),
    "lease-lost": (409, "the lease has run out, or was never this worker's"),
    "not-admitted": (409, "a live instance has no place in the new version"),
    "archived": (410, "what came after this position has left the journal"),
    "body-too-large": (413, "the body is too large"),
    "bad-tenant": (422, "this cannot be a tenant's name"),
    "bad-id": (422, "this cannot be an id"),
    "bad-args": (422, "an argument is missing, unknown or not of its type"),
    "guard-false": (422, "the guard `when` does not hold"),
    "no-case": (422, "none of the cases matches"),
    "out-of-range": (422, "a value would leave its declared range or size"),
    "same-key-twice": (422, "two updates of one `set` write the same key of a map"),
    "not-certified": (422, "the new version is wrong, refuted or undecided"),
    "over-limit": (429, "the tenant asks more than it may"),
    "internal-error": (500, "this is our mistake"),
    "archive-broken": (500, "a file of the archive is missing, cut short or altered"),
    "no-retention": (409, "nothing is put away here"),
    "not-in-a-file": (501, "the journal lies in no file of this server"),
    "lease-elsewhere": (503, "another node gave the lease"),
    "storage-full": (503, "the journal has no room"),
    "store-failed": (503, "the journal did not keep it, and nothing changed"),
    "store-unsure": (503, "the journal failed, and nobody knows yet whether it kept it"),
    "not-ready": (503, "the server does not take calls just now"),
    "too-busy": (503, "too much is under way just now"),
    "shutting-down": (503, "the server is shutting down"),
}
"""Status and title of each code. A code that is not here cannot be answered: `ProblemError` asserts it."""


class ProblemError(Exception):
    """A request was not done. `facts` say why in this case; nothing was changed. `headers` go with the answer.

    >>> ProblemError("wrong-state", "approve starts in draft, and d1 is live").status
    409
    """

    def __init__(
        self,
        code: str,
        detail: str,
        facts: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        assert code in PROBLEMS, f"the problem {code} has no status: give it one in PROBLEMS"
        self.code = code
        self.detail = detail
        self.facts = dict(facts or {})
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        return PROBLEMS[self.code][0]

    @property
    def title(self) -> str:
        return PROBLEMS[self.code][1]


def problem_to_json(problem: ProblemError) -> dict[str, Any]:
    """The problem as RFC 9457 has it. `type` leads to the code's page."""
    return {
        "type": f"/explain/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "facts": problem.facts,
    }
