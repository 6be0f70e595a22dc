"""The worker behind the effect `weigh`: writes down that it was asked, and answers."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import temper


@temper.effect("weigh")
def weigh(token: str, ask: Any) -> Any:
    """What a thing weighs, after a while."""
    answer = {"outcome": "weighed", "fields": {"code": f"weight of {token}"}}
    line = json.dumps(["Asked", time.time_ns() // 1_000_000, ask.effect, ask.key, answer]) + "\n"
    written = os.open(Path(__file__).parent / "weighed", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(written, line.encode())
    os.close(written)
    time.sleep(0.02)
    return answer
