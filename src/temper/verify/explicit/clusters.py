"""Clusters: which instances of a system can have a say in what others do next, as it stands and whatever they do.

An instance acts by what it knows: it sends to references that it holds, or may come to hold, and to nothing else.
So who can ever reach whom is what a fixpoint over the references of one system says, where each instance passes on
all that it knows to everyone it may send to. Instances are bits of a number, so that sets of them are numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from temper.machine import (
    AGAIN,
    IGNORE,
    NEW,
    Address,
    Args,
    FrozenMap,
    MapType,
    Message,
    OptionType,
    RefType,
    Refusal,
    Request,
    SetType,
    Spawning,
    System,
    TransitionTable,
    Type,
    Universe,
    Value,
    relation,
)
from temper.verify.explicit.prospects import Prospect, Prospects, referred

IDLE = Prospect()
"""The prospect of an id that stays `new` for ever."""


class Ties(NamedTuple):
    """Of each instance of one system, by its number, a set of others."""

    influences: list[int]
    """On whom it can have an influence before they take a step, whoever helps."""
    needs: list[int]
    """Whose steps can have an influence on it already now, by what is pending."""
    knows: list[int]
    """To whom it may ever refer."""
    refers: list[int]
    """To whom its data refers now."""


class Clusters:
    """The ties between the instances of one table in one universe."""

    def __init__(self, table: TransitionTable, universe: Universe) -> None:
        self.table, self.universe = table, universe
        self.prospects = Prospects(table, world=universe.world)
        self.templates = relation(table, universe).landing.templates
        worlds = {entity.name for entity in table.entities if entity.world}
        listed = [Address(name, ident) for name, ids in universe.ids for ident in ids]
        self.addresses = [address for address in listed if universe.world or address.entity not in worlds]
        self.numbers = {address: number for number, address in enumerate(self.addresses)}
        self.everyone = {
            entity.name: sum(1 << n for n, address in enumerate(self.addresses) if address.entity == entity.name)
            for entity in table.entities
        }
        self.outside = sum(self.everyone[name] for name in worlds)
        self._fields = {
            entity.name: [(i, f.type) for i, f in enumerate(entity.fields) if [*referred(f.type)]]
            for entity in table.entities
        }
        self._initial = {entity.name: tuple(field.initial for field in entity.fields) for entity in table.entities}
        self._params = {
            (entity.name, action.name): [(p.name, p.type) for p in action.params if [*referred(p.type)]]
            for entity in table.entities
            for action in entity.actions
        }
        self._effect_params = {
            effect.name: [(p.name, p.type) for p in effect.params if [*referred(p.type)]] for effect in table.effects
        }
        self._told = {effect.name: self._all_of(self.prospects.told_by(effect.name)) for effect in table.effects}
        self._tied = lru_cache(maxsize=4_096)(self._spread)

    def ties(self, system: System) -> Ties:
        """Who is tied to whom in this system."""
        count = len(self.addresses)
        knows, asks, needs, touching = [0] * count, [0] * count, [0] * count, 0
        prospects, refers = self._standing(system)
        for number, bits in enumerate(refers):
            knows[number] = bits
        for mail in system.mail:
            self._mail(mail, prospects, knows, asks, needs)
        for effect in system.effects:
            owner = self.numbers[effect.owner]
            knows[owner] |= self._held(effect.args, self._effect_params[effect.effect]) | self._told[effect.effect]
            if effect.effect in self.prospects.performing:
                touching |= 1 << owner
        for late in system.late:
            touching |= 1 << self.numbers[late.owner]
        self._take_ids(system, prospects, needs)
        self._perform(touching, prospects, needs)
        unused = self._unused(system)
        influences, known = self._tied(tuple(prospects), tuple(knows), tuple(asks), unused)
        return Ties(influences, needs, known, refers)

    def prospect(self, system: System, address: Address) -> Prospect:
        """What the instance can still do."""
        cell = system.cell(address)
        return self.prospects.of[address.entity, NEW if cell is None else cell.control]

    def is_fresh(self, system: System, address: Address) -> bool:
        """Whether the instance was not made, nor about to be, and nobody could name it."""
        is_made = system.cell(address) is not None or address in system.burnt
        is_waiting = any(isinstance(mail, Spawning) and mail.child == address for mail in system.mail)
        return address.entity in self.prospects.nameless and not is_made and not is_waiting

    def closed(self, ties: Ties, seed: int, *, isolated: bool) -> int:
        """The smallest set with the seed on whose steps nobody outside has any influence.

        If `isolated`, nobody outside can ever refer to its members either, nor do they refer to anybody outside.
        """
        found, unseen = seed, seed
        while unseen:
            number = unseen.bit_length() - 1
            bit = 1 << number
            more = ties.needs[number] | (ties.refers[number] if isolated else 0)
            for other in range(len(self.addresses)):
                if ties.influences[other] & bit or (isolated and ties.knows[other] & bit):
                    more |= 1 << other
            unseen = (unseen ^ bit) | (more & ~found)
            found |= more
        return found

    # How things stand.

    def _standing(self, system: System) -> tuple[list[Prospect], list[int]]:
        """What each instance can still do, and whom its data refers to."""
        view = system.view
        waiting = {mail.child for mail in system.mail if isinstance(mail, Spawning)}
        prospects, refers = [], []
        for address in self.addresses:
            cell = view.get(address)
            if cell is not None:
                prospects.append(self.prospects.of[address.entity, cell.control])
            elif address in system.burnt or (address.entity in self.prospects.nameless and address not in waiting):
                prospects.append(IDLE)
            else:
                prospects.append(self.prospects.of[address.entity, NEW])
            data = self._initial[address.entity] if cell is None else cell.data
            refers.append(_union([self._united(data[i], type_) for i, type_ in self._fields[address.entity]]))
        return prospects, refers

    def _mail(
        self,
        mail: Message | Spawning | Refusal,
        prospects: list[Prospect],
        knows: list[int],
        asks: list[int],
        needs: list[int],
    ) -> None:
        """What is pending tells its receiver, may come back to its owner, and may be asked again by it."""
        sent = mail.of if isinstance(mail, Refusal) else mail
        owner = self.numbers[sent.owner]
        address = sent.receiver if isinstance(sent, Message) else sent.child
        receiver = self.numbers[address]
        held = self._held(sent.args, self._params[address.entity, sent.action])
        knows[receiver] |= held
        template = self.templates[sent.site]
        assert not isinstance(template, Request), "only messages and spawns are mail"
        if template.refused != (IGNORE,):
            knows[owner] |= held | 1 << receiver
        if AGAIN in template.refused:
            asks[owner] |= 1 << receiver
        if not isinstance(mail, Refusal) and (template.refused != (IGNORE,) or prospects[owner].moving):
            needs[owner] |= 1 << receiver

    def _take_ids(self, system: System, prospects: list[Prospect], needs: list[int]) -> None:
        """Who is about to take an id that others could take or name must wait for all of them."""
        unused = self._unused(system)
        for number, prospect in enumerate(prospects):
            for entity in prospect.spawns_now - self.prospects.nameless:
                needs[number] |= unused & self.everyone[entity]
                needs[number] |= sum(1 << n for n, other in enumerate(prospects) if entity in other.spawns)

    def _perform(self, touching: int, prospects: list[Prospect], needs: list[int]) -> None:
        """Whoever is about to act on the world, and the world itself, must wait for all who ever may."""
        involved = touching | self.outside | sum(1 << n for n, prospect in enumerate(prospects) if prospect.performs)
        for number in range(len(needs)) if self.outside else ():
            if (touching | self.outside) >> number & 1:
                needs[number] |= involved

    def _unused(self, system: System) -> int:
        """The ids that can be taken by somebody who could also name them."""
        taken = {cell.address for cell in system.cells} | {*system.burnt}
        taken |= {mail.child for mail in system.mail if isinstance(mail, Spawning)}
        return sum(
            1 << number
            for number, address in enumerate(self.addresses)
            if address not in taken and address.entity not in self.prospects.nameless
        )

    # What follows.

    def _spread(
        self, prospects: tuple[Prospect, ...], held: tuple[int, ...], asks: tuple[int, ...], unused: int
    ) -> tuple[list[int], list[int]]:
        """Everybody tells everything to all whom they may send to or make, until nothing is new."""
        knows = [bits | self._all_of(prospects[number].given) for number, bits in enumerate(held)]
        makes = [unused & self._all_of(prospect.spawns) for prospect in prospects]
        mails = [self._all_of(prospect.sends) | self._makers(prospect, prospects) for prospect in prospects]
        is_new = True
        while is_new:
            is_new = False
            for number, made in enumerate(makes):
                reaches = (knows[number] & mails[number]) | asks[number] | made
                knows[number] |= made
                for other in _bits(reaches):
                    if (knows[number] | 1 << number) & ~knows[other]:
                        knows[other] |= knows[number] | 1 << number
                        is_new = True
        influences = [
            ((knows[number] & mails[number]) | asks[number] | made) & ~(1 << number)
            for number, made in enumerate(makes)
        ]
        return influences, knows

    def _makers(self, sender: Prospect, prospects: tuple[Prospect, ...]) -> int:
        """Who may make what it may send to, where what is made has no number of its own yet."""
        children = sender.sends & self.prospects.nameless
        return sum(1 << number for number, prospect in enumerate(prospects) if prospect.spawns & children)

    def _all_of(self, entities: Iterator[str] | frozenset[str]) -> int:
        return _union(self.everyone[entity] for entity in entities)

    def _held(self, args: Args, types: list[tuple[str, Type]]) -> int:
        if not types:
            return 0
        given = dict(args)
        return _union(self._united(given[name], type_) for name, type_ in types if name in given)

    def _united(self, value: Value, type_: Type) -> int:
        return _union(1 << self.numbers[address] for address in _named(value, type_) if address in self.numbers)


def _named(value: Value, type_: Type) -> Iterator[Address]:
    """The instances to which a value refers."""
    match type_:
        case RefType(entity) if isinstance(value, str):
            yield Address(entity, value)
        case OptionType(of) if value is not None:
            yield from _named(value, of)
        case SetType(of) if isinstance(value, frozenset):
            yield from (address for member in value for address in _named(member, of))
        case MapType(key, of) if isinstance(value, FrozenMap):
            for at, held in value.items():
                yield from _named(at, key)
                yield from _named(held, of)
        case _:
            return


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found


def _bits(mask: int) -> Iterator[int]:
    while mask:
        yield mask.bit_length() - 1
        mask &= ~(1 << (mask.bit_length() - 1))
