"""The state of a fold as a value: all that a reconciler needs to go on without the entries that led there."""

import msgspec

from porter.model.assignment import Assignment, PoolState
from porter.model.objects import Value
from porter.reconciler.world import World


class Snapshot(Value, frozen=True, kw_only=True):
    """Everything observed, and what was decided last: while a start is not complete, that does not follow from it."""

    state: bytes
    """The world as JSON. Facts only; indexes are built anew."""
    assignments: tuple[Assignment, ...] = ()
    pools: tuple[PoolState, ...] = ()

    def world(self) -> World:
        """Return a world of its own, as it was when the snapshot was taken."""
        return msgspec.json.decode(self.state, type=World)

    def is_same_state(self, other: "Snapshot") -> bool:
        """Tell whether the same follows from the two, whatever entries come.

        What was decided follows from what was observed, once that is complete; only the words of why may be older.
        """
        world = self.world()
        if world != other.world():
            return False
        return world.complete or (self.assignments, self.pools) == (other.assignments, other.pools)
