"""The process in which handlers written in Python run: a file of its own, without anything of ours.

It reads frames (four bytes of length, then JSON) from its input and writes frames to what was its output; whatever a
handler prints goes to the error stream. The first frame says what to load and how much memory there is. When the
server is gone, so is this process, even while a handler spins.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import queue
import resource
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, BinaryIO

EFFECT_MARK = "__temper_effect__"


@dataclass(frozen=True)
class Ask:
    """One attempt, for functions with a parameter `ask`."""

    blueprint: str
    effect: str
    args: dict[str, Any]
    key: str
    fence: int | None
    attempt: int
    entity: str
    id: str
    timeout_seconds: float
    traceparent: str = ""
    tracestate: str = ""
    tenant: str = ""


Function = Callable[..., Any]


class BrokenError(Exception):
    """What was to be loaded cannot be; the text says where and why."""


def found_in(source: str) -> dict[str, Function]:
    """The handlers by effect: functions of a file, or the one function that `module:function` names."""
    module_name, colon, name = source.partition(":")
    if not source.endswith(".py") and colon:
        return {"": _entry(module_name, name)}
    module = _file(source)
    public = {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    }
    marked = {
        getattr(function, EFFECT_MARK): function for function in vars(module).values() if hasattr(function, EFFECT_MARK)
    }
    return {**{name: each for name, each in public.items() if not hasattr(each, EFFECT_MARK)}, **marked}


def _entry(module_name: str, name: str) -> Function:
    try:
        function = getattr(importlib.import_module(module_name), name, None)
    except Exception as error:
        raise BrokenError(f"{module_name} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(function):
        raise BrokenError(f"{module_name} has no function `{name}`")
    found: Function = function
    return found


def _file(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("temper_handlers", path)
    if spec is None or spec.loader is None:
        raise BrokenError("handlers are a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["temper_handlers"] = module
    try:
        spec.loader.exec_module(module)
    except FileNotFoundError as error:
        if error.filename == path:
            raise BrokenError("there is no such file") from None
        raise BrokenError(_where(path, error)) from error
    except (Exception, SystemExit) as error:
        raise BrokenError(_where(path, error)) from error
    return module


def _where(path: str, error: BaseException) -> str:
    """The error with the line of the file that led to it."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    line = f"line {frames[-1].lineno}: " if frames else ""
    return f"{line}{type(error).__name__}: {error}"


def answer(function: Function, ask: Ask, loop: asyncio.AbstractEventLoop) -> object:
    """Call a handler with the arguments by name, and wait for it if it is a coroutine function."""
    given = dict(ask.args)
    if "ask" in inspect.signature(function).parameters:
        given["ask"] = ask
    said = function(**given)
    return loop.run_until_complete(said) if inspect.isawaitable(said) else said


def _read(source: BinaryIO) -> dict[str, Any] | None:
    """The next frame; None at the end of the input."""
    head = source.read(4)
    if len(head) < 4:
        return None
    frame: dict[str, Any] = json.loads(source.read(int.from_bytes(head, "big")))
    return frame


def _read_aside(source: BinaryIO, frames: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Read in a thread, so that the end of the input is seen whatever a handler does."""
    while (frame := _read(source)) is not None:
        frames.put(frame)
    os._exit(0)


def _write(target: BinaryIO, frame: dict[str, Any]) -> None:
    body = json.dumps(frame).encode()
    target.write(len(body).to_bytes(4, "big") + body)
    target.flush()


def _attempt(function: Function, frame: dict[str, Any], loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    try:
        said = answer(function, Ask(**frame), loop)
        json.dumps(said)
    except (Exception, SystemExit) as error:
        return {"raised": f"{type(error).__name__}: {error}"[:500], "spent": isinstance(error, MemoryError)}
    return {"said": said}


def _peak_bytes() -> int:
    """The most memory this process has had at once; the usage that the system counts includes its parent's."""
    try:
        with open("/proc/self/status", "rb") as status:  # noqa: PTH123 - nothing is imported here that need not be
            return next(int(line.split()[1]) << 10 for line in status if line.startswith(b"VmHWM"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Load, say what was found, then answer attempts until the input ends."""
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    first = _read(source)
    if first is None:
        return
    frames: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    if not first["only_names"]:
        threading.Thread(target=_read_aside, args=(source, frames), daemon=True).start()
    sys.path[:] = first["path"]
    if first["memory"]:
        resource.setrlimit(resource.RLIMIT_AS, (first["memory"], first["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        functions = found_in(first["source"])
    except BrokenError as error:
        _write(target, {"broken": str(error)})
        return
    except MemoryError:
        _write(target, {"broken": f"it needs more memory than the {first['memory']:,} bytes it may have"})
        return
    _write(target, {"names": list(functions)})
    if first["only_names"]:
        return
    loop = asyncio.new_event_loop()
    while True:
        frame = frames.get()
        told = _attempt(functions[frame.pop("name")], frame, loop)
        told["peak"] = _peak_bytes()
        _write(target, told)


if __name__ == "__main__":
    main()
