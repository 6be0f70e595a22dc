"""What a case hands on, worked out: to whom, with what, and whether it stays within the universe."""

from __future__ import annotations

from dataclasses import dataclass

from temper.machine import Address, RefType, Request, Send, Site, Spawn, Template
from temper.verify.native.algebra import Scope
from temper.verify.native.layout import Arguments, InstancePlace, Layout
from temper.verify.native.meant import Meant, Members, Number
from temper.verify.native.ranges import fitted, within
from temper.verify.native.writer import Truth, Writer


@dataclass
class Passed:
    """A delivery about to be handed on, to `receiver` if `condition` holds."""

    site: Site
    template: Template
    packing: Arguments
    args: tuple[Meant, ...]
    condition: Truth = True
    receivers: tuple[tuple[Address, Truth], ...] = ()


class Handing:
    """Works out deliveries in one function."""

    def __init__(self, writer: Writer, layout: Layout) -> None:
        self.writer, self.layout = writer, layout
        self.table, self.universe, self.domains = layout.table, layout.universe, layout.domains

    def delivery(self, scope: Scope, site: Site, template: Template, child: str) -> Passed:
        """A delivery of a template; `child` is the id of what a spawn brings into being."""
        packed = self.layout.arguments(template)
        written = dict(template.args)
        args = tuple(
            fitted(type_, scope.mean(written[name])) for name, type_ in zip(packed.names, packed.types, strict=True)
        )
        match template:
            case Request():
                return Passed(site, template, packed, args)
            case Spawn():
                return Passed(site, template, packed, args, True, ((Address(template.entity, child), True),))
            case Send():
                receivers = self._receivers(template, scope.mean(template.to))
                any_ = self.writer.or_(*(condition for _, condition in receivers))
                return Passed(site, template, packed, args, any_, receivers)

    def _receivers(self, template: Send, to: Meant) -> tuple[tuple[Address, Truth], ...]:
        found: list[tuple[Address, Truth]] = []
        for ident in self.universe.ids_of(template.entity):
            code = self.domains.code(reference_to(template.entity), ident)
            if isinstance(to, Members):
                inside = to.lo <= code <= to.hi
                is_it = self.writer.as_truth(self.writer.right(to.mask, code - to.lo)) if inside else False
            else:
                assert isinstance(to, Number), "a message goes to references"
                is_it = self.writer.compare("eq", to.word, code) if to.lo <= code <= to.hi else False
            if is_it is not False:
                found.append((Address(template.entity, ident), is_it))
        return tuple(found)

    def beyond(self, passed: Passed) -> list[tuple[Truth, str]]:
        """For each argument whether it is within the universe, and what is said where it is not."""
        spot = where(passed.site)
        found = []
        for name, type_, meant in zip(passed.packing.names, passed.packing.types, passed.args, strict=True):
            fine = within(self.writer, type_, meant, self.universe.unbounded)
            if passed.condition is not True:
                fine = self.writer.or_(fine, self.writer.is_not(passed.condition))
            found.append((fine, f"{spot}: {name}"))
        return found


def reference(place: InstancePlace) -> RefType:
    """The type of references to the instance."""
    return reference_to(place.entity.name)


def reference_to(entity: str) -> RefType:
    """The type of references to instances of the entity."""
    return RefType(entity)


def where(site: Site) -> str:
    """A place in the table, as cuts name it."""
    return f"{site.entity}.{site.action}/{site.case}.{site.position}"
