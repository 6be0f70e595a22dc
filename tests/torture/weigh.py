"""The worker behind the effects `weigh` and `measure`: writes down that it was asked, and answers."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import temper


@temper.effect("weigh")
def weigh(token: str, ask: Any) -> Any:
    """What a thing weighs, after a while."""
    return _answered(ask, {"outcome": "weighed", "fields": {"code": f"weight of {token}"}}, 0.02)


@temper.effect("measure")
def measure(token: str, ask: Any) -> Any:
    """How long a thing is, after a longer while; no two attempts say the same, so that it shows who was heard."""
    who = f"{os.getpid()} {time.time_ns()}"
    return _answered(ask, {"outcome": "measured", "fields": {"code": f"length of {token} by {who}"}}, 0.7)


def _answered(ask: Any, answer: Any, seconds_max: float) -> Any:
    line = json.dumps(["Asked", time.time_ns() // 1_000_000, ask.effect, ask.key, answer]) + "\n"
    written = os.open(Path(__file__).parent / "weighed", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(written, line.encode())
    os.close(written)
    time.sleep(random.random() * seconds_max)
    return answer
