"""How the adapter and its watches fare, as values for readiness, metrics and the status page."""

from dataclasses import dataclass

from porter.events.entries import Resource


@dataclass(frozen=True, kw_only=True)
class WatchHealth:
    """How a watch fares."""

    resource: Resource
    connected: bool
    synced: bool
    """The first list of this run was taken."""
    watermark: float | None
    """When the last event or bookmark came, or the last list, by the monotonic clock: what is known is that new."""
    error: str | None
    """The last trouble in one sentence; None when all is well."""
    objects: int
    lists: int


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that is not well, with everything that suffers from the same."""

    what: tuple[str, ...]
    sentence: str

    def __str__(self) -> str:
        return f"{', '.join(self.what)}: {self.sentence}" if self.what else self.sentence


@dataclass(frozen=True, kw_only=True)
class AdapterHealth:
    """How the adapter fares. A healthy one is connected and synced everywhere and has no errors."""

    watches: tuple[WatchHealth, ...]
    leader: bool
    frozen: bool
    """Nobody's silence is judged, because this node cannot be sure that it hears."""
    troubles: tuple[Trouble, ...]
    """Everything that is not well now."""

    @property
    def errors(self) -> tuple[str, ...]:
        """A sentence for each trouble."""
        return tuple(str(one) for one in self.troubles)

    @property
    def synced(self) -> bool:
        """Every kind was listed once."""
        return all(one.synced for one in self.watches)

    @property
    def connected(self) -> bool:
        """Every kind is being watched."""
        return all(one.connected for one in self.watches)
