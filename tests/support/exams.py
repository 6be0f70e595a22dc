"""A small blueprint in which each outcome of the exam is there to be found."""

from __future__ import annotations

from temper.exam import Exam, Fault, Outcome, faults, judge
from temper.pipeline import Read
from temper.report import Source

DOOR = """\
temper: 1
blueprint: door
properties:
  not_too_often:
    for: d in Door
    always: d.opened <= 2
  can_open:
    for: d in Door
    possible: d.state == open
roles: [guard]
entities:
  Door:
    data: {opened: int, last: principal | None, note: str}
    states: [shut, open]
    waits: [shut, open]
    actions:
      build: {by: guard, from: new, params: {note: str}, set: {note: args.note}, to: shut}
      open: {by: guard, from: shut, when: opened < 2 and opened >= 0, set: {opened: opened + 1, last: caller}, to: open}
      shut: {by: guard, from: open, to: shut}
scope:
  instances: {Door: 1}
  principals: {ann: [guard]}
  values: {str: [a]}
"""


def exam_of(text: str = DOOR, seconds_max: float = 20.0) -> Exam:
    return Exam(Read(Source("door.yaml", text)), seconds_max)


def fault_with(exam: Exam, message: str) -> Fault:
    found = [fault for fault in faults(exam.read) if message in fault.message]
    assert len(found) == 1, [fault.message for fault in faults(exam.read)]
    return found[0]


def outcome_of(message: str, exam: Exam | None = None) -> Outcome:
    exam = exam or exam_of()
    return judge(exam, fault_with(exam, message))
