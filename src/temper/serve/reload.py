"""Hot reload: certify apart, starting from what lives now as well, then swap atomically or refuse with the list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from temper.machine import diff
from temper.pipeline import SECONDS_MAX, Live, Read
from temper.run import Admitted, Image, NotAdmitted, Obstacle, Runtime
from temper.serve.apart import ChildFailedError, Judgement, Request, certify_apart
from temper.serve.following import loaded
from temper.serve.problem import ProblemError
from temper.verify import certificate_to_line, look_of, report_json

ROUNDS_MAX = 5
"""How often certification starts again because instances have come to where it had not looked."""
MOVED = "the instances move on faster than the new version can be certified from where they are"


@dataclass(frozen=True, slots=True)
class Reloaded:
    """A new version is in force: the hashes before and after, what is different, and the report on it."""

    before: str
    after: str
    changes: tuple[str, ...]
    report: str


class Reloader:
    """Loads new versions into one runtime, one after the other."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        seconds_max: float = SECONDS_MAX,
        tell: Callable[[Reloaded | ProblemError], None] = lambda _: None,
    ) -> None:
        self._runtime = runtime
        self._seconds_max = seconds_max
        self._tell = tell
        self._one = asyncio.Lock()

    async def reload(self, found: Read, constants: Mapping[str, str], *, trace: str = "") -> Reloaded:
        """Certify the files and put them in force; `tell` hears what came of it.

        Raises `not-certified` or `not-admitted`, and then nothing has changed.
        """
        async with self._one:
            tracer, before = self._runtime.tracer, self._runtime.table_hash
            began = 0 if tracer is None else tracer.now()
            try:
                reloaded = await self._load(found, constants)
            except ProblemError as problem:
                if tracer is not None:
                    loaded(tracer, trace, before, "", problem.code, began)
                self._tell(problem)
                raise
            if tracer is not None:
                loaded(tracer, trace, before, reloaded.after, "loaded", began)
            self._tell(reloaded)
            return reloaded

    async def _load(self, found: Read, constants: Mapping[str, str]) -> Reloaded:
        """Certified from everything that lives, again if instances have come to live elsewhere meanwhile."""
        runtime, images = self._runtime, self._images(self._runtime.live_images())
        for _ in range(ROUNDS_MAX):
            judgement = await self._judge(found, constants, tuple(images.values()))
            assert judgement.certified is not None, "what is not certified is refused before"
            old, before = runtime.table, runtime.table_hash
            ended = await runtime.apply(
                judgement.certified,
                covers=partial(self._covers, frozenset(images)),
                kept=certificate_to_line(judgement.certified.certificate),
            )
            match ended:
                case Admitted():
                    changes = tuple(str(change) for change in diff(old, runtime.table))
                    return Reloaded(before, runtime.table_hash, changes, judgement.report)
                case NotAdmitted(obstacles=(Obstacle(code="instances-moved"),)):
                    images |= self._images(runtime.live_images())
                case NotAdmitted():
                    raise _not_admitted(ended.obstacles)
                case _:
                    raise ProblemError(ended.code, ended.message, dict(ended.facts))
        raise _not_admitted((Obstacle("instances-moved", MOVED),))

    async def _judge(self, found: Read, constants: Mapping[str, str], images: tuple[Image, ...]) -> Judgement:
        request = Request(found, constants, Live(self._runtime.lineage(), images), self._seconds_max)
        try:
            judgement = await certify_apart(request)
        except ChildFailedError as wrong:
            raise ProblemError("internal-error", f"certification broke down: {wrong}") from None
        if judgement.certified is None:
            raise not_certified(judgement)
        return judgement

    def _covers(self, looks: frozenset[Hashable], live: tuple[Image, ...]) -> bool:
        return self._images(live).keys() <= looks

    def _images(self, live: Iterable[Image]) -> dict[Hashable, Image]:
        """What lives, by how it looks to a search: names, ids and numbers of instances are all alike to it."""
        return {look_of(self._runtime.table, image.cell): image for image in live}


def not_certified(judgement: Judgement) -> ProblemError:
    """Why a version may not be loaded."""
    properties = [] if judgement.certificate is None else report_json(judgement.certificate)["properties"]
    facts = {
        "reasons": list(judgement.reasons),
        "findings": list(judgement.findings),
        "verdicts": properties,
        "report": judgement.report,
    }
    return ProblemError("not-certified", f"the new version is not certified: {'; '.join(judgement.reasons)}", facts)


def _not_admitted(obstacles: tuple[Obstacle, ...]) -> ProblemError:
    reasons = [str(each) for each in obstacles]
    facts = {
        "obstacles": [{"code": each.code, "where": each.where, "message": each.message} for each in obstacles],
        "report": "\n".join(["certified, but not admitted:", *(f"  {reason}" for reason in reasons)]),
    }
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return ProblemError("not-admitted", f"what lives has no place in the new version: {reasons[0]}{more}", facts)
