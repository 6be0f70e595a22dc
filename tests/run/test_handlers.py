"""Handlers: a receiver over HTTP, a command, Python; and a file of them that is wrong says what and where."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from support.parcels import PARCELS
from support.running import table_of
from support.tree import ROOT
from temper.run import Ask, AttemptFailedError, Fuse, HandlersBrokenError, Limits, Rate, load_handlers
from temper.run.handlers import load_limits
from temper.run.handlers.http import HttpHandler
from temper.run.handlers.wire import ANSWER_BYTES_MAX

EFFECTS = table_of(PARCELS).effects
ASK = Ask("parcels", "ship", {"label": "books", "level": 2}, "k-1-0", 7, 1, "Parcel", "p", 5.0)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def attempt(path: Path, effect: str = "ship", ask: Ask = ASK) -> object:
    return asyncio.run(_attempt(path, effect, ask))


async def _attempt(path: Path, effect: str, ask: Ask) -> object:
    handler = load_handlers(path, EFFECTS)[effect]
    try:
        return await handler(ask)
    finally:
        if (close := getattr(handler, "aclose", None)) is not None:
            await close()


# Python


def test_functions_are_called_with_the_arguments_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, "handlers.py", "def ship(label, level):\n    return f'{label} {level}'\n")
    assert attempt(path) == "books 2"


def test_a_function_may_ask_for_the_whole_request(tmp_path: Path) -> None:
    path = written(
        tmp_path, "handlers.py", "async def ship(ask, **args):\n    return [ask.key, ask.fence, sorted(args)]\n"
    )
    assert attempt(path) == ["k-1-0", 7, ["label", "level"]]


def test_the_code_of_handlers_is_never_loaded_into_the_server(tmp_path: Path) -> None:
    path = written(tmp_path, "handlers.py", "import os\nPID = os.getpid()\ndef ship(**args):\n    return PID\n")
    assert attempt(path) != os.getpid()
    assert not [name for name in sys.modules if name.startswith("temper_handlers")]


def test_what_a_function_raises_comes_out(tmp_path: Path) -> None:
    path = written(tmp_path, "handlers.py", "def ship(**args):\n    raise OSError('no line')\n")
    with pytest.raises(AttemptFailedError, match="the handler raised OSError: no line"):
        attempt(path)


def test_only_public_functions_of_the_file_are_handlers(tmp_path: Path) -> None:
    path = written(tmp_path, "handlers.py", "from json import dumps\nNAME = 1\ndef _help(): ...\ndef ship(**a): ...\n")
    assert list(load_handlers(path)) == ["ship"]


def test_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "acme_effects.py", "def go(**args):\n    return 'gone'\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = written(tmp_path, "temper.toml", '[effects.ship]\npython = "acme_effects:go"\n')
    assert attempt(path) == "gone"


# Commands


def command(folder: Path, script: str, more: str = "") -> Path:
    written(folder, "run.py", script)
    argv = json.dumps([sys.executable, "run.py", "--fast; rm -rf $HOME"])
    return written(folder, "temper.toml", f"[effects.ship]\ncommand = {argv}\n{more}")


def test_a_command_reads_the_request_and_writes_the_answer(tmp_path: Path) -> None:
    script = (
        "import json, sys\nask = json.load(sys.stdin)\nprint(json.dumps({'outcome': sys.argv[1], 'fields': ask}))\n"
    )
    answer: Any = attempt(command(tmp_path, script))
    assert answer["outcome"] == "--fast; rm -rf $HOME"
    assert answer["fields"] == {
        "blueprint": "parcels", "effect": "ship", "args": {"label": "books", "level": 2}, "key": "k-1-0",
        "fence": 7, "attempt": 1, "entity": "Parcel", "id": "p",
    }  # fmt: skip


def test_a_command_sees_only_what_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_A", "a")
    monkeypatch.setenv("SECRET_B", "b")
    script = "import json, os\nprint(json.dumps(sorted(n for n in os.environ if n.startswith('SECRET'))))\n"
    assert attempt(command(tmp_path, script, 'environment = ["SECRET_B"]')) == ["SECRET_B"]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; sys.exit('the queue is down')", "ended with 1: the queue is down"),
        (f"print('x' * {ANSWER_BYTES_MAX + 10})", "more than"),
    ],
)
def test_a_command_that_fails_is_a_failed_attempt(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(AttemptFailedError, match=message):
        attempt(command(tmp_path, script))


def test_a_command_has_only_the_memory_that_it_is_given(tmp_path: Path) -> None:
    script = "import sys\nbytearray(400 << 20)\nprint('\"enough\"')\n"
    with pytest.raises(AttemptFailedError, match="MemoryError"):
        attempt(command(tmp_path, script, 'memory = "256MB"'))
    assert attempt(command(tmp_path, script, 'memory = "2GB"')) == "enough"
    echo = "import sys\nprint('\"' + sys.argv[1] + '\"')\n"
    assert attempt(command(tmp_path, echo, 'memory = "2GB"')) == "--fast; rm -rf $HOME"


def test_what_is_no_json_is_kept_where_no_outcome_is_looked_for(tmp_path: Path) -> None:
    assert attempt(command(tmp_path, "print('shipped')")) == {"not JSON": "shipped\n"}


def test_a_command_that_is_given_up_is_killed(tmp_path: Path) -> None:
    script = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    path = command(tmp_path, script)

    async def whole() -> None:
        running = asyncio.create_task(_attempt(path, "ship", ASK))
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(whole())
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


# HTTP


async def receiver(answer: Callable[[str, dict[str, str], bytes], tuple[str, bytes]]) -> tuple[asyncio.Server, str]:
    """A server on loopback that answers each request with a status line and a body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        status, said = answer(head[0], headers, body)
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(said)}\r\nConnection: close\r\n\r\n".encode() + said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ship"


