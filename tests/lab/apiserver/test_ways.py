"""How watchers are pushed to: which ways are the same, what goes along one, and what does not."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from porter.lab.apiserver.streaming import Chunked
from porter.lab.apiserver.trouble import MutedWay, Troubles
from porter.lab.apiserver.ways import Alone


class Noting:
    """A way that takes nothing for the third connection, and notes what is sent to all others."""

    def __init__(self) -> None:
        self.sent: list[tuple[list[int], bytes]] = []

    def push(self, numbers: Collection[int], data: bytes) -> Collection[int]:
        self.sent.append(([number for number in numbers if number != 3], data))
        return [number for number in numbers if number == 3]


def test_nothing_goes_along_a_way_while_the_server_is_silent() -> None:
    troubles, noting = Troubles(), Noting()
    way = MutedWay(Chunked(noting), troubles)

    assert list(way.push([1, 2, 3], b"before")) == [3]
    troubles.put(b'{"silent":true}')
    assert list(way.push([1, 2, 3], b"in silence")) == [1, 2, 3]
    troubles.put(b"{}")
    assert list(way.push([1], b"after")) == []
    assert noting.sent == [([1, 2], b"6\r\nbefore\r\n"), ([1], b"5\r\nafter\r\n")]


def test_the_same_connections_in_the_same_manner_are_the_same_way() -> None:
    troubles, one, other = Troubles(), Noting(), Noting()

    assert len({MutedWay(Chunked(one), troubles), MutedWay(Chunked(one), troubles)}) == 1
    assert len({Chunked(one), one, Chunked(other), MutedWay(one, troubles), MutedWay(one, Troubles())}) == 5


@pytest.mark.parametrize("takes", [True, False])
def test_a_connection_alone_is_a_way_of_its_own(*, takes: bool) -> None:
    def send(_: bytes) -> bool:
        return takes

    assert list(Alone(send).push([0], b"x")) == ([] if takes else [0])
    assert Alone(send) != Alone(send)
