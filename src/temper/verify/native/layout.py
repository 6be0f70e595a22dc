"""Where everything of a system lies in its words. Equality of words is equality of systems.

Absent instances are all zeros: a field is stored so that its initial value is 0, which is what reading an instance
that does not exist gives. Pending requests stand lane by lane in their order, pending mail by place (owner, site,
receiver), the largest first, so that a multiset has one form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from temper.machine import (
    NEW,
    STR,
    Action,
    Address,
    Effect,
    Entity,
    Expression,
    Field,
    FrozenMap,
    MapType,
    Op,
    Request,
    Send,
    Site,
    Spawn,
    Target,
    Template,
    TransitionTable,
    Type,
    Universe,
    Value,
    relation,
    templates,
)
from temper.verify.explicit.sliced import value_of
from temper.verify.native.domain import Domains
from temper.verify.native.packing import Nothing, Packing, Table, packing, packing_of
from temper.verify.native.unsupported import Unsupported
from temper.verify.native.zones import ZONE_BITS, Zones
from temper.verify.slicing import FIELD, PARAM, REQUEST, Place

TOLD_BITS_MAX = 4
"""How many bits of the world one effect may tell."""
WORDS_MAX = 16
"""How many words a state may take."""


Sites = list[tuple[Entity, Action, int, int, Template]]


@dataclass(frozen=True, slots=True)
class Bits:
    """A piece of one word."""

    word: int
    offset: int
    width: int

    def of(self, words: tuple[int, ...]) -> int:
        return words[self.word] >> self.offset & ((1 << self.width) - 1)

    def within(self, bits: int) -> int:
        """The word that holds these bits and nothing else."""
        assert 0 <= bits < 1 << self.width, "a piece holds what fits"
        return bits << self.offset


@dataclass(frozen=True, slots=True)
class FieldPlace:
    """A field, or one entry of a field that is a map. `start` is what its initial value is packed as."""

    bits: Bits
    packing: Packing
    start: int


@dataclass(frozen=True, slots=True)
class Arguments:
    """How the arguments that a delivery carries are packed, the first lowest."""

    names: tuple[str, ...]
    types: tuple[Type, ...]
    packings: tuple[Packing, ...]

    @property
    def width(self) -> int:
        return sum(packing.width for packing in self.packings)

    def encode(self, args: tuple[tuple[str, Value], ...]) -> int:
        assert tuple(name for name, _ in args) == self.names, "a site always passes the same"
        bits = offset = 0
        for (_, value), packed in zip(args, self.packings, strict=True):
            bits |= packed.encode(value) << offset
            offset += packed.width
        return bits

    def decode(self, bits: int) -> tuple[tuple[str, Value], ...]:
        found = []
        for name, packed in zip(self.names, self.packings, strict=True):
            found.append((name, packed.decode(bits & ((1 << packed.width) - 1))))
            bits >>= packed.width
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Told:
    """A field of an outcome that tells of the world, as it was at a perform."""

    outcome: str
    name: str
    expression: Expression
    packing: Packing


@dataclass(frozen=True, slots=True)
class LaneSite:
    """A place in the table that asks an effect, with the number by which the lane knows it, from 1."""

    site: Site
    template: Request
    number: int
    args: Arguments


@dataclass(frozen=True, slots=True)
class Lane:
    """The pending requests of one owner on one effect: the first in the first slot.

    From its lowest bits, a slot holds the number of the site, what was told at its performs, its rank, and the
    arguments. What can be told is numbered, with one bit for each; an effect that tells nothing has one for having
    happened.
    A late request is 1, its rank, and the arguments; the largest stands first. Ranks are kept where the effect is
    fenced, and only then is the lane's order read.
    """

    owner: Address
    effect: Effect
    sites: tuple[LaneSite, ...]
    slots: tuple[Bits, ...]
    number_width: int
    performing: bool = False
    told: tuple[Told, ...] = ()
    rank_width: int = 0
    late: tuple[Bits, ...] = ()
    at: int = 0
    """Where, behind the words, what becomes late in a step is kept until the step is closed."""

    @property
    def performed_at(self) -> int:
        return self.number_width

    @property
    def rank_at(self) -> int:
        return self.number_width + self.performed_width

    @property
    def performed_width(self) -> int:
        return 1 << sum(each.packing.width for each in self.told) if self.performing else 0

    @property
    def args_at(self) -> int:
        return self.rank_at + self.rank_width

    @property
    def late_args_at(self) -> int:
        return 1 + self.rank_width

    @property
    def late_width(self) -> int:
        return self.late_args_at + self.sites[0].args.width

    @property
    def leaving_max(self) -> int:
        """How many requests may become late in one step: the one that is settled, and those that are replaced."""
        replacing = Counter((s.site.action, s.site.case) for s in self.sites if s.template.replaces)
        return 1 + len(self.slots) * max(replacing.values(), default=0)


@dataclass(frozen=True, slots=True)
class MailPlace:
    """What one site of one owner has on its way to one receiver: bit 0 of a slot is 1, bit 1 tells a refusal."""

    owner: Address
    site: Site
    template: Send | Spawn
    receiver: Address
    slots: tuple[Bits, ...]
    args: Arguments
    tells_reason: bool
    """Whether a refusal carries why."""
    reason: Packing


@dataclass(frozen=True, slots=True)
class InstancePlace:
    """One instance: the number of its control state, its fields, its timers."""

    entity: Entity
    address: Address
    controls: tuple[str, ...]
    """By number. What may not exist is `new` at 0."""
    control: Bits
    fields: tuple[tuple[FieldPlace, ...], ...]
    timers: tuple[Bits, ...]
    burnt: Bits | None
    zone: Bits | None
    """Where two timers can be armed at once."""


class Layout:
    """The places of one table in one universe."""

    def __init__(
        self, table: TransitionTable, universe: Universe, domains: Domains, unread: frozenset[Place] = frozenset()
    ) -> None:
        self.table, self.universe, self.domains = table, universe, domains
        self.unread = unread
        """What takes no room, since nothing reads it."""
        self.extra = 0
        """How many words a step needs besides, until it is closed."""
        self._used = [1]
        """Bits taken of each word. The lowest of the first is always 1: no state is all zeros."""
        self._texts = packing(domains, STR)
        self.spawned = {t.entity for *_, t in templates(table) if isinstance(t, Spawn)}
        zoned = relation(table, universe).landing.zoned
        self.zones = {
            entity.name: Zones(entity, at) for at, entity in enumerate(table.entities) if entity.name in zoned
        }
        entities = [entity for entity in table.entities if universe.world or not entity.world]
        sites = list(templates(table))
        placed = [
            self._placed(entity, Address(entity.name, ident), sites)
            for entity in sorted(entities, key=lambda e: e.name)
            for ident in universe.ids_of(entity.name)
        ]
        self.instances = tuple(instance for instance, _, _ in placed)
        self.by_address = {place.address: place for place in self.instances}
        self.lanes = tuple(lane for _, lanes, _ in placed for lane in lanes)
        self.mail = tuple(posted for _, _, mail in placed for posted in mail)
        self.by_mail = {(place.owner, place.site, place.receiver): place for place in self.mail}
        self.by_lane = {(lane.owner, lane.effect.name): lane for lane in self.lanes}
        self.words = len(self._used)

    @property
    def scratch(self) -> int:
        """How many words it takes to bring a lane into its form."""
        return max((len(lane.slots) + len(lane.late) + lane.leaving_max for lane in self.lanes), default=0)

    # Taking room.

    def _take(self, width: int) -> Bits:
        """Room in the first word that has it."""
        assert width <= 64, "a piece fits in one word"
        for word, used in enumerate(self._used):
            if used + width <= 64:
                self._used[word] += width
                return Bits(word, used, width)
        if len(self._used) == WORDS_MAX:
            raise Unsupported(f"a state of more than {WORDS_MAX} words")
        self._used.append(width)
        return Bits(len(self._used) - 1, 0, width)

    def _placed(
        self, entity: Entity, address: Address, sites: Sites
    ) -> tuple[InstancePlace, tuple[Lane, ...], tuple[MailPlace, ...]]:
        """An instance with what it has asked and sent, side by side: what changes together lies together."""
        place = self._instance(entity, address)
        return place, tuple(self._lanes(place, sites)), tuple(self._mail(place, sites))

    def _instance(self, entity: Entity, address: Address) -> InstancePlace:
        controls = entity.states if entity.single else (NEW, *entity.states)
        return InstancePlace(
            entity,
            address,
            controls,
            self._take((len(controls) - 1).bit_length()),
            tuple(self._field(entity, field) for field in entity.fields),
            tuple(self._take(1) for _ in entity.timers),
            self._take(1) if entity.name in self.spawned else None,
            self._take(ZONE_BITS) if entity.name in self.zones else None,
        )

    def _field(self, entity: Entity, field: Field) -> tuple[FieldPlace, ...]:
        type_, initial = field.type, field.initial
        if Place(FIELD, entity.name, field.name) in self.unread:
            return self._no_field(field)
        if isinstance(type_, MapType):
            return tuple(self._entries(type_, initial))
        packed = packing(self.domains, type_)
        return (FieldPlace(self._take(packed.width), packed, packed.encode(initial)),)

    def _no_field(self, field: Field) -> tuple[FieldPlace, ...]:
        if isinstance(field.type, MapType):
            found = map_packing(self.domains, field.type)
            item = Nothing(self.domains, field.type.value, found.start)
            return tuple(FieldPlace(self._take(0), item, 0) for _ in found.keys)
        value = field.initial if field.initial is not None else value_of(self.universe, field.type)
        return (FieldPlace(self._take(0), Nothing(self.domains, field.type, value), 0),)

    def _entries(self, type_: MapType, initial: Value) -> Iterator[FieldPlace]:
        """A map as a place for each key, so that it may take more than a word."""
        found = map_packing(self.domains, type_)
        assert isinstance(initial, FrozenMap), "a map starts as one"
        for key in found.keys:
            value = initial.get(self.domains.value(type_.key, key), found.start)
            yield FieldPlace(self._take(found.item.width), found.item, found.item.encode(value))

    def _lanes(self, place: InstancePlace, sites: Sites) -> Iterator[Lane]:
        entity = place.entity
        for effect in self.table.effects:
            asking = [
                (Site(entity.name, action.name, case, position), template)
                for owner, action, case, position, template in sites
                if owner is entity and isinstance(template, Request) and template.effect == effect.name
            ]
            if asking:
                yield self._lane(place.address, effect, asking)

    def _lane(self, owner: Address, effect: Effect, asking: list[tuple[Site, Request]]) -> Lane:
        width = len(asking).bit_length()
        sites = tuple(
            LaneSite(site, template, number, self.arguments(template))
            for number, (site, template) in enumerate(asking, 1)
        )
        count = len(sites) * self.universe.in_flight
        performing = self.universe.world and effect.performs is not None
        if performing and len({site.args.names for site in sites}) > 1:
            raise Unsupported(f"requests of {effect.name} that pass different parameters")
        ranks = (2 * count + self.universe.late + 1).bit_length() if performing and effect.fenced else 0
        told = tuple(self._told(effect)) if performing else ()
        if sum(each.packing.width for each in told) > TOLD_BITS_MAX:
            raise Unsupported(f"{effect.name}, which tells of the world in too many ways")
        lane = Lane(owner, effect, sites, (), width, performing, told, ranks)
        most = lane.args_at + max(site.args.width for site in sites)
        if most > 64:
            raise Unsupported(f"a request of {effect.name} of {most} bits")
        lane = replace(lane, slots=tuple(self._take(most) for _ in range(count)))
        if not performing:
            return lane
        late = tuple(self._take(lane.late_width) for _ in range(self.universe.late))
        at, self.extra = self.extra, self.extra + 1 + lane.leaving_max
        return replace(lane, late=late, at=at)

    def _told(self, effect: Effect) -> Iterator[Told]:
        for outcome in effect.outcomes:
            types = {field.name: field.type for field in outcome.fields}
            for name, expression in outcome.told:
                yield Told(outcome.name, name, expression, packing(self.domains, types[name]))

    def _mail(self, place: InstancePlace, sites: Sites) -> Iterator[MailPlace]:
        for entity, action, case, position, template in sites:
            if entity is place.entity and isinstance(template, Send | Spawn):
                site = Site(entity.name, action.name, case, position)
                for ident in self._receivers(place.address, template):
                    yield self._mail_place(place.address, site, template, Address(template.entity, ident))

    def _receivers(self, owner: Address, template: Send | Spawn) -> tuple[str, ...]:
        ids = self.universe.ids_of(template.entity)
        if isinstance(template, Spawn):
            return ids
        return tuple(ident for ident in ids if _may_be(template.to, owner, ident))

    def _mail_place(self, owner: Address, site: Site, template: Send | Spawn, receiver: Address) -> MailPlace:
        args = self.arguments(template)
        tells = reads(self.table, owner.entity, template.refused, "reason")
        width = 2 + args.width + (self._texts.width if tells else 0)
        if width > 64:
            raise Unsupported(f"a message {template.action} of {width} bits")
        count = 1 if isinstance(template, Spawn) else self.universe.in_flight
        slots = tuple(self._take(width) for _ in range(count))
        return MailPlace(owner, site, template, receiver, slots, args, tells, self._texts)

    def arguments(self, template: Template) -> Arguments:
        """The packing of what a site passes on."""
        if isinstance(template, Request):
            kind, of, params = REQUEST, template.effect, self.table.effect(template.effect).params
        else:
            kind, of = PARAM, f"{template.entity}.{template.action}"
            params = self.table.entity(template.entity).action(template.action).params
        found = {name for name, _ in template.args}
        passed = [param for param in params if param.name in found]
        return Arguments(
            tuple(param.name for param in passed),
            tuple(param.type for param in passed),
            tuple(self._argument(Place(kind, of, param.name), param.type) for param in passed),
        )

    def _argument(self, place: Place, type_: Type) -> Packing:
        if place in self.unread:
            return Nothing(self.domains, type_, value_of(self.universe, type_))
        return packing(self.domains, type_)


def map_packing(domains: Domains, type_: MapType) -> Table:
    """How a map is packed, whether it fits into one word or not."""
    found = packing_of(domains, type_)
    assert isinstance(found, Table), "a map is packed as a table"
    return found


def reads(table: TransitionTable, entity: str, target: Target, name: str) -> bool:
    """Whether some action of the target has a parameter of that name."""
    actions = {action.name: action for action in table.entity(entity).actions}
    return any(part in actions and name in {p.name for p in actions[part].params} for part in target)


def _may_be(to: Expression, owner: Address, ident: str) -> bool:
    """Whether a message can go to that instance: one to `self` goes nowhere else."""
    if to.op is Op.SELF:
        return ident == owner.id
    return to.op is not Op.LITERAL or to.value == ident or isinstance(to.value, frozenset)
