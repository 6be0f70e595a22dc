"""Handlers written in Python: functions with the names of effects, called with the effect's arguments by name.

A function is a coroutine function, or it runs in a thread of its own, so that it may block. If it has a parameter
called `ask`, it also gets the whole `Ask` with key, fence and attempt.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import itertools
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from temper.run.handlers.broken import HandlersBrokenError
from temper.run.world import Ask, Handler

_NUMBERS = itertools.count(1)


def handlers_in_file(path: Path) -> dict[str, Handler]:
    """A handler for each public function that the file defines."""
    module = _loaded(path)
    return {
        name: python_handler(function)
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    }


def entry_point(path: Path, text: str) -> Handler:
    """The handler `module:function`, from what is installed."""
    module_name, colon, name = text.partition(":")
    if not colon or not name:
        raise HandlersBrokenError(path, f'python = "{text}" must be "module:function"')
    try:
        function = getattr(importlib.import_module(module_name), name, None)
    except Exception as error:
        raise HandlersBrokenError(path, f"{module_name} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(function):
        raise HandlersBrokenError(path, f"{module_name} has no function `{name}`")
    return python_handler(function)


def python_handler(function: Callable[..., Any]) -> Handler:
    """A function as a handler."""
    gets_ask = "ask" in inspect.signature(function).parameters
    waits = inspect.iscoroutinefunction(function)

    async def handle(ask: Ask) -> object:
        given = {**ask.args, "ask": ask} if gets_ask else dict(ask.args)
        return await (function(**given) if waits else in_thread(lambda: function(**given)))

    return handle


async def in_thread(work: Callable[[], object]) -> object:
    """Run something that blocks aside. Whoever stops waiting leaves the thread behind; it never holds up the exit."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[object] = loop.create_future()

    def settle(result: object, error: Exception | None) -> None:
        if ended.done():
            return
        if error is None:
            ended.set_result(result)
        else:
            ended.set_exception(error)

    def run() -> None:
        result: object = None
        failed: Exception | None = None
        try:
            result = work()
        except Exception as error:
            failed = error
        try:
            loop.call_soon_threadsafe(settle, result, failed)
        except RuntimeError:
            return  # The loop is gone, and with it whoever waited.

    threading.Thread(target=run, name="temper-handler", daemon=True).start()
    return await ended


def _loaded(path: Path) -> ModuleType:
    """The file as a module under a name of its own, so that it can be loaded anew."""
    name = f"temper_handlers_{next(_NUMBERS)}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise HandlersBrokenError(path, "handlers are a file that ends in .py or .toml")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except FileNotFoundError:
        raise HandlersBrokenError(path, "there is no such file") from None
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise HandlersBrokenError(path, _where(path, error)) from error
    return module


def _where(path: Path, error: BaseException) -> str:
    """The error with the line of the file that led to it."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = f"line {frames[-1].lineno}: " if frames else ""
    return f"{line}{type(error).__name__}: {error}"
