"""The table as proofs see it: whatever is pending, late or armed is an instance or a field like any other.

A proof says something of *any* instance. So that it can say something of any pending message as well, each site that
hands something on becomes an entity: what it has handed on and nobody has consumed are its instances. Late requests
are one, too, for each owner and effect, and so are the ids that no spawn can draw any more. Which
timers are armed, and how many deliveries of a site are pending, become fields of the instance that owns them; how many
messages of a site are on their way to an instance becomes a field of that one, where it has to move by itself.

| entity                          | its instances                               | its fields                   |
| ------------------------------- | ------------------------------------------- | ---------------------------- |
| `shift_traffic of Deploy.start` | what was asked or sent there and is pending | owner, to, args.x, performed |
| `late write of Node`            | requests that may still reach the world     | owner, args.x                |
| `taken Payment`                 | ids that exist, are about to, or never will |                              |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from temper.machine import (
    BOOL,
    IGNORE,
    Address,
    Args,
    Cell,
    Effecting,
    Entity,
    Field,
    IntType,
    Message,
    Parameter,
    RefType,
    Refusal,
    Request,
    Send,
    Site,
    Spawn,
    Spawning,
    System,
    Template,
    TransitionTable,
    Value,
    initial,
    templates,
)
from temper.verify.obligations import moving_states

PENDING, REFUSED, LATE, TAKEN = "pending", "refused", "late", "taken"
OWNER, TO, PERFORMED, PASSED = "owner", "to", "performed", "args."
MANY = IntType(0, 10**30)
"""How many deliveries may be pending: no run reaches the end of it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A site, and the entity that stands for what it has handed on."""

    site: Site
    template: Template
    name: str
    params: tuple[Parameter, ...]
    """What is passed on."""
    performs: bool

    @property
    def count(self) -> str:
        """The owner's field that counts what is pending here."""
        return f"count of {self.name}"

    @property
    def coming(self) -> str:
        """The receiver's field that counts the messages of this site that are on their way to it."""
        return f"coming {self.name}"


