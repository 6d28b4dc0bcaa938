from porter.cluster.membership import Membership
from porter.cluster.views import LeaseView
from porter.events.entries import AgentHeard, AgentSilent
from porter.model.names import NodeName

ME, OTHER = NodeName("me"), NodeName("other")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Room:
    """Two nodes: this one, which hears its own renewals while it is connected, and another."""

    def __init__(self, *, silent: frozenset[NodeName] = frozenset()) -> None:
        self.clock = Clock()
        self.entries: list[AgentSilent | AgentHeard] = []
        self.version = 0
        self.members = Membership(
            clock=self.clock,
            emit=self.entries.append,
            silent=silent,
            patience=10.0,
            slack=1.0,
        )

    def hear(self, node: NodeName, *, holder: str = "x", duration: float = 15.0) -> None:
        self.version += 1
        lease = LeaseView(
            name=node,
            uid="u",
            version=str(self.version),
            holder=holder,
            renewed=str(self.version),
            duration=duration,
        )
        self.members.hear(node, lease)

    def live(self, seconds: float, *, connected: bool = True, other: bool = True, holder: str = "x") -> None:
        for step in range(round(seconds)):
            self.clock.now += 1
            if connected and step % 5 == 0:
                self.members.prove_fresh()
                self.hear(ME)
                if other:
                    self.hear(OTHER, holder=holder)
            self.members.judge()


def test_an_agent_that_stops_renewing_is_silent_once_and_heard_once() -> None:
    room = Room()
    room.live(30)
    assert room.entries == []

    room.live(40, other=False)
    room.live(30)

    assert [type(entry) for entry in room.entries] == [AgentSilent, AgentHeard]
    assert room.entries[0] == AgentSilent(node=OTHER, seconds=17.0)


def test_nobody_is_judged_while_this_node_hears_nothing_and_everybody_has_a_full_window_afterwards() -> None:
    room = Room()
    room.live(30)

    room.live(3600, connected=False)
    assert room.members.frozen
    room.live(15, other=False)

    assert not room.members.frozen
    assert room.entries == []
    room.live(5, other=False)
    assert room.entries == [AgentSilent(node=OTHER, seconds=17.0, renewed=False)], (
        "nobody knows when it was renewed last"
    )


def test_a_lease_that_is_only_listed_may_be_as_old_as_it_likes() -> None:
    room = Room()
    room.hear(OTHER)

    room.live(40, other=False)

    assert room.entries == [AgentSilent(node=OTHER, seconds=17.0, renewed=False)]


def test_a_known_break_freezes_at_once() -> None:
    room = Room()
    room.live(10)

    room.members.interrupt()

    assert room.members.frozen


def test_another_clock_in_another_lease_does_not_matter() -> None:
    room = Room()
    for moment in ("1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "yesterday"):
        lease = LeaseView(name="other", uid="u", version=moment, holder="x", renewed=moment, duration=15.0)
        room.members.hear(OTHER, lease)
        room.live(10, other=False)

    assert room.entries == []


def test_an_agent_that_has_released_its_lease_is_leaving_and_not_silent() -> None:
    room = Room()
    room.live(10)
    room.hear(OTHER, holder="")
    room.live(60, other=False)

    assert room.entries == []


def test_who_was_silent_before_the_start_stays_so_until_a_renewal_is_seen() -> None:
    room = Room(silent=frozenset({OTHER}))
    room.hear(OTHER)
    room.live(60, other=False)
    assert room.entries == []

    room.hear(OTHER)

    assert room.entries == [AgentHeard(node=OTHER)]


def test_a_lease_that_is_gone_is_judged_no_more() -> None:
    room = Room()
    room.live(10)
    room.members.forget(OTHER)
    room.live(60, other=False)

    assert room.entries == []
