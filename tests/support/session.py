"""Documents as sessions: the fenced blocks of a Markdown page, run one after the other in one folder.

| block                     | what running it means                                                          |
| ------------------------- | ------------------------------------------------------------------------------ |
| `yaml` with `blueprint:`  | saved as `<blueprint>.yaml`, and must check without a finding                   |
| `python`                  | run as doctest if it has `>>>`, as a program otherwise; saved if it says `# file:` |
| `diff`                    | applied to the file that its `+++` line names                                  |
| `console`                 | each `$ command` is run, and must print what stands below it                    |

A command that starts a server goes on in the background until the page ends. Times, hashes, ports, tokens and durations
are compared as such, not by value. Reading commands are repeated for a while, because handlers and timers take theirs.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVING = ("make up", "temper up", "temper worker")
READING = (
    "temper log",
    "temper letters",
    "temper attempts",
    "temper effects",
    "temper get",
    "temper list",
    "temper deliveries",
    "temper timers",
    "temper can",
)
SECONDS_MAX = 90.0
PATIENCE_SECONDS = 20.0
QUIET_SECONDS = 1.0
PLACEHOLDERS = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?"), "<time>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r"\btemper_([\w-]{43}|\.\.\.)"), "<token>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,16}\b"), "<hash>"),
    (re.compile(r"\b\d+\.\d+ ?s\b"), "<seconds>"),
    (re.compile(r" +"), " "),
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block and where its text stands in the page."""

    kind: str
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command of a console block with what it is expected to print."""

    command: str
    output: str


def blocks(page: str) -> list[Block]:
    """The fenced blocks that name what they are, in order."""
    return [Block(match[1], match[2], match.start(2)) for match in FENCE.finditer(page)]


def exchanges(block: str) -> Iterator[Exchange]:
    """The commands of a console block; a command goes on where its line ends in a backslash."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        match = re.match(r"((?:.*\\\n)*.*)\n?", part)
        assert match is not None
        yield Exchange(match[1], part[match.end() :])


def comparable(output: str) -> str:
    """Output with everything that differs from run to run replaced by what it is.

    >>> comparable("at 2026-01-02 03:04:05, on 127.0.0.1:8080 in 0.4 s")
    'at <time>, on 127.0.0.1:<port> in <seconds>'
    """
    for pattern, word in PLACEHOLDERS:
        output = pattern.sub(word, output)
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


@dataclass
class Session:
    """One page being run in a folder of its own."""

    folder: Path
    environment: Mapping[str, str]
    bless: bool = False
    servers: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, page: str) -> str:
        """Run every block; gives the page as it should be, which is the page itself unless golden output is accepted."""
        try:
            return FENCE.sub(lambda match: f"```{match[1]}\n{self._block(match[1], match[2])}```", page)
        finally:
            self.end()

    def end(self) -> None:
        """Stop what still serves."""
        for server in self.servers:
            os.killpg(server.pid, signal.SIGTERM)
            server.communicate(timeout=SECONDS_MAX)

    def _block(self, kind: str, text: str) -> str:
        match kind:
            case "yaml":
                self._blueprint(text)
            case "python":
                self._program(text)
            case "diff":
                self._edit(text)
            case "console":
                return "".join(self._exchange(each) for each in exchanges(text))
        return text

    def _blueprint(self, text: str) -> None:
        named = re.search(r"^blueprint: (\w+)", text, re.MULTILINE)
        if named is None:
            return
        path = self.folder / f"{named[1]}.yaml"
        path.write_text(text, encoding="utf-8")
        done = self._shell(f"{sys.executable} -m temper check {path.name}")
        assert done[0] == 0, f"the blueprint on this page does not check:\n{done[1]}"

    def _program(self, text: str) -> None:
        named = re.match(r"# file: (\S+)\n", text)
        if named is not None:
            (self.folder / named[1]).write_text(text, encoding="utf-8")
            return
        program = (
            f"import doctest, sys\nsys.exit(doctest.run_docstring_examples({text!r}, {{}}))" if ">>>" in text else text
        )
        status, output = self._shell(f"{sys.executable} -", program)
        assert (status, ">>>" in text and output) in {(0, ""), (0, False)}, f"the program on this page says:\n{output}"

    def _edit(self, text: str) -> None:
        named = re.search(r"^\+\+\+ (\S+)\n", text, re.MULTILINE)
        assert named is not None, f"a diff names its file in a line beginning with +++:\n{text}"
        path = self.folder / named[1]
        content = path.read_text(encoding="utf-8")
        for hunk in re.split(r"^@@.*\n", text[named.end() :], flags=re.MULTILINE):
            lines = [line for line in hunk.splitlines(keepends=True) if line.strip()]
            if not lines:
                continue
            old = "".join(line[1:] for line in lines if line[0] in " -")
            new = "".join(line[1:] for line in lines if line[0] in " +")
            assert content.count(old) == 1, f"{named[1]} holds this {content.count(old)} times, not once:\n{old}"
            content = content.replace(old, new)
        path.write_text(content, encoding="utf-8")

    def _exchange(self, each: Exchange) -> str:
        if each.command.startswith(SERVING):
            output = self._serve(each)
        elif each.command.startswith(READING):
            output = self._patiently(each)
        else:
            output = self._shell(each.command)[1]
        same = comparable(output) == comparable(each.output)
        if self.bless and not same:
            return f"$ {each.command}\n{_tidy(output)}"
        assert same, f"$ {each.command}\n--- prints\n{output}\n--- but the page says\n{each.output}"
        return f"$ {each.command}\n{each.output}"

    def _patiently(self, each: Exchange) -> str:
        """Repeat a reading command until it shows what is expected, or (when blessing) the same twice after a while."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        output, before = self._shell(each.command)[1], ""
        while comparable(output) != comparable(each.output) and time.monotonic() < deadline:
            before, (_, output) = output, self._shell(f"sleep {QUIET_SECONDS}; {each.command}")
            if self.bless and comparable(output) == comparable(before):
                break
        return output

    def _serve(self, each: Exchange) -> str:
        """Start a server and read what it prints until it has said what is expected, or falls silent."""
        server = subprocess.Popen(
            ["bash", "-c", each.command],
            cwd=self.folder,
            env=dict(self.environment),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.servers.append(server)
        assert server.stdout is not None
        stream, output = server.stdout, b""
        deadline = time.monotonic() + SECONDS_MAX
        while self._goes_on(output.decode(), each) and time.monotonic() < deadline:
            patience = QUIET_SECONDS if self._announced() and output else deadline - time.monotonic()
            if not select.select([stream], [], [], patience)[0]:
                break
            read = os.read(stream.fileno(), 65_536)
            if not read:
                break
            output += read
        return output.decode()

    def _goes_on(self, output: str, each: Exchange) -> bool:
        """Whether there is more to be said: the server is not there yet, or has not printed what is expected."""
        return not self._announced() or comparable(output) != comparable(each.output)

    def _announced(self) -> bool:
        return any((self.folder / ".temper").glob("*/server.json"))

    def _shell(self, command: str, given: str = "") -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=dict(self.environment),
            input=given,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS_MAX,
        )
        return done.returncode, done.stdout


def _tidy(output: str) -> str:
    """Output as a page shows it: the usual port, and no token that looks like somebody's."""
    output = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8420", output)
    output = re.sub(r"\btemper_[\w-]{43}", "temper_...", output)
    lines = [line.rstrip() for line in output.rstrip().splitlines()]
    return "\n".join(lines) + "\n" if lines else ""
