"""The mutation score of every example, or of those named.

.venv/bin/python benchmarks/exam/examples.py queue
"""

from __future__ import annotations

import sys
from pathlib import Path

from temper.exam import Equivalent, Exam, Invalid, Undecided, examine
from temper.pipeline import Read, read

EXAMPLES = Path(__file__).parents[2] / "examples"


def main() -> None:
    print("example    faults  killed  survived  no effect  undecided  no blueprint  score    s")
    for name in sys.argv[1:] or sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()):
        found = read(EXAMPLES / name)
        assert isinstance(found, Read)
        score = examine(Exam(found, 20.0))
        others = [score.count(kind) for kind in (Equivalent, Undecided, Invalid)]
        print(
            f"{name:<10} {len(score.judgements):>6}  {score.killed:>6}  {score.survived:>8}  {others[0]:>9}"
            f"  {others[1]:>9}  {others[2]:>12}  {score.percent:>4}%  {score.seconds:>3.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
