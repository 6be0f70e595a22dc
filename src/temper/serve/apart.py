"""Certification in a process of its own, so that serving never stalls while a new version is looked at.

The parent writes one request to the child's input and reads one answer from its output; both ends are this
program, started by itself, so the wire is pickle. `python -m temper.serve.apart` is the child.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from temper.machine import Certificate, Certified, TransitionTable
from temper.pipeline import SECONDS_MAX, Built, Live, Read, build_read, certify

NICENESS = 10
"""The child takes what serving leaves."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be certified: files as they were read, constants, and what lives now."""

    found: Read
    constants: Mapping[str, str]
    live: Live | None = None
    seconds_max: float = SECONDS_MAX


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of it. `certified` is None if the version may not be loaded; `report` tells it as a terminal would."""

    table: TransitionTable | None
    certificate: Certificate | None
    certified: Certified | None
    reasons: tuple[str, ...]
    findings: tuple[Any, ...]
    report: str


class ChildFailedError(Exception):
    """The child ended without an answer; the text is what it said on its error stream."""


async def certify_apart(request: Request) -> Judgement:
    """Certify in a child process. The child ends with us: cancelling the wait kills it."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "temper.serve.apart"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        answer, complaint = await child.communicate(pickle.dumps(request))
    except BaseException:
        if child.returncode is None:
            child.kill()
            await child.wait()
        raise
    if child.returncode != 0:
        raise ChildFailedError(complaint.decode("utf-8", "replace").strip() or f"it ended with {child.returncode}")
    judgement = pickle.loads(answer)  # noqa: S301 - our own child, on a pipe that nobody else can write to
    assert isinstance(judgement, Judgement), "the child answers with a judgement"
    return judgement


def judge(request: Request) -> Judgement:
    """Build and certify, here and now: what the child does."""
    built = build_read(request.found, request.constants)
    findings = tuple(_findings(built))
    if built.table is None:
        return Judgement(None, None, None, ("the blueprint has errors",), findings, _rendered(built))
    judged = certify(built.table, seconds_max=request.seconds_max, live=request.live)
    return Judgement(
        judged.table, judged.certificate, judged.certified, judged.reasons, findings, _report(built, judged)
    )


def _findings(built: Built) -> list[Any]:
    from temper.report import diagnostic_to_json

    return [diagnostic_to_json(finding) for finding in built.diagnostics]


def _rendered(built: Built) -> str:
    from temper.report import render

    return "\n\n".join(render(finding, built.sources) for finding in built.diagnostics)


def _report(built: Built, judged: Any) -> str:
    from temper.verify import certificate_text

    briefly = ", ".join(reason.partition(": ")[0] for reason in judged.reasons)  # the lines above say why
    reasons = [] if judged.certified else [f"{judged.table.blueprint} is not certified: {briefly}"]
    refused = judged.certified is None
    return "\n".join([certificate_text(judged.table, judged.certificate, built.sources, brief=refused), *reasons])


def answer_parent() -> None:
    """Answer on the real output and let anything else that is printed go to the error stream."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.nice(NICENESS)
    request = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent
    answer.write(pickle.dumps(judge(request)))
    answer.close()


if __name__ == "__main__":
    # Under its real name, so that what it pickles is what the parent knows.
    from importlib import import_module

    import_module("temper.serve.apart").answer_parent()
