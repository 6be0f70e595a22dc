"""The driver obeys the engine: it loads instances, lets them advance, and passes nothing on that is not durable.

Between loading an instance and handing its record to the journal nothing waits, so steps of one instance never
interleave. Later steps may be computed from earlier ones that are still on their way to the disk; if those fail,
memory is thrown away as a whole and everything starts again from what the store has.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from temper.machine import NEW, Address, absent
from temper.run.codec import instance_from_rows
from temper.run.committer import Committer, Gathering
from temper.run.engine import Append, Attempt, Carry, Command, Input, Instance, Moment, Reply, Schedule, advance
from temper.run.journal import Journal
from temper.run.record import Pending, Record, owner_of
from temper.run.store.protocol import StorageFullError, StoreError
from temper.run.version import Version
from temper.run.world import World

INSTANCES_MAX = 50_000
"""How many instances stay in memory; idle ones beyond it are read again when somebody asks."""
PROBE_MILLISECONDS = 1000


class Obeys(Protocol):
    """Whoever carries out what a durable record asks for."""

    def attempt(self, pending: Pending) -> None: ...

    def carry(self, pending: Pending) -> None: ...

    def schedule(self, due: int) -> None: ...

    def recorded(self, record: Record) -> None: ...

    def resume(self) -> None:
        """Start again from what the store has."""

    def stop(self) -> None:
        """Forget what is not durable."""


@dataclass(frozen=True, slots=True)
class Entered:
    """An input was taken: what it asks for, and the transaction to wait for."""

    commands: tuple[Command, ...]
    gathering: Gathering

    @property
    def reply(self) -> Any:
        return next((command.outcome for command in reversed(self.commands) if isinstance(command, Reply)), None)

    @property
    def is_recorded(self) -> bool:
        return bool(self.commands) and isinstance(self.commands[0], Append)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing is taken just now."""

    error: StoreError
    since: int

    @property
    def is_full(self) -> bool:
        return isinstance(self.error, StorageFullError)


Barred: TypeAlias = Trouble | None


@dataclass(slots=True)
class _Held:
    instance: Instance
    gathering: int


