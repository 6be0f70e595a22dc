"""A call as a transport asks for it: what the runtime is asked, and what is counted, logged, traced and said of it."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from temper.run import Done, Response, Runtime
from temper.run.requests import Request
from temper.serve.asking import Answer, told
from temper.serve.following import answered, context_headers
from temper.serve.instruments import Instruments
from temper.serve.logs import is_told, tell
from temper.serve.presenting import done_text
from temper.serve.tokens import Principal


class Calling:
    """One call, from the service to its answer."""

    __slots__ = ("_began", "_began_at", "_instruments", "_principal", "_runtime", "request")

    def __init__(self, runtime: Runtime, instruments: Instruments, request: Request, principal: Principal) -> None:
        self.request = request
        self._runtime, self._instruments, self._principal = runtime, instruments, principal
        tracer = runtime.tracer
        self._began, self._began_at = perf_counter(), 0 if tracer is None else tracer.now()

    def answer(self, response: Response) -> tuple[Answer, Done]:
        """What is said. Raises a problem where the call was not applied."""
        self._tell(response, perf_counter() - self._began)
        tracer, request, headers = self._runtime.tracer, self.request, {}
        if tracer is not None:
            asked = (request.trace, request.entity, request.action, self._principal)
            headers = context_headers(answered(tracer, *asked, response, self._began_at))
        done = told(response, headers)
        return Answer(done_text(done), {"ETag": f'"{done.seq}"', **headers}), done

    def _tell(self, response: Response, seconds: float) -> None:
        """Count the call and log it. What nobody declared is no label: a stranger could invent millions."""
        request = self.request
        outcome = ("repeated" if response.repeated else "applied") if isinstance(response, Done) else response.code
        known = self._runtime.has_action(request.entity, request.action)
        self._instruments.meters.called(request.entity, request.action if known else "?", outcome, seconds)
        if not is_told():
            return
        told_: dict[str, Any] = {
            "tenant": self._instruments.tenant,
            "entity": request.entity,
            "id": request.id,
            "action": request.action,
            "caller": self._principal.name,
        }
        if isinstance(response, Done):
            told_ |= {"id": response.id, "outcome": outcome, "record": response.record}
        else:
            told_ |= {"outcome": outcome, "because": response.message}
        tell("call", told_ | {"milliseconds": round(seconds * 1000, 3)})