class Ghosts:
    """The table with its ghosts, and systems as they look in it."""

    def __init__(self, table: TransitionTable, *, world: bool) -> None:
        self.original, self.world = table, world
        self.entities = tuple(entity for entity in table.entities if world or not entity.world)
        self.places = {place.site: place for place in _places(table, self.entities, world)}
        self.late = {
            (place.site.entity, place.template.effect): f"late {place.template.effect} of {place.site.entity}"
            for place in self.places.values()
            if isinstance(place.template, Request) and place.performs
        }
        self.taken = {
            place.template.entity: taken_ids(place.template.entity)
            for place in self.places.values()
            if isinstance(place.template, Spawn)
        }
        self.table = replace(table, entities=(*map(self._haunted, self.entities), *self._hidden()))
        self.hidden = frozenset(entity.name for entity in self._hidden())

    def places_of(self, entity: str) -> list[Place]:
        """Where instances of the entity hand something on."""
        return [place for place in self.places.values() if place.site.entity == entity]

    def coming_to(self, entity: str) -> list[Place]:
        """Whose messages an instance of the entity counts while they are on their way to it.

        Only who has to move by itself does: a message that is to come is a reason to stand still.
        """
        if not any(moving_states(self.original.entity(entity))):
            return []
        places = self.places.values()
        return [each for each in places if isinstance(each.template, Send) and each.template.entity == entity]

    def lane(self, entity: str, effect: str) -> list[Place]:
        """Where instances of the entity ask the effect."""
        asked = [place for place in self.places_of(entity) if isinstance(place.template, Request)]
        return [place for place in asked if isinstance(place.template, Request) and place.template.effect == effect]

    def spawning(self, entity: str) -> list[Place]:
        """Where instances of the entity are spawned."""
        return [
            place
            for place in self.places.values()
            if isinstance(place.template, Spawn) and place.template.entity == entity
        ]

    def _haunted(self, entity: Entity) -> Entity:
        armed = [
            Field(armed_field(timer.name), BOOL, entity.single and entity.states[0] in timer.states)
            for timer in entity.timers
        ]
        counts = [Field(place.count, MANY, 0) for place in self.places_of(entity.name)]
        coming = [Field(place.coming, MANY, 0) for place in self.coming_to(entity.name)]
        return replace(entity, fields=(*entity.fields, *armed, *counts, *coming))

    def _hidden(self) -> Iterator[Entity]:
        for place in self.places.values():
            fields = [Field(OWNER, RefType(place.site.entity), None)]
            states = [PENDING]
            if not isinstance(place.template, Request):
                fields.append(Field(TO, RefType(place.template.entity), None))
                if place.template.refused != (IGNORE,):
                    states.append(REFUSED)
            elif place.performs:
                fields.append(Field(PERFORMED, BOOL, initial=False))
            yield _entity(place.name, [*fields, *map(_passed, place.params)], states)
        for (owner, effect), name in self.late.items():
            fields = [Field(OWNER, RefType(owner), None), *map(_passed, self.original.effect(effect).params)]
            yield _entity(name, fields, [LATE])
        for name in self.taken.values():
            yield _entity(name, [], [TAKEN])

    # A system of which everything is known.

    def view(self, system: System) -> dict[Address, Cell]:
        """The system's cells, with those that stand for what is pending, late and refused for ever."""
        found: dict[Address, Cell] = {}
        counts: Counter[tuple[Address, Site]] = Counter()
        coming: Counter[tuple[Address, Site]] = Counter()
        for number, pending in enumerate(system.pending):
            mail = pending.of if isinstance(pending, Refusal) else pending
            place = self.places[mail.site]
            counts[mail.owner, mail.site] += 1
            if isinstance(pending, Message):
                coming[pending.receiver, pending.site] += 1
            data: list[Value] = [mail.owner.id]
            match mail:
                case Message(receiver=receiver):
                    data.append(receiver.id)
                case Spawning(child=child):
                    data.append(child.id)
                case Effecting(performed=performed) if place.performs:
                    data.append(bool(performed))
            state = REFUSED if isinstance(pending, Refusal) else PENDING
            cell = Cell(place.name, f"{number}", state, (*data, *_given(mail.args, place.params)))
            found[cell.address] = cell
        for number, late in enumerate(system.late):
            name = self.late[late.owner.entity, late.effect]
            params = self.original.effect(late.effect).params
            found[Address(name, f"{number}")] = Cell(
                name, f"{number}", LATE, (late.owner.id, *_given(late.args, params))
            )
        spawning = [mail.child for mail in system.mail if isinstance(mail, Spawning)]
        for address in (*(cell.address for cell in system.cells), *spawning, *system.burnt):
            if address.entity in self.taken:
                ident = Address(self.taken[address.entity], address.id)
                found[ident] = Cell(*ident, TAKEN, ())
        for cell in system.cells:
            if cell.entity not in {entity.name for entity in self.entities}:
                continue
            armed = {name for name, _ in cell.timers}
            ghosts = [
                *(timer.name in armed for timer in self.original.entity(cell.entity).timers),
                *(counts[cell.address, place.site] for place in self.places_of(cell.entity)),
                *(coming[cell.address, place.site] for place in self.coming_to(cell.entity)),
            ]
            found[cell.address] = cell._replace(data=(*cell.data, *ghosts))
        return found


def taken_ids(entity: str) -> str:
    """The entity whose instances are the ids that are not to be had any more."""
    return f"taken {entity}"


def armed_field(timer: str) -> str:
    """The field that says whether the timer is armed."""
    return f"armed {timer}"


def passed_field(param: str) -> str:
    """The field that holds what is passed on as this parameter."""
    return f"{PASSED}{param}"


def _passed(param: Parameter) -> Field:
    return Field(passed_field(param.name), param.type, initial(param.type))


def _given(args: Args, params: tuple[Parameter, ...]) -> tuple[Value, ...]:
    found: Mapping[str, Value] = dict(args)
    return tuple(found[param.name] for param in params)


def _entity(name: str, fields: list[Field], states: list[str]) -> Entity:
    return Entity(name, False, False, tuple(fields), tuple(states), (), tuple(states), (), ())


def _places(table: TransitionTable, entities: tuple[Entity, ...], world: bool) -> Iterator[Place]:  # noqa: FBT001
    sites = [
        (Site(entity.name, action.name, case, position), template)
        for entity, action, case, position, template in templates(table)
        if entity in entities
    ]
    kinds = [(site.entity, site.action, _what(template)) for site, template in sites]
    for (site, template), kind in zip(sites, kinds, strict=True):
        taken = {name for name, _ in template.args}
        if isinstance(template, Request):
            effect = table.effect(template.effect)
            params, performs = effect.params, world and effect.performs is not None
        else:
            params, performs = table.entity(template.entity).action(template.action).params, False
        where = f"{site.entity}.{site.action}"
        if kinds.count(kind) > 1:
            where += f".{site.case}.{site.position}"
        passed = tuple(param for param in params if param.name in taken)
        yield Place(site, template, f"{_what(template)} of {where}", passed, performs)


def _what(template: Template) -> str:
    match template:
        case Request(effect):
            return effect
        case Send(entity=entity, action=action) | Spawn(entity=entity, action=action):
            return f"{entity}.{action}"