@dataclass(slots=True)
class Driver:
    """The state of a running runtime. `obeys` is set before `begin`."""

    world: World
    version: Version
    obeys: Obeys = field(init=False)
    committer: Committer = field(init=False)
    trouble: Trouble | None = None
    paused: bool = False
    closed: bool = False
    _held: dict[Address, _Held] = field(default_factory=dict)
    _recovery: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Make the committer and stand ready; nothing pending is started before `resume`."""
        self.committer = Committer(self.world.store, durable=self._obey, failed=self._failed)
        self.committer.begin(Journal(self.world.store.head()))

    @property
    def journal(self) -> Journal:
        return self.committer.journal

    @property
    def takes(self) -> bool:
        """Whether inputs are taken just now."""
        return self.trouble is None and not self.paused and not self.closed

    def enter(self, address: Address, given: Input) -> Entered | None:
        """Let an instance advance; None if nothing is taken now. Raises `StoreError` if it cannot be loaded."""
        if not self.takes:
            return None
        version = self.version
        held = self._hold(address)
        spawns = version.spawns_max[address.entity]
        fresh = tuple(self.world.chance.id() for _ in range(spawns)) if spawns else ()
        journal = self.journal
        moment = Moment(self.world.clock.now(), journal.next_record, journal.next_place, fresh)
        after, commands = advance(version, held.instance, given, moment)
        gathering = self.committer.gathering
        if commands and isinstance(commands[0], Append):
            record = commands[0].record
            held.instance, held.gathering = after, gathering.number
            is_kept = after.cell.control != NEW or after.burnt
            journal.append(version, record, after if is_kept else None)
            gathering.commands += commands
            self.committer.flush()
        return Entered(commands, gathering)

    def note(self, pending: Pending) -> Gathering | None:
        """Keep book-keeping about a delivery; None if nothing is taken now or the delivery is not pending any more."""
        if not self.takes:
            return None
        effects = self.instance(owner_of(pending.delivery)).effects
        if all(effect.key != pending.key for effect in effects):
            return None
        self.journal.note(pending)
        return self.committer.flush()

    def keep(self, kind: str, key: str, body: str | None) -> Gathering | None:
        """Note something down in the store's book, with whatever else is gathered; None if nothing is taken now."""
        if not self.takes:
            return None
        self.journal.keep(kind, key, body)
        return self.committer.flush()

    def unsettled(self, address: Address) -> Gathering | None:
        """The transaction that must be durable before anything that was read from this instance may be told."""
        held = self._held.get(address)
        if held is None or held.gathering <= self.committer.durable_number:
            return None
        # It is in the one under way or in the one gathered now; the later one covers both.
        return self.committer.latest()

    def instance(self, address: Address) -> Instance:
        """The instance as memory has it, perhaps not durable yet."""
        return self._hold(address).instance

    async def durable(self) -> StoreError | None:
        """Wait until what has been computed up to now is durable, whatever comes in meanwhile."""
        latest = self.committer.latest()
        return None if latest is None else await latest.wait()

    async def flushed(self) -> StoreError | None:
        """Wait until nothing is on its way any more; for when no new inputs are taken."""
        while (latest := self.committer.latest()) is not None and self.trouble is None:
            self.committer.flush()
            if (end := await latest.wait()) is not None:
                return end
        return self.trouble.error if self.trouble is not None else None

    def _hold(self, address: Address) -> _Held:
        held = self._held.get(address)
        if held is None:
            if len(self._held) >= INSTANCES_MAX:
                self._evict()
            held = self._held[address] = _Held(self._load(address), 0)
        return held

    def _load(self, address: Address) -> Instance:
        store = self.world.store
        row = store.cell(address)
        if row is None:
            return Instance(absent(self.version.table, address))
        return instance_from_rows(self.version, row, store.effects_of(address))

    def _evict(self) -> None:
        durable = self.committer.durable_number
        self._held = {address: held for address, held in self._held.items() if held.gathering > durable}

    def _obey(self, commands: list[Command]) -> None:
        """Their records are durable now, so what they ask for may leave the process."""
        for command in commands:
            try:
                self._obey_one(command)
            except Exception as error:
                # Our own mistake: it must be seen, and it must not keep the other commands from being obeyed.
                told = {"message": f"{type(command).__name__} was not obeyed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(told)

    def _obey_one(self, command: Command) -> None:
        obeys = self.obeys
        match command:
            case Append(record):
                if record.made or record.consumed:
                    obeys.recorded(record)
            case Attempt(pending):
                obeys.attempt(pending)
            case Carry(pending):
                obeys.carry(pending)
            case Schedule(_, due):
                obeys.schedule(due)
            case Reply():
                pass  # Whoever waits for the gathering answers the caller.

    # When the store fails

    def _failed(self, error: StoreError) -> None:
        """Everything that was computed and is not durable is forgotten; whoever waits is told."""
        self.trouble = Trouble(error, self.world.clock.now())
        self._held.clear()
        self.obeys.stop()
        self._recovery = asyncio.create_task(self._recover())

    async def _recover(self) -> None:
        """Try again until there is room, then start from what the store has."""
        clock = self.world.clock
        while not self.closed:
            await clock.wait_until(clock.now() + PROBE_MILLISECONDS)
            try:
                self.world.store.recover()
                self.world.store.probe()
                head = self.world.store.head()
            except StoreError as error:
                assert self.trouble is not None, "whoever recovers is in trouble"
                self.trouble = Trouble(error, self.trouble.since)
                continue
            self.committer.begin(Journal(head))
            self.trouble = None
            if not self.paused:
                self.obeys.resume()
            return

    # While a version is loaded

    async def pause(self) -> StoreError | None:
        """Take nothing more, and wait until everything is durable."""
        self.paused = True
        end = await self.flushed()
        self.obeys.stop()
        return end

    def proceed(self, version: Version | None = None) -> None:
        """Take inputs again, under the new version if there is one."""
        if version is not None:
            self.version = version
        self._held.clear()
        self.paused = False
        if self.trouble is None:
            self.obeys.resume()

    async def close(self) -> None:
        """Finish what is under way and stop. The store stays open: whoever opened it closes it."""
        await self.flushed()
        self.closed = True
        self.obeys.stop()
        if self._recovery is not None:
            self._recovery.cancel()
        self.committer.close()
