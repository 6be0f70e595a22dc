"""The trial on a terminal: instances on the left, what can be done and why not on the right, what happened below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.suggester import SuggestFromList
from textual.widgets import DataTable, Footer, Header, RichLog, Static

from temper.corpus import Scenario, TooWideError
from temper.machine import Rejected, parse_duration
from temper.run import Option, Seen
from temper.serve.presenting import moment
from temper.trial.forms import Choice, Form, Question
from temper.trial.trial import Principal, Said, Trial, read_principal
from temper.verify import NoRecordError

Keep = Callable[[Scenario], str]
"""Writes a scenario down, and says where or why not."""
STYLES = {"applied": "green", "rejected": "red", "told": "cyan"}


class TrialScreen(App[None]):
    """One trial, until its person has had enough."""

    CSS_PATH = "screen.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        ("n", "make", "New"),
        ("a", "go('#options')", "Actions"),
        ("o", "go('#attempts')", "Outcomes"),
        ("i", "go('#instances')", "Instances"),
        ("t", "pass_time", "Time"),
        ("space", "pass_to_next", "Next event"),
        ("p", "become", "Act as"),
        ("s", "keep", "Keep"),
        ("q", "quit", "Quit"),
    ]

    def __init__(self, trial: Trial, principal: Principal, keep: Keep, found: str) -> None:
        super().__init__()
        self.trial, self.principal = trial, principal
        self._keep, self._found = keep, found
        self._shown: tuple[str, str] | None = None

    def compose(self) -> ComposeResult:
        yield Header()
        with Horizontal():
            yield _table("instances", "Instances", ("entity", "id", "state"))
            with Vertical(id="right"):
                yield Static(id="shown", markup=False)
                yield _table("options", "What can be done", ("", "action", "arguments", "why not"))
                yield _table("attempts", "What the outside is asked", ("effect", "for", "arguments", "attempt"))
        yield RichLog(id="log", wrap=True)
        yield Footer()

    async def on_mount(self) -> None:
        self.title = self.trial.table.blueprint
        await self.show_all()
        self.query_one("#instances").focus()
        if not await self.trial.instances():
            self.say(Said("told", "nothing is there yet: press n to make an instance"))

    # Showing

    async def show_all(self) -> None:
        """Show everything as it is now; what was chosen stays chosen."""
        self.sub_title = f"{self.trial.now()}, acting as {self.principal}"
        seen = await self.trial.instances()
        names = [(each.entity, each.id) for each in seen]
        if self._shown not in names:
            self._shown = names[0] if names else None
        _fill(self._rows("instances"), ((each.entity, each.id, each.state) for each in seen), at=self._index(names))
        self.show_one(next((each for each in seen if (each.entity, each.id) == self._shown), None))
        rows = ((a.ask.effect, f"{a.ask.entity} {a.ask.id}", _pairs(a.ask.args), a.ask.attempt) for a in self._attempts)
        _fill(self._rows("attempts"), rows)

    def show_one(self, seen: Seen | None) -> None:
        """Show one instance, and what can be done with it."""
        self.query_one("#shown", Static).update(_described(seen, self.trial))
        options = () if seen is None else self.trial.options(seen.entity, seen.id, self.principal)
        _fill(self._rows("options"), map(_option_cells, options))

    def say(self, said: Said) -> None:
        """Write down what became of something."""
        self.query_one("#log", RichLog).write(Text(said.text, style=STYLES[said.kind]), expand=True)

    def _rows(self, name: str) -> DataTable[Any]:
        return self.query_one(f"#{name}", DataTable)

    def _index(self, names: Sequence[tuple[str, str]]) -> int:
        return names.index(self._shown) if self._shown in names else 0

    @property
    def _attempts(self) -> tuple[Any, ...]:
        return self.trial.attempts()

    async def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        if event.data_table.id == "instances" and event.data_table.row_count and event.data_table.has_focus:
            entity, id_, _ = event.data_table.get_row_at(event.cursor_row)
            if (str(entity), str(id_)) != self._shown:
                self._shown = str(entity), str(id_)
                await self.show_all()

    # Trying

    async def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        match event.data_table.id:
            case "instances":
                self.query_one("#options").focus()
            case "options" if self._shown is not None:
                options = self.trial.options(*self._shown, self.principal)
                self.act(self._shown[0], self._shown[1], options[event.cursor_row].action)
            case "attempts":
                self.hear(event.cursor_row)

    @work
    async def act(self, entity: str, id_: str, action: str) -> None:
        """Ask for the arguments, and call."""
        args = await self._asked(f"{action} of {entity} {id_}", self.trial.params(entity, action))
        if args is not None:
            await self._tried(await self.trial.act(entity, id_, action, args, self.principal))

    @work
    async def hear(self, row: int) -> None:
        """Ask what the outside says to an attempt, and let it."""
        attempt = self._attempts[row]
        what = f"{attempt.ask.effect}({_pairs(attempt.ask.args)})"
        outcome = await self.push_screen_wait(Choice(f"What comes of {what}?", attempt.outcomes))
        if outcome is None:
            return
        fields = await self._asked(f"{outcome} of {what}", attempt.fields(outcome))
        if fields is not None:
            await self._tried(await self.trial.answer(attempt, outcome, fields))

    @work
    async def action_make(self) -> None:
        """Make an instance by one of the constructors."""
        ways = [
            (entity.name, option.action)
            for entity in self.trial.entities()
            if not entity.single
            for option in self.trial.options(entity.name, None, self.principal)
        ]
        if not ways:
            self.say(Said("told", "no instance can be made: every entity of the blueprint is single"))
            return
        names = tuple(f"{entity}: {action}" for entity, action in ways)
        chosen = names[0] if len(ways) == 1 else await self.push_screen_wait(Choice("Make what?", names))
        if chosen is None:
            return
        entity, action = ways[names.index(chosen)]
        number = sum(seen.entity == entity for seen in await self.trial.instances()) + 1
        more = (Question("id", f"of the new {entity}", f"{entity[0].lower()}{number}"),)
        args = await self._asked(f"{action} a {entity}", self.trial.params(entity, action), more)
        if args is None:
            return
        id_ = args.pop("id")
        said = await self.trial.act(entity, id_, action, args, self.principal)
        self._shown = (entity, id_) if said.kind == "applied" else self._shown
        await self._tried(said)

    @work
    async def action_pass_time(self) -> None:
        """Ask how long, and let time pass."""
        left = self.trial.next_due()
        hint = "as in 90s or 5m" + (f"; something happens in {left}" if left else "; nothing happens by itself")
        given = await self.push_screen_wait(Form("How long?", (Question("time", hint, left or ""),)))
        if given is None:
            return
        milliseconds = parse_duration(given["time"].strip())
        if milliseconds is None or milliseconds <= 0:
            self.say(Said("rejected", f"{given['time']!r} is no length of time: say 90s, 5m or 2h"))
        else:
            await self._tried(await self.trial.pass_time(milliseconds))

    async def action_pass_to_next(self) -> None:
        """Let time pass until something happens."""
        await self._tried(await self.trial.pass_to_next())

    @work
    async def action_become(self) -> None:
        """Ask who acts from now on."""
        hint = f"name: roles; there are {', '.join(self.trial.table.roles)}"
        given = await self.push_screen_wait(Form("Act as whom?", (Question("principal", hint, str(self.principal)),)))
        if given is None:
            return
        try:
            self.principal = read_principal(given["principal"])
        except ValueError as wrong:
            self.say(Said("rejected", str(wrong)))
        else:
            strangers = sorted(self.principal.roles - set(self.trial.table.roles))
            if strangers:
                self.say(Said("told", f"the blueprint has no role {', '.join(strangers)}"))
            await self._tried(Said("told", f"acting as {self.principal}"))

    @work
    async def action_keep(self) -> None:
        """Ask for a name, and keep what happened to the chosen instance as a scenario."""
        if self._shown is None:
            self.say(Said("told", "there is nothing to keep yet"))
            return
        entity, id_ = self._shown
        hint = f"what happened to {entity} {id_}"
        given = await self.push_screen_wait(Form("Keep as?", (Question("name", hint, f"{entity}-{id_}".lower()),)))
        if given is None:
            return
        try:
            self.say(Said("told", self._keep(self.trial.scenario(entity, id_, given["name"], self._found))))
        except (NoRecordError, TooWideError) as wrong:
            self.say(Said("rejected", f"{entity} {id_} is not kept: {wrong}"))

    def action_go(self, where: str) -> None:
        """Go to a table."""
        self.query_one(where).focus()

    async def _tried(self, said: Said) -> None:
        self.say(said)
        await self.show_all()

    async def _asked(
        self, title: str, schemas: Mapping[str, Any], more: tuple[Question, ...] = ()
    ) -> dict[str, str] | None:
        """What was typed for each parameter; None if the person thought better of it."""
        questions = (*more, *(question_of(name, schema) for name, schema in schemas.items()))
        return await self.push_screen_wait(Form(title, questions)) if questions else {}


def question_of(name: str, schema: Mapping[str, Any]) -> Question:
    """A parameter as a question: what it may be, and what is likely.

    >>> question_of("percent", {"type": "integer", "minimum": 0, "maximum": 100}).hint
    'a whole number from 0 to 100'
    """
    if "anyOf" in schema:
        inner = question_of(name, schema["anyOf"][0])
        return Question(
            name, f"{inner.hint}, or None", inner.value, SuggestFromList(["None", *schema["anyOf"][0].get("enum", ())])
        )
    if "enum" in schema:
        values = [str(value) for value in schema["enum"]]
        return Question(name, " | ".join(values), values[0], SuggestFromList(values))
    match schema.get("type"):
        case "integer" if "minimum" in schema and "maximum" in schema:
            return Question(
                name, f"a whole number from {schema['minimum']} to {schema['maximum']}", str(schema["minimum"])
            )
        case "integer":
            return Question(name, "a whole number", "0")
        case "boolean":
            return Question(name, "True | False", "False", SuggestFromList(["True", "False"]))
        case "array":
            return Question(name, "a, b, c", "")
        case "object":
            return Question(name, "as JSON", "{}")
        case _:
            return Question(name, str(schema.get("description", "a text")), "")


def _table(id_: str, title: str, columns: tuple[str, ...]) -> DataTable[Any]:
    table: DataTable[Any] = DataTable(id=id_, cursor_type="row", zebra_stripes=True)
    table.border_title = title
    table.add_columns(*columns)
    return table


def _fill(table: DataTable[Any], rows: Iterable[tuple[Any, ...]], at: int | None = None) -> None:
    """Other rows, the cursor on the one it stood on or is to stand on."""
    cursor = table.cursor_row if at is None else at
    table.clear()
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    if table.row_count:
        table.move_cursor(row=min(cursor, table.row_count - 1))


def _option_cells(option: Option) -> tuple[Any, ...]:
    args = ", ".join(f"{name}: {type_}" for name, type_ in option.params)
    if option.because is None:
        return Text("✓", style="green"), option.action, args, option.note
    return Text("✗", style="red"), Text(option.action, style="dim"), Text(args, style="dim"), _why(option.because)


def _why(because: Rejected) -> str:
    """The message, or less where it would only repeat what the screen shows."""
    facts = dict(because.facts)
    return f"only in {facts['from']}" if because.code == "wrong-state" and "from" in facts else because.message


def _described(seen: Seen | None, trial: Trial) -> str:
    if seen is None:
        return "no instance"
    lines = [f"{seen.entity} {seen.id} is {seen.state} (seq {seen.seq})"]
    lines += [f"  {name} = {value}" for name, value in seen.data.items()]
    lines += [f"  timer {name} fires at {moment(due)}" for name, due in seen.timers]
    lines += [f"  {line}" for line in trial.history(seen.entity, seen.id)[-6:]]
    return "\n".join(lines)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
