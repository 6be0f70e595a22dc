"""A score for people and for programs: each survivor as the edit that it is, with what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, assert_never

from temper.exam.behaviour import Different, Same, Unclear
from temper.exam.fault import Fault, change_lines
from temper.exam.judge import Equivalent, Invalid, Killed, Killer, Outcome, Survived, Undecided
from temper.exam.score import Judgement, Score
from temper.pipeline import Read


def score_lines(read: Read, score: Score, *, in_full: bool = False) -> list[str]:
    """Survivors in full, then counts; everything else only where it is asked for."""
    lines: list[str] = []
    told: set[str] = set()
    for each in score.judgements:
        if isinstance(each.outcome, Survived):
            lines += [*_survivor_lines(read, each.fault, each.outcome, told), ""]
        elif in_full and not isinstance(each.outcome, Invalid):
            lines += [f"{_word(each.outcome)}  {each.fault.message}: {_brief(each.outcome)}", ""]
    lines += _undecided_lines(score)
    return [*lines, *_summary(score)]


def score_json(read: Read, score: Score) -> dict[str, Any]:
    """The answer of `mutate --json`."""
    return {
        "score": score.percent,
        "killed": score.killed,
        "survived": score.survived,
        "equivalent": score.count(Equivalent),
        "undecided": score.count(Undecided),
        "invalid": score.count(Invalid),
        "seconds": round(score.seconds, 3),
        "mutants": [_judgement_json(read, each) for each in score.judgements],
    }


def _survivor_lines(read: Read, fault: Fault, outcome: Survived, told: set[str]) -> Iterator[str]:
    """A survivor in full; a property that was shown already is only named."""
    yield f"survived  {fault.message}"
    yield from (f"  {line}" for line in change_lines(read, fault.edits))
    match outcome.differs:
        case Different(run, what):
            steps = "at the start" if not run else f"after {len(run)} step{'s' if len(run) > 1 else ''}"
            yield f"  makes a difference {steps}: {what}"
        case Unclear(because):
            yield f"  whether it makes a difference is open: {because}"
        case Same():
            raise AssertionError("what makes no difference has not survived")
    missing = outcome.missing
    if missing is None:
        yield f"  missing: {outcome.advice}"
    elif missing.name in told:
        yield f"  missing: `{missing.name}`, as above"
    else:
        told.add(missing.name)
        yield "  missing, for example (it holds, and refutes this):"
        yield from (f"    {line}" for line in missing.lines())


def _undecided_lines(score: Score) -> list[str]:
    reasons = Counter(each.outcome.because for each in score.judgements if isinstance(each.outcome, Undecided))
    return [f"undecided  {count} of them: {because}" for because, count in reasons.items()]


def _summary(score: Score) -> Iterator[str]:
    equivalent, invalid, undecided = score.count(Equivalent), score.count(Invalid), score.count(Undecided)
    by_property = sum(_is_by_property(each.outcome) for each in score.judgements)
    others = score.killed - by_property
    how = f"{by_property} by properties, {others} by what every blueprint owes alone" if others else "all by properties"
    yield f"killed      {score.killed:>4}  {how if score.killed else ''}".rstrip()
    yield f"survived    {score.survived:>4}"
    if equivalent:
        known = sum(isinstance(each.outcome, Equivalent) and each.outcome.proved for each in score.judgements)
        how = "proved" if known == equivalent else "as far as the scope goes"
        mixed = f"{known} of them proved, the others as far as the scope goes" if 0 < known < equivalent else how
        yield f"no effect   {equivalent:>4}  {mixed}; not counted"
    if undecided:
        yield f"undecided   {undecided:>4}  not counted; a longer --budget or --each may tell"
    if invalid:
        yield f"no blueprint{invalid:>4}  `temper check` finds these; not counted"
    noticing = len({each.outcome.missing for each in score.judgements if isinstance(each.outcome, Survived)} - {None})
    if noticing:
        shown = "the property shown" if noticing == 1 else f"the {noticing} properties shown"
        yield f"{shown} would notice {_noticed(score)} of those that survived"
    percent = "nothing to tell" if score.percent is None else f"{score.percent} %"
    yield f"score: {percent}, {score.killed} of {score.killed + score.survived} noticed, {score.seconds:.1f} s"


def _noticed(score: Score) -> int:
    return sum(isinstance(each.outcome, Survived) and each.outcome.missing is not None for each in score.judgements)


def _is_by_property(outcome: Outcome) -> bool:
    return isinstance(outcome, Killed) and any(not killer.obligation for killer in outcome.killers)


def _word(outcome: Outcome) -> str:
    return {Killed: "killed", Equivalent: "no effect", Undecided: "undecided"}.get(type(outcome), "survived")


def _brief(outcome: Outcome) -> str:
    match outcome:
        case Killed(killers):
            more = f", and {len(killers) - 1} more" if len(killers) > 1 else ""
            return f"{_killer_text(killers[0])}{more}"
        case Equivalent(because) | Undecided(because) | Invalid(because):
            return because
        case Survived():
            return "nothing noticed"
        case _:
            assert_never(outcome)


def _killer_text(killer: Killer) -> str:
    return f"{killer.name}, by a run of {killer.steps} steps" if killer.steps is not None else f"{killer.name}"


def _judgement_json(read: Read, each: Judgement) -> dict[str, Any]:
    fault, outcome = each.fault, each.outcome
    told: dict[str, Any] = {
        "outcome": type(outcome).__name__.lower(),
        "kind": fault.kind,
        "where": fault.where,
        "message": fault.message,
        "path": fault.path,
        "line": fault.span.line,
        "edits": [
            {"start": edit.span.start, "end": edit.span.end, "replacement": edit.replacement} for edit in fault.edits
        ],
        "change": change_lines(read, fault.edits),
    }
    match outcome:
        case Killed(killers):
            told["killers"] = [
                {"name": one.name, "obligation": one.obligation, "because": one.because, "steps": one.steps}
                for one in killers
            ]
        case Survived(differs, missing, advice):
            told["differs"] = _comparison_json(differs)
            told["missing"] = None if missing is None else {"name": missing.name, **dict(missing.keys)}
            told["advice"] = advice
        case Equivalent(because, proved, states):
            told |= {"because": because, "proved": proved, "states": states}
        case Undecided(because) | Invalid(because):
            told["because"] = because
        case _:
            assert_never(outcome)
    return told


def _comparison_json(differs: Different | Same | Unclear) -> dict[str, Any]:
    match differs:
        case Different(run, what):
            return {"run": list(run), "what": what}
        case Unclear(because):
            return {"run": None, "what": because}
        case Same():
            raise AssertionError("what makes no difference has not survived")
        case _:
            assert_never(differs)