def posted(
    answer: Callable[[str, dict[str, str], bytes], tuple[str, bytes]],
    make: Callable[[str], Awaitable[object]] | None = None,
) -> object:
    async def whole() -> object:
        server, url = await receiver(answer)
        handler = HttpHandler(url, {"Authorization": "Bearer x"})
        try:
            return await (make(url) if make else handler(ASK))
        finally:
            await handler.aclose()
            server.close()
            await server.wait_closed()

    return asyncio.run(whole())


def test_a_post_carries_the_key_the_fence_and_the_request() -> None:
    seen: list[Any] = []

    def answer(line: str, headers: dict[str, str], body: bytes) -> tuple[str, bytes]:
        seen.extend([line, headers, json.loads(body)])
        return "200 OK", b'{"outcome": "shipped", "fields": {"code": "c"}}'

    assert posted(answer) == {"outcome": "shipped", "fields": {"code": "c"}}
    line, headers, body = seen
    assert line == "POST /ship HTTP/1.1"
    assert (headers["idempotency-key"], headers["temper-fence"], headers["authorization"]) == ("k-1-0", "7", "Bearer x")
    assert headers["content-type"] == "application/json"
    assert body["args"] == {"label": "books", "level": 2}


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        ("503 Busy", b"later", "answered 503: later"),
        ("404 Gone", b"", "answered 404"),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", b"", "answered 302"),
        ("200 OK", b"x" * (ANSWER_BYTES_MAX + 1), "longer than"),
    ],
)
def test_what_is_no_answer_is_a_failed_attempt(status: str, body: bytes, message: str) -> None:
    with pytest.raises(AttemptFailedError, match=message):
        posted(lambda *_: (status, body))


def test_nobody_there_is_a_failed_attempt() -> None:
    with pytest.raises(AttemptFailedError, match="ConnectError"):
        asyncio.run(_post_to_nobody())


async def _post_to_nobody() -> object:
    handler = HttpHandler("http://127.0.0.1:9/")
    try:
        return await handler(ASK)
    finally:
        await handler.aclose()


