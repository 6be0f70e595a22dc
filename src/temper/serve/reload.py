"""Hot reload: certify apart, starting from what lives now as well, then swap atomically or refuse with the list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from temper.machine import diff
from temper.pipeline import SECONDS_MAX, Live, Read
from temper.run import Admitted, Image, NotAdmitted, Runtime
from temper.serve.apart import ChildFailedError, Judgement, Request, certify_apart
from temper.serve.problem import ProblemError
from temper.verify import look_of, report_json

ROUNDS_MAX = 5
"""How often certification starts again because instances have come to where it had not looked."""


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

    async def reload(self, found: Read, constants: Mapping[str, str]) -> Reloaded:
        """Certify the files and put them in force; `tell` hears what came of it.

        Raises `not-certified` or `not-admitted`, and then nothing has changed.
        """
        async with self._one:
            try:
                reloaded = await self._apply(await self._judge(found, constants))
            except ProblemError as problem:
                self._tell(problem)
                raise
            self._tell(reloaded)
            return reloaded

    async def _apply(self, judgement: Judgement) -> Reloaded:
        runtime = self._runtime
        old, before = runtime.table, runtime.table_hash
        assert judgement.certified is not None, "what is not certified was refused before"
        changes = tuple(str(change) for change in diff(old, judgement.certified.table))
        ended = await runtime.apply(judgement.certified)
        if isinstance(ended, NotAdmitted):
            raise _not_admitted(ended)
        if not isinstance(ended, Admitted):
            raise ProblemError(ended.code, ended.message, dict(ended.facts))
        return Reloaded(before, runtime.table_hash, changes, judgement.report)

    async def _judge(self, found: Read, constants: Mapping[str, str]) -> Judgement:
        """Certified from everything that lives, also from what came to live while it was looked at."""
        images: dict[Hashable, Image] = {}
        lineage = self._runtime.lineage()
        for _ in range(ROUNDS_MAX):
            images |= self._images()
            live = Live(lineage, tuple(images.values()))
            request = Request(found, constants, live, self._seconds_max)
            try:
                judgement = await certify_apart(request)
            except ChildFailedError as wrong:
                raise ProblemError("internal-error", f"certification broke down: {wrong}") from None
            if judgement.certified is None:
                raise _not_certified(judgement)
            if self._images().keys() <= images.keys():
                return judgement
        detail = "the instances move on faster than the new version can be certified from where they are"
        raise ProblemError("not-admitted", detail, {"report": judgement.report, "reasons": [detail]})

    def _images(self) -> dict[Hashable, Image]:
        """What lives, by how it looks to a search: names and ids are all alike to it, and so are numbers of instances."""
        table = self._runtime.table
        return {look_of(table, image.cell): image for image in self._runtime.live_images()}


def _not_certified(judgement: Judgement) -> ProblemError:
    properties = [] if judgement.certificate is None else report_json(judgement.certificate)["properties"]
    facts = {
        "reasons": list(judgement.reasons),
        "findings": list(judgement.findings),
        "verdicts": properties,
        "report": judgement.report,
    }
    return ProblemError("not-certified", f"the new version is not certified: {'; '.join(judgement.reasons)}", facts)


def _not_admitted(ended: NotAdmitted) -> ProblemError:
    reasons = [f"{each.where}: {each.message}" if each.where else each.message for each in ended.obstacles]
    facts = {
        "obstacles": [{"code": each.code, "where": each.where, "message": each.message} for each in ended.obstacles],
        "report": "\n".join(["certified, but not admitted:", *(f"  {reason}" for reason in reasons)]),
    }
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return ProblemError("not-admitted", f"what lives has no place in the new version: {reasons[0]}{more}", facts)
