"""What the operations about effects do: those of operators, and those of workers."""

from __future__ import annotations

from typing import Any, TypeGuard

from temper.run import Answered, EffectSeen, Failed, LetterSeen, Runtime
from temper.run.handlers.wire import ask_to_json
from temper.serve.asking import Answer, Asked, told
from temper.serve.presenting import attempt_to_json, effect_to_json, letter_to_json
from temper.serve.problem import ProblemError
from temper.serve.tokens import Principal

LIMIT_MAX = 1_000
PAGE = 100
LEASES_MAX = 100
WAIT_SECONDS_MAX = 30.0
FAILED_CHARACTERS_MAX = 500


class EffectService:
    """The operations of `effect_operations` on one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @property
    def name(self) -> str:
        """The blueprint that is served."""
        return self.runtime.table.blueprint

    async def attempts(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        found = told(self.runtime.attempts(asked.given["key"]))
        return Answer({"key": found.key, "attempts": [attempt_to_json(each) for each in found.attempts]})

    async def effects(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        return Answer({"effects": [effect_to_json(each) for each in told(self.runtime.effects())]})

    async def pause(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        because = asked.given.get("because", "")
        seen: EffectSeen = told(await self.runtime.pause(asked.given["effect"], by=_who(asked).name, because=because))
        return Answer(effect_to_json(seen))

    async def resume(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        seen: EffectSeen = told(await self.runtime.resume(asked.given["effect"]))
        return Answer(effect_to_json(seen))

    async def letters(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        limit = asked.number("limit", PAGE, 1, LIMIT_MAX)
        effect, after = asked.given.get("effect"), asked.given.get("cursor", "")
        found = told(self.runtime.letters(effect=effect, after=after, limit=limit))
        following = found[-1].key if len(found) == limit else None
        return Answer({"letters": [letter_to_json(each) for each in found], "next": following})

    async def redrive(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        letter: LetterSeen = told(await self.runtime.redrive(asked.given["key"], by=_who(asked).name))
        return Answer(letter_to_json(letter))

    async def dismiss(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        letter: LetterSeen = told(await self.runtime.dismiss(asked.given["key"]))
        return Answer(letter_to_json(letter))

    # Workers

    async def lease(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        worker = _who(asked)
        effects, limit, seconds = _wanted(asked.body)
        for effect in effects:
            self._check_effect(effect)
            if not worker.works_on(effect):
                detail = f"{worker.name} may not work on `{effect}`: the tokens file says what it may"
                raise ProblemError("not-worker", detail, {"caller": worker.name, "effect": effect})
        found = await self.runtime.lease(worker.name, effects, limit=limit, wait_milliseconds=int(seconds * 1000))
        leases = [
            {
                "lease": each.lease,
                "milliseconds": each.milliseconds,
                "timeout_seconds": each.ask.timeout_seconds,
                "ask": ask_to_json(each.ask),
            }
            for each in told(found)
        ]
        return Answer({"leases": leases})

    async def heartbeat(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        return Answer({"milliseconds": told(await self.runtime.heartbeat(asked.given["lease"], _who(asked).name))})

    async def complete(self, asked: Asked) -> Answer:
        self._check_blueprint(asked)
        done = told(await self.runtime.complete(asked.given["lease"], _who(asked).name, _end(asked.body)))
        return Answer({"counts": done.counts, "outcome": done.outcome, "note": done.note})

    def _check_blueprint(self, asked: Asked) -> None:
        name = asked.given["blueprint"]
        if name != self.name:
            detail = f"`{name}` is not served here; {self.name} is"
            raise ProblemError("unknown-blueprint", detail, {"blueprint": name, "served": self.name})

    def _check_effect(self, name: str) -> None:
        known = [effect.name for effect in self.runtime.table.effects]
        if name not in known:
            detail = f"the blueprint has no effect `{name}`; it has {', '.join(known) or 'none'}"
            raise ProblemError("unknown-effect", detail, {"effect": name})


def _who(asked: Asked) -> Principal:
    assert asked.principal is not None, "every one of these operations asks for a token"
    return asked.principal


def _wanted(body: Any) -> tuple[list[str], int, float]:
    match body:
        case {"effects": [*effects], **rest} if all(isinstance(each, str) for each in effects) and not set(rest) - {
            "limit",
            "wait_seconds",
        }:
            limit, seconds = rest.get("limit", 1), rest.get("wait_seconds", 0)
            if type(limit) is int and 1 <= limit <= LEASES_MAX and _is_wait(seconds):
                return [str(each) for each in effects], limit, seconds
    message = f"the body holds `effects`, perhaps `limit` (1 to {LEASES_MAX}) and `wait_seconds` (0 to 30)"
    raise ProblemError("bad-request", message)


def _is_wait(seconds: object) -> TypeGuard[float]:
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= WAIT_SECONDS_MAX


def _end(body: Any) -> Answered | Failed:
    match body:
        case {"answer": answer, **rest} if not rest:
            return Answered(answer)
        case {"failed": str(why), **rest} if not rest:
            return Failed(why[:FAILED_CHARACTERS_MAX])
    raise ProblemError("bad-request", 'the body is {"answer": …} or {"failed": "why"}')
