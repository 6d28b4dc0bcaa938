"""The lanes of the page: one for each address, one for each Service while it waits for an address."""

from collections.abc import Sequence

from porter.replay.page.picture import FREE, NOBODY, WAITING, Lane, Texts
from porter.replay.story import Change

_Turn = tuple[int, int]  # the change, and the owner from then on


class Lanes:
    """Lanes in the order in which they came up, each with its turns in the order of the changes."""

    def __init__(self, texts: Texts) -> None:
        self.all: list[Lane] = []
        self._texts = texts
        self._places: dict[tuple[str, str], int] = {}
        self._turns: list[list[_Turn]] = []
        self._holders: list[dict[str, int]] = []
        """By lane, of each Service that has the address the owner that was decided for it."""

    def of_address(self, address: str) -> int:
        """Return the lane of an address."""
        return self._lane("address", address, Lane(address, None))

    def is_known(self, address: str) -> bool:
        """Tell whether anything was told of an address."""
        lane = self._places.get(("address", address))
        return lane is not None and bool(self._turns[lane])

    def begin(self, address: str, service: str, change: int, node: str | None) -> None:
        """Let a Service have an address from the beginning of the log."""
        owner = NOBODY if node is None else self._texts.place(node)
        self._held(self.of_address(address), change, service, owner)

    def turns_of(self, lane: int) -> Sequence[_Turn]:
        """Return from when on the lane looks otherwise."""
        return self._turns[lane]

    def lanes_of(self, service: str) -> list[int]:
        """Return the lanes of the addresses that a Service has now."""
        return [lane for lane, holders in enumerate(self._holders) if service in holders and self.all[lane].address]

    def turn(self, place: int, change: Change) -> None:
        """Let the lanes follow a change; `place` is its number."""
        if change.previous_address is not None and change.previous_address != change.address:
            self._left(self.of_address(change.previous_address), place, change.service)
        if change.address is not None:
            owner = NOBODY if change.to is None else self._texts.place(change.to)
            self._held(self.of_address(change.address), place, change.service, owner)
        waiting = (change.service, change.family)
        if change.address is None and change.what == "waiting":
            self._held(self._lane(*waiting, Lane(None, change.service)), place, change.service, WAITING)
        elif waiting in self._places:
            self._left(self._places[waiting], place, change.service)

    def _lane(self, kind: str, name: str, lane: Lane) -> int:
        found = self._places.setdefault((kind, name), len(self.all))
        if found == len(self.all):
            self.all.append(lane)
            self._turns.append([])
            self._holders.append({})
        return found

    def _held(self, lane: int, change: int, service: str, owner: int) -> None:
        self._holders[lane][service] = owner
        self._turns[lane].append((change, owner))

    def _left(self, lane: int, change: int, service: str) -> None:
        holders = self._holders[lane]
        if holders.pop(service, None) is not None:
            self._turns[lane].append((change, next(iter(holders.values()), FREE)))
