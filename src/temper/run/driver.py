"""The driver obeys the engine: it loads instances, lets them advance, and passes nothing on that is not durable.

Between loading an instance and handing its record to the journal nothing waits, so steps of one instance never
interleave. Later steps may be computed from earlier ones that are still on their way to the disk; if those fail,
memory is thrown away as a whole and everything starts again from what the store has.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, NamedTuple, cast

from temper.machine import NEW, Address, absent
from temper.run.codec import instance_from_rows
from temper.run.committer import Committer, Gathering
from temper.run.engine import (
    Append,
    Attempt,
    Called,
    Command,
    Delivered,
    Input,
    Instance,
    Moment,
    Reply,
    Schedule,
    advance,
)
from temper.run.fetches import Fetches
from temper.run.journal import Journal
from temper.run.obeying import Obeys, obey
from temper.run.observer import observed
from temper.run.readings import Readings
from temper.run.record import Pending, Record, owner_of
from temper.run.store.protocol import ConflictError, StorageFullError, Store, StoreError, VersionMovedError
from temper.run.store.rows import Found, Head
from temper.run.store.shared import Loaded, SharedStore
from temper.run.tracing import traced
from temper.run.version import Version, restaged
from temper.run.world import World

FORGOTTEN_AT_ONCE = 100
"""So few that no call waits for it noticeably."""
PROBE_MILLISECONDS = 1000
WIDTH_MAX = 4096
"""How many records a transaction may hold where instances are shared; halved by each conflict, and growing again."""
WARY = 1000
"""After a conflict so many inputs read their instance anew: whoever shares instances loses batches otherwise."""


class Entered(NamedTuple):
    """An input was taken: the instance after it, what it asks for, and the transaction to wait for."""

    after: Instance
    commands: tuple[Command, ...]
    gathering: Gathering

    @property
    def reply(self) -> Any:
        """What the caller is answered, who is answered last; None where nobody called."""
        last = self.commands[-1] if self.commands else None
        return last.outcome if isinstance(last, Reply) else None

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


@dataclass(slots=True)
class _Held:
    instance: Instance
    gathering: int
    record: int = 0
    """Where other nodes write as well: the last record of the instance that memory knows."""
    is_wanted: bool = False
    """Whether somebody has asked for it again since it came, or since it was last spared."""


@dataclass(slots=True)
class Driver:
    """The state of a running runtime. `obeys` is set before `begin`."""

    world: World
    version: Version
    _: KW_ONLY
    moved: Callable[[Version], None] = lambda _: None
    """Hears of a version that another node has put in force."""
    obeys: Obeys = field(init=False)
    committer: Committer = field(init=False)
    trouble: Trouble | None = None
    paused: bool = False
    closed: bool = False
    shared: SharedStore | None = field(init=False, default=None)
    """The store, if other nodes write to it as well: then whatever memory knows may be out of date."""
    fetches: Fetches | None = field(init=False, default=None)
    readings: Readings = field(init=False)
    _wary: int = 0
    _width: int = WIDTH_MAX
    _held: dict[Address, _Held] = field(default_factory=dict)
    _recovery: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Make the committer and stand ready; nothing pending is started before `resume`."""
        store = self.world.store
        self.shared = cast("SharedStore", store) if store.shared else None
        self.fetches = None if self.shared is None else Fetches(self.shared, self._fetched)
        self.readings = Readings(store, self._take_in, self.world.reads)
        seen, later = observed(store, self.world.observer), self.world.later
        self.committer = Committer(seen, durable=self._obey, failed=self._failed, later=later)
        self.committer.begin(self._journal(store.head()))

    def _journal(self, head: Head) -> Journal:
        if self.shared is None:
            return Journal(head)
        journal = Journal(head, self.version.hash)
        journal.witness(*self.shared.furthest())
        return journal

    @property
    def journal(self) -> Journal:
        return self.committer.journal

    @property
    def held(self) -> int:
        """How many instances are in memory."""
        return len(self._held)

    @property
    def is_full(self) -> bool:
        """Whether calls had better wait for the next transaction: a large one would fall to other nodes again."""
        return self.shared is not None and self.takes and self.journal.records >= self._width

    @property
    def takes(self) -> bool:
        """Whether inputs are taken just now."""
        return self.trouble is None and not self.paused and not self.closed

    def enter(self, address: Address, given: Input, trace: str = "") -> Entered | None:
        """Let an instance advance; None if nothing is taken now. Raises `StoreError` if it cannot be loaded.

        `trace` is where the input stands in a trace, if somebody follows it.
        """
        if not self.takes:
            return None
        if isinstance(given, Delivered) and self.committer.consumes(given.pending.key):
            return None  # Taken up from the store once more, as a node does that adopts what another left.
        version = self.version
        held = self._hold(address) if self.shared is None else self._freshly(address, given)
        spawns = version.spawns_max[address.entity]
        fresh = tuple(self.world.chance.id() for _ in range(spawns)) if spawns else ()
        journal = self.journal
        moment = Moment(self.world.clock.now(), journal.next_record, journal.next_place, fresh, journal.stride)
        after, commands = advance(version, held.instance, given, moment)
        gathering = self.committer.gathering
        if commands and isinstance(commands[0], Append):
            record = commands[0].record
            if trace or self.world.tracer is not None:
                after, record, commands = traced(self.world.tracer, trace, after, commands)
            held.instance, held.gathering = after, gathering.number
            is_kept = after.cell.control != NEW or after.burnt or self.shared is not None
            journal.append(version, record, after if is_kept else None)
            gathering.commands += commands
            if self.shared is not None:
                self._rest(held, address, record, commands)
                if record.timers is None and (armed := after.cell.timers):
                    # Whoever wrote it last is to fire its timers, also those that another node has armed.
                    gathering.commands.append(Schedule(address, min(due for _, due in armed)))
                gathering.is_work |= record.rule != "call"
            self.committer.flush()
        return Entered(after, commands, gathering)

    def note(self, pending: Pending) -> Gathering | None:
        """Keep book-keeping about a delivery; None if nothing is taken now or the delivery is not pending any more."""
        if not self.takes:
            return None
        owner = owner_of(pending.delivery)
        if not self._has(owner, pending) and not (self._forgets(owner) and self._has(owner, pending)):
            return None
        self.journal.note(pending)
        self.committer.gathering.is_work = True
        return self.committer.flush()

    def _has(self, owner: Address, pending: Pending) -> bool:
        return any(effect.key == pending.key for effect in self.instance(owner).effects)

    def _forgets(self, address: Address) -> bool:
        """Forget an instance that another node may have written, so that it is read anew; whether there was one."""
        held = self._held.get(address)
        if self.shared is None or held is None or held.gathering > self.committer.durable_number:
            return False
        del self._held[address]
        return True

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

    async def fetched(self, address: Address) -> bool:
        """Read an instance beside the loop, if it must be read at all; whether that is news to other nodes' work."""
        if not self.takes:
            return False
        if self.fetches is None:
            if self.readings.is_beside and address not in self._held:
                await self.readings.read(address)
            return False
        held = self._held.get(address)
        if held is not None and (not self._wary or held.gathering > self.committer.durable_number):
            return False
        await self.fetches.fetch(address)
        return True

    def _take_in(self, address: Address, found: Found | None) -> None:
        """Hold what the store has of an instance that memory has not held since the store was asked."""
        self._make_room()
        version = self.version
        instance = instance_from_rows(version, *found) if found else Instance(absent(version.table, address))
        self._held[address] = _Held(instance, 0)

    def _fetched(self, loaded: Mapping[Address, Loaded]) -> None:
        durable = self.committer.durable_number
        for address, found in loaded.items():
            held = self._held.get(address)
            if held is None or held.gathering <= durable:
                self._make_room()
                self._held[address] = self._read(address, found)

    async def settled(self, address: Address, *, is_fresh: bool = False) -> StoreError | None:
        """Wait until what was read from this instance may be told; `ConflictError` if it is not true any more."""
        unsettled = self.unsettled(address)
        if unsettled is not None:
            return await unsettled.wait()
        held = self._held.get(address)
        if self.shared is None or held is None or is_fresh or self.shared.stands(address, held.record):
            return None
        del self._held[address]
        return ConflictError("another node has changed what was read")

    def rely(self, address: Address) -> None:
        """What is gathered tells something about this instance as it stands, and changes nothing of it."""
        if self.shared is not None and (held := self._held.get(address)) is not None:
            self.journal.rest(address, held.record)

    def holds(self, address: Address) -> bool:
        """Whether the instance is in memory, and nobody else changes it."""
        return address in self._held and self.shared is None

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
            end = await latest.wait()
            if end is not None and not isinstance(end, ConflictError):
                return end
        return self.trouble.error if self.trouble is not None else None

    def _hold(self, address: Address) -> _Held:
        held = self._held.get(address)
        if held is not None:
            held.is_wanted = True
            return held
        self.readings.overtaken(address)
        if self.shared is None:
            self._take_in(address, self.world.store.instances((address,)).get(address))
        else:
            self._make_room()
            self._held[address] = self._read(address, self.shared.load(address))
        return self._held[address]

    def _freshly(self, address: Address, given: Input) -> _Held:
        """As `_hold`, but what goes on by itself is read anew; what is called was fetched if it had to be."""
        if not isinstance(given, Called):
            self._forgets(address)
        self._wary = max(0, self._wary - 1)
        held = self._hold(address)
        if isinstance(given, Delivered):
            self.journal.witness(given.pending.place, given.pending.place)
        return held

    def _rest(self, held: _Held, address: Address, record: Record, commands: tuple[Command, ...]) -> None:
        """Say what a step rests on, and that what it lets begin is for this node to carry out."""
        self.journal.rest(address, held.record)
        held.record = record.number
        made = {pending.key for pending in record.made}
        begun = (command.pending.key for command in commands if isinstance(command, Attempt))
        self.journal.take_over(key for key in begun if key not in made)

    def _read(self, address: Address, loaded: Loaded) -> _Held:
        """Raises `VersionMovedError` if the row was written under another version, which is then followed."""
        if loaded.in_force != self.version.hash:
            # Soon and not at once: whoever reads is in the middle of something under the version so far.
            asyncio.get_running_loop().call_soon(self.follow)
            raise VersionMovedError("another node has put another version in force")
        self.journal.witness(loaded.record, loaded.place)
        if loaded.row is None:
            return _Held(Instance(absent(self.version.table, address)), 0)
        return _Held(instance_from_rows(self.version, loaded.row, loaded.effects), 0, loaded.record)

    def _make_room(self) -> None:
        """Forget instances that came long ago and that nobody wants; the others go to the end of the line.

        One that is not durable yet is in no store, so it stays whatever happens.
        """
        if len(self._held) < self.world.instances_max:
            return
        durable = self.committer.durable_number
        for address in list(itertools.islice(self._held, FORGOTTEN_AT_ONCE)):
            held = self._held.pop(address)
            if held.is_wanted or held.gathering > durable:
                held.is_wanted = False
                self._held[address] = held

    def _obey(self, commands: list[Command]) -> None:
        """Their records are durable now, so what they ask for may leave the process."""
        self._width = min(WIDTH_MAX, self._width + 1 + self._width // 16)
        for command in commands:
            if type(command) is Reply:
                continue  # Whoever waits for the gathering answers the caller.
            try:
                obey(command, self.obeys, self.world.tracer)
            except Exception as error:
                # Our own mistake: it must be seen, and it must not keep the other commands from being obeyed.
                told = {"message": f"{type(command).__name__} was not obeyed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(told)

    # When the store fails

    def _failed(self, error: StoreError) -> None:
        """Everything that was computed and is not durable is forgotten; whoever waits is told."""
        if isinstance(error, ConflictError):
            try:
                self._outrun(error)
            except StoreError as worse:
                error = worse
            else:
                return
        self.trouble = Trouble(error, self.world.clock.now())
        self._forget_all()
        self.obeys.stop()
        self._recovery = asyncio.create_task(self._recover())

    def _forget_all(self) -> None:
        self._held.clear()
        self.readings.forget()
        if self.world.tracer is not None:
            self.world.tracer.forget()

    def _outrun(self, error: ConflictError) -> None:
        """Another node was faster: forget what rests on what is not so any more, and go on from what is there."""
        has_moved = isinstance(error, VersionMovedError)
        version = last_version(self.world.store) if has_moved else self.version
        self._wary = WARY
        self._width = max(1, min(self._width, self.committer.records_lost) // 2)
        self._begin_anew(version, self.committer.is_work_lost or has_moved)

    def follow(self) -> None:
        """Serve the version that another node has put in force. A commit that is on its way finds out by itself."""
        if not self.takes or self.committer.latest() is not None:
            return
        try:
            version = last_version(self.world.store)
            if version.hash != self.version.hash:
                self._begin_anew(version, True)
        except StoreError as error:
            self.committer.give_up(error)

    def catch_up(self) -> None:
        """The same while this node itself loads a version, with nothing on its way."""
        self._begin_anew(last_version(self.world.store), True)

    def _begin_anew(self, version: Version, is_work_lost: bool) -> None:  # noqa: FBT001 (what a gathering says)
        has_moved, self.version = version.hash != self.version.hash, version
        self._forget_all()
        self.committer.begin(self._journal(self.committer.durable_head))
        if has_moved:
            self.moved(version)
        if is_work_lost and not self.paused:
            self.obeys.stop()
            self.obeys.resume()

    async def _recover(self) -> None:
        """Try again until there is room, then start from what the store has."""
        clock = self.world.clock
        while not self.closed:
            await clock.wait_until(clock.now() + PROBE_MILLISECONDS)
            try:
                self.world.store.recover()
                self.world.store.probe()
                head = self.world.store.head()
                self._look_at_version()
            except StoreError as error:
                assert self.trouble is not None, "whoever recovers is in trouble"
                self.trouble = Trouble(error, self.trouble.since)
                continue
            self.committer.begin(self._journal(head))
            self.trouble = None
            if not self.paused:
                self.obeys.resume()
            return

    def _look_at_version(self) -> None:
        """A load whose end nobody knew may have been kept: what is in force, the store says."""
        version = last_version(self.world.store)
        if version.hash != self.version.hash:
            self.version = version
            self.moved(version)

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
        self.readings.forget()
        self.paused = False
        try:
            if version is not None and self.trouble is None:
                self.committer.begin(self._journal(self.committer.durable_head))
        except StoreError as error:
            self.committer.give_up(error)
        if self.trouble is None:
            self.obeys.resume()

    async def close(self) -> None:
        """Finish what is under way and stop. The store stays open: whoever opened it closes it."""
        await self.flushed()
        self.closed = True
        self.obeys.stop()
        if self._recovery is not None:
            self._recovery.cancel()
        self.readings.close()
        self.committer.close()


def last_version(store: Store) -> Version:
    """The version in force, as the store has it."""
    return restaged(store.versions()[-1].body)
