"""The case to explain: a world, what was decided about it, and the log's history where the world is a real one."""

from functools import cached_property

from porter.model.addresses import Address, in_order
from porter.model.assignment import Assignment
from porter.model.objects import Service
from porter.reconciler.decide import Decisions, Rules
from porter.reconciler.explaining.history import History
from porter.reconciler.fold import Reconciler
from porter.reconciler.pools import Pools
from porter.reconciler.reserved import Reserved
from porter.reconciler.terms import age_of
from porter.reconciler.wishes import families_of
from porter.reconciler.world import World


class Case:
    """Read only. What is derived is derived once, when it is first asked for."""

    def __init__(self, world: World, decisions: Decisions, rules: Rules, history: History | None = None) -> None:
        self.world = world
        self.decisions = decisions
        self.rules = rules
        self.history = history
        """None when the case is only supposed: then nothing was done yet."""

    @classmethod
    def of(cls, reconciler: Reconciler, history: History | None = None) -> "Case":
        """Return the case of a reconciler as it stands. It must not fold on while the case is used."""
        return cls(reconciler.world, reconciler.decisions, reconciler.rules, history or History())

    @cached_property
    def pools(self) -> Pools:
        """The Eips as pools."""
        return Pools(self.world, self.rules.protocols)

    @cached_property
    def reserved(self) -> Reserved:
        """What is never handed out."""
        return Reserved(self.world)

    @cached_property
    def held(self) -> dict[Address, list[Assignment]]:
        """Every address that somebody has, in order, with the assignments of all who share it, the oldest first."""
        found: dict[Address, list[Assignment]] = {}
        for assignment in self.decisions.assignments.values():
            address = assignment.ip
            if address is not None:
                found.setdefault(address, []).append(assignment)
        services = self.world.services
        return {
            address: sorted(found[address], key=lambda one: age_of(services[one.service]))
            for address in sorted(found, key=in_order)
        }

    def holders(self, address: Address) -> list[Service]:
        """Return the Services that have an address, the oldest first."""
        return [self.world.services[one.service] for one in self.held.get(address, ())]

    def assignments_of(self, service: Service) -> dict[str, Assignment]:
        """Return a Service's assignments by family, in its own order of families."""
        found = ((family, self.decisions.assignments.get((service.key, family))) for family in families_of(service))
        return {family: one for family, one in found if one is not None}

    def protocol_of(self, assignment: Assignment) -> str:
        """Return the protocol that announces an assignment's address."""
        return assignment.protocol or self.rules.fallback_protocol
