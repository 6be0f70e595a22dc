"""What is looked at in every new state, as native code: `look(state, number)`, after `verify.explicit.docket`."""

from __future__ import annotations

from functools import partial
from itertools import product

from temper.machine import Property, PropertyKind, RefType
from temper.verify.explicit.vacuity import variants
from temper.verify.native.algebra import Scope
from temper.verify.native.layout import InstancePlace, Layout
from temper.verify.native.meant import known, truth
from temper.verify.native.monitors import Monitor, Monitors
from temper.verify.native.pending import Pending
from temper.verify.native.row import failing
from temper.verify.native.sight import Sight, Words, get
from temper.verify.native.writer import Truth, Writer
from temper.verify.obligations import moving_states


class Looks:
    """Writes what is watched for in a state."""

    def __init__(self, layout: Layout, monitors: Monitors) -> None:
        self.layout, self.monitors = layout, monitors
        self.writer = Writer()
        self.state: Words = tuple(f"%w{at}" for at in range(layout.words))
        self.pending = Pending(self.writer, layout)

    def look(self) -> list[str]:
        """The body of the function."""
        for entity in self.layout.table.entities:
            places = [place for place in self.layout.instances if place.entity is entity]
            moving = set(moving_states(entity))
            for state in entity.states if places else ():
                name = f"{entity.name}.{state}"
                reached = Monitor("reachable", f"reachable:{name}")
                self.monitors.watch(self.writer, reached, partial(self._reached, places, state))
                if state in moving:
                    stuck = Monitor("moves", f"moves:{name}")
                    self.monitors.watch(self.writer, stuck, partial(self._stuck, places, state))
        for property_ in self.layout.table.properties:
            self._property(property_)
        return self.writer.lines

    def _reached(self, places: list[InstancePlace], state: str) -> Truth:
        return self.writer.or_(*(self._is_in(place, state) for place in places))

    def _is_in(self, place: InstancePlace, state: str) -> Truth:
        control = get(self.writer, self.state, place.control)
        return self.writer.compare("eq", control, place.controls.index(state))

    def _stuck(self, places: list[InstancePlace], state: str) -> Truth:
        return self.writer.or_(
            *(
                self.writer.and_(
                    self._is_in(place, state),
                    *(self.writer.compare("eq", get(self.writer, self.state, timer), 0) for timer in place.timers),
                    self.writer.is_not(self.pending.busy(self.state, place.address)),
                )
                for place in places
            )
        )

    def _property(self, property_: Property) -> None:
        match property_.kind:
            case PropertyKind.ALWAYS:
                self.monitors.watch(
                    self.writer, Monitor("property", property_.name), partial(self._decided, property_, fails=True)
                )
                for at, variant in enumerate(variants(property_)):
                    loose = Monitor("loose", property_.name, str(at))
                    self.monitors.watch(self.writer, loose, partial(self._decided, variant.property, fails=True))
            case PropertyKind.POSSIBLE:
                self.monitors.watch(
                    self.writer, Monitor("property", property_.name), partial(self._decided, property_, fails=False)
                )
            case PropertyKind.STEP | PropertyKind.EVENTUALLY:
                return

    def _decided(self, property_: Property, *, fails: bool) -> Truth:
        """Whether some binding decides the property here."""
        sight = Sight(self.writer, self.layout, self.state)
        ids = [self.layout.universe.ids_of(entity) for _, entity in property_.variables]
        found: list[Truth] = []
        for chosen in product(*ids):
            there: list[Truth] = []
            variables = {}
            for (name, entity), ident in zip(property_.variables, chosen, strict=True):
                there.append(sight.exists(entity, ident))
                variables[name] = known(self.layout.domains.code(RefType(entity), ident))
            scope = Scope(self.writer, self.layout.domains, view=sight, variables=variables)
            decides = failing(scope, property_.whenever, property_.body) if fails else self._holds(scope, property_)
            found.append(self.writer.and_(*there, decides))
        return self.writer.or_(*found)

    def _holds(self, scope: Scope, property_: Property) -> Truth:
        premise = True if property_.whenever is None else truth(scope.mean(property_.whenever))
        return self.writer.and_(premise, truth(scope.mean(property_.body)))
