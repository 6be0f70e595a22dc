"""Write every journal record to a file, oldest first: JSON Lines, or Parquet for tools that read columns.

Parquet needs `pip install 'temper[parquet]'`. The file gets its name when it is complete.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from temper.cli.connection import add_connection, connect
from temper.cli.mistake import MistakeError
from temper.cli.terminal import Terminal
from temper.serve.client import UnreachableError

SUMMARY = "write every journal record to a file"
ROWS = 10_000
"""How many records a group of a Parquet file holds."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, metavar="FILE", help="the file to write")
    parser.add_argument("--format", choices=("jsonl", "parquet"), help="what its name says if not said, else jsonl")
    parser.add_argument("--after", type=int, default=0, metavar="N", help="only records behind this number")
    add_connection(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    out: Path = arguments.out
    as_parquet = (arguments.format or out.suffix.removeprefix(".")) == "parquet"
    write = write_parquet if as_parquet else write_lines
    if as_parquet:
        _guest()
    lines = connect(arguments).lines("export", {"after": str(arguments.after)})
    half = out.with_name(f".{out.name}.half")
    try:
        count = write(half, lines)
        half.replace(out)
    except UnreachableError as wrong:
        raise MistakeError("server-unreachable", str(wrong), f"nothing was written to {out}; try again") from None
    except OSError as wrong:
        raise MistakeError("file-unwritable", f"{out} cannot be written: {wrong.strerror}") from None
    finally:
        half.unlink(missing_ok=True)
    if terminal.as_json:
        terminal.answer({"path": str(out), "records": count})
    else:
        terminal.say(f"{count:,} records in {out}")
    return 0


def write_lines(path: Path, lines: Iterator[str]) -> int:
    """The records as they came."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(line + "\n")
            count += 1
    return count


def write_parquet(path: Path, lines: Iterator[str]) -> int:
    """The records as columns; what has another shape for each action is JSON text."""
    pa, parquet = _guest()
    schema = pa.schema(
        [("number", pa.int64()), ("at", pa.timestamp("ms", "UTC")), ("seq", pa.int64())]
        + [(name, pa.string()) for name in TEXTS + TREES]
    )
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while some := list(islice(lines, ROWS)):
            writer.write_table(pa.Table.from_pylist([_row(json.loads(line)) for line in some], schema))
            count += len(some)
    return count


TEXTS = ("entity", "id", "rule", "action", "cause", "caller", "state", "note", "table", "trace", "hash")
TREES = ("roles", "args", "changes", "handed_on")


def _row(record: dict[str, Any]) -> dict[str, Any]:
    from datetime import datetime

    row = {name: record[name] for name in ("number", "seq", *TEXTS)}
    row["at"] = datetime.fromisoformat(record["at"])
    return row | {name: json.dumps(record[name], ensure_ascii=False) for name in TREES}


def _guest() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        cure = "pip install 'temper[parquet]', or take --format jsonl"
        raise MistakeError("wrong-usage", "Parquet is written by pyarrow, which is not installed", cure) from None
    return pa, parquet
