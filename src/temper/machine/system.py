"""A system: every cell, everything pending, everything late, as one value that is equal exactly when it means the same.

Time is left out of it (semantics.md lets no expression read it, so nothing is lost): clocks, stamps and times that
were stored are 0, an armed timer's due is `ARMED`, and `zones` hold what matters of the order of dues. Counters are
left out as well: of a `seq` only the order within a lane is read, and that is the order of `effects`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from temper.machine.cell import Address, Args, Cell, Delivery, Effecting, Message, Refusal, Spawning
from temper.machine.zone import Zone

ARMED = -1
"""The due of an armed timer in a system. A step at time 0 arms timers at 0 or later, so that it shows which are new."""

Mail: TypeAlias = Message | Spawning | Refusal
Lane: TypeAlias = tuple[Address, str]
"""The requests of one owner on one effect."""


class Late(NamedTuple):
    """A request that awaits no outcome any more and may still reach the world. `seq` is its rank, where fenced."""

    owner: Address
    effect: str
    args: Args
    seq: int = 0


class System(NamedTuple):
    """One state of the relation. Every part is sorted, so that equality of values is equality of meaning."""

    cells: tuple[Cell, ...]
    """Every instance that exists, by entity and id; world entities too, where the universe has a world."""
    effects: tuple[Effecting, ...] = ()
    """Pending requests, lane by lane, the first of a lane first."""
    mail: tuple[Mail, ...] = ()
    """Pending messages, spawns and refusals."""
    late: tuple[Late, ...] = ()
    zones: tuple[tuple[Address, Zone], ...] = ()
    """For cells of which two timers can be armed at once."""
    burnt: tuple[Address, ...] = ()
    """Ids whose constructor was rejected: they stay `new` for ever."""

    @property
    def pending(self) -> tuple[Delivery, ...]:
        return (*self.effects, *self.mail)

    @property
    def view(self) -> Mapping[Address, Cell]:
        """The cells by their address, as properties read them."""
        return {Address(cell.entity, cell.id): cell for cell in self.cells}

    def cell(self, address: Address) -> Cell | None:
        for cell in self.cells:
            if cell[1] == address[1] and cell[0] == address[0]:
                return cell
        return None

    def zone(self, address: Address) -> Zone | None:
        return next((zone for of, zone in self.zones if of == address), None)


def canonical(system: System) -> System:
    """The same system with every part in its one order."""
    return System(
        cells=tuple(sorted(system.cells, key=_address)),
        effects=sorted_effects(system.effects),
        mail=sorted_mail(system.mail),
        late=sorted_late(system.late),
        zones=tuple(sorted(system.zones)),
        burnt=tuple(sorted(system.burnt)),
    )


def with_cell(cells: tuple[Cell, ...], cell: Cell) -> tuple[Cell, ...]:
    """The cells with this one in its place, old or new."""
    if len(cells) == 1 and cells[0][1] == cell[1] and cells[0][0] == cell[0]:
        return (cell,)
    for index, other in enumerate(cells):
        if other[1] == cell[1] and other[0] == cell[0]:
            return (*cells[:index], cell, *cells[index + 1 :])
    return tuple(sorted((*cells, cell), key=_address))


def with_zone(
    zones: tuple[tuple[Address, Zone], ...], address: Address, zone: Zone | None
) -> tuple[tuple[Address, Zone], ...]:
    """The zones with this one for the address, or without one."""
    others = [entry for entry in zones if entry[0] != address]
    return tuple(sorted(others if zone is None else [*others, (address, zone)]))


def lane_of(effect: Effecting | Late) -> Lane:
    """Whose request it is, on which effect."""
    return effect.owner, effect.effect


def sorted_effects(effects: tuple[Effecting, ...] | list[Effecting]) -> tuple[Effecting, ...]:
    """Lane by lane; within a lane as they came."""
    return tuple(sorted(effects, key=lane_of)) if len(effects) > 1 else tuple(effects)


def sorted_mail(mail: tuple[Mail, ...] | list[Mail]) -> tuple[Mail, ...]:
    """A multiset: equal mail stands side by side."""
    return tuple(sorted(mail, key=_mail_key)) if len(mail) > 1 else tuple(mail)


def sorted_late(late: tuple[Late, ...] | list[Late]) -> tuple[Late, ...]:
    """Lane by lane, by rank where fenced."""
    return tuple(sorted(late, key=_late_key)) if len(late) > 1 else tuple(late)


def _address(cell: Cell) -> tuple[str, str]:
    return cell[0], cell[1]


@lru_cache(maxsize=65_536)
def _mail_key(mail: Mail) -> tuple[Any, ...]:
    match mail:
        case Message(owner, site, receiver, action, args):
            return 0, owner, site, receiver, action, args_key(args), ""
        case Spawning(owner, site, child, action, args):
            return 1, owner, site, child, action, args_key(args), ""
        case Refusal(of, reason):
            return (2, *_mail_key(of)[1:6], reason, _mail_key(of)[0])


@lru_cache(maxsize=65_536)
def _late_key(late: Late) -> tuple[Any, ...]:
    return late.owner, late.effect, late.seq, args_key(late.args)


def args_key(args: Args) -> tuple[Any, ...]:
    """Something to sort arguments by, whatever their values."""
    return tuple((name, value_key(value)) for name, value in args)


def value_key(value: Any) -> tuple[Any, ...]:
    """Something to sort values by: of one type by size, of different types by kind."""
    if value is None:
        return (0,)
    if isinstance(value, int):
        return 1, int(value)
    if isinstance(value, str):
        return 2, value
    if isinstance(value, frozenset):
        return 3, tuple(sorted(map(value_key, value)))
    return 4, tuple(sorted((value_key(k), value_key(v)) for k, v in value.items()))
