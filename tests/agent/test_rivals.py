"""Who is told of on the Lease as a rival, and for how long."""

import asyncio
from collections.abc import Callable

from porter.agent.rivals import Rivals
from porter.events.entries import AddressClaimed, Announced
from porter.model.names import NodeName
from porter.model.objects import Rival

ADDRESS, MAC = "192.168.0.91", "02:00:00:00:00:99"
CLAIMED = AddressClaimed(address=ADDRESS, nic="eth0", mac=MAC, node=NodeName("node1"))


def told(*acts: Callable[[Rivals], None], wait: float = 0.0) -> tuple[tuple[Rival, ...], int]:
    """Return the rivals after this, and how often a change was told."""

    async def main() -> tuple[tuple[Rival, ...], int]:
        changes = 0

        def changed() -> None:
            nonlocal changes
            changes += 1

        rivals = Rivals(changed, linger=0.02)
        for act in acts:
            act(rivals)
        await asyncio.sleep(wait)
        found = rivals.rivals
        rivals.stop()
        return found, changes

    return asyncio.run(main())


def strange(rivals: Rivals) -> None:
    rivals.claimed(CLAIMED)


def test_a_stranger_is_told_of_once() -> None:
    assert told(strange, strange) == ((Rival(address=ADDRESS, mac=MAC),), 1)


def test_a_peer_and_who_claims_what_is_held_are_no_rivals() -> None:
    peer = AddressClaimed(address=ADDRESS, nic="eth0", mac=MAC, node=NodeName("node1"), peer=NodeName("node2"))
    held = AddressClaimed(address=ADDRESS, nic="eth0", mac=MAC, node=NodeName("node1"), held=True)

    assert told(lambda rivals: rivals.claimed(peer), lambda rivals: rivals.claimed(held)) == ((), 0)


def test_an_address_that_is_announced_after_all_has_no_rival() -> None:
    announced = Announced(address=ADDRESS, protocol="layer2", nic="eth0")

    assert told(strange, lambda rivals: rivals.applied(announced)) == ((), 2)


def test_an_address_that_nobody_asks_for_any_more_leaves_quarantine_in_a_while() -> None:
    def lost(rivals: Rivals) -> None:
        rivals.claimed(CLAIMED)
        rivals.want([])

    def wanted_again(rivals: Rivals) -> None:
        lost(rivals)
        rivals.want([ADDRESS])

    assert told(lost) == ((Rival(address=ADDRESS, mac=MAC),), 1)
    assert told(lost, wait=0.2) == ((), 2)
    assert told(wanted_again, wait=0.2) == ((Rival(address=ADDRESS, mac=MAC),), 1)
