"""The command behind the effect `label`: writes down that it was asked, and answers."""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    ask = json.load(sys.stdin)
    answer = {"outcome": "printed", "fields": {"code": "label of " + ask["args"]["token"]}}
    line = json.dumps(["Asked", time.time_ns() // 1_000_000, ask["effect"], ask["key"], answer]) + "\n"
    written = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(written, line.encode())
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