# The file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[effects.ship\n", "line 1"),
        ("[efects.ship]\nhttp = 'x'", "no key `efects`; did you mean `effects`?"),
        ("[effects.shipp]\nhttp = 'http://x/'", "no such effect; did you mean `ship`?"),
        ("[effects.ship]\n", "needs one of http, command, python, wasm, mcp, worker, and has none"),
        ("[effects.ship]\nhttp = 'http://x/'\ncommand = ['x']", "and has http, command"),
        ("[effects.ship]\nhttp = 'ftp://x/'", "must begin with http:// or https://"),
        ("[effects.ship]\nhttp = 7", "must be a text"),
        ("[effects.ship]\nhttp = 'http://x/'\nheader = {}", "did you mean `headers`?"),
        ("[effects.ship]\nhttp = 'http://x/'\nheaders = {A = '${NOT_SET_AT_ALL}'}", "NOT_SET_AT_ALL} is not set"),
        ("[effects.ship]\ncommand = 'ls -l'", "there is no shell"),
        ("[effects.ship]\ncommand = ['./missing']", "`./missing` is no program"),
        ("[effects.ship]\ncommand = ['ls']\nenvironment = ['NOT_SET_AT_ALL']", "names NOT_SET_AT_ALL"),
        ("[effects.ship]\npython = 'nothing'", 'must be "module:function"'),
        ("[effects.ship]\npython = 'no_such_module_at_all:f'", "cannot be imported"),
        ("[effects.ship]\npython = 'json:nothing'", "json has no function `nothing`"),
        ("effects = 3", "must be a table"),
        ("python = 'missing.py'", "missing.py: there is no such file"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, "temper.toml", text)
    with pytest.raises(HandlersBrokenError) as raised:
        load_handlers(path, EFFECTS)
    assert message in str(raised.value)
    assert str(tmp_path) in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def ship(:\n", "line 1: "),
        ("x = 1\nraise ValueError('not today')\n", "line 2: ValueError: not today"),
        ("import sys\nsys.exit(3)\n", "line 2: SystemExit: 3"),
        ("import no_such_module_at_all\n", "line 1: ModuleNotFoundError"),
    ],
)
def test_wrong_python_says_where(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, "handlers.py", text)
    with pytest.raises(HandlersBrokenError) as raised:
        load_handlers(path)
    assert message in str(raised.value)


def test_other_files_are_no_handlers(tmp_path: Path) -> None:
    with pytest.raises(HandlersBrokenError, match=r"ends in \.py or \.toml"):
        load_handlers(tmp_path / "handlers.yaml")


def test_the_file_that_the_reference_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "reference" / "handlers.md").read_text(encoding="utf-8")
    shown: dict[str, str] = {}
    for kind, text in re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL):
        shown.setdefault(kind, text)
    written(tmp_path, "handlers.py", shown["python"])
    written(tmp_path, "decide.wat", shown["text"])
    written(tmp_path, "probe", "#!/bin/sh\n").chmod(0o755)
    (tmp_path / "acme").mkdir()
    written(tmp_path, "acme/__init__.py", "")
    written(tmp_path, "acme/effects.py", "def notify(**args): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("ROUTER_TOKEN", "PROBE_TOKEN"):
        monkeypatch.setenv(name, "t")
    monkeypatch.setenv("ROUTER_SECRET", "whsec_" + "QUFB" * 8)
    path = written(tmp_path, "temper.toml", shown["toml"])
    found = load_handlers(path)
    ways = {name: str(getattr(handler, "way", "")) for name, handler in found.items()}
    assert ways == {
        "shift_traffic": "http router.example", "probe": "command", "notify": "python", "decide": "wasm",
        "file_ticket": "mcp create_ticket",
    }  # fmt: skip
    assert load_limits(path)["shift_traffic"] == Limits(4, Rate(100, 60_000), 5_000, Fuse(5, 30_000))
    assert isinstance(found["shift_traffic"], HttpHandler)
    assert found["shift_traffic"].headers == {"Authorization": "Bearer t"}
    assert asyncio.run(found["decide"](ASK)) == {"outcome": "healthy"}  # type: ignore[arg-type]
