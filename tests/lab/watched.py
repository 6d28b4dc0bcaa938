"""A while of a cluster's life, watched from both sides: the traffic of a client meanwhile, and the logs of all nodes after.

What may not be is found here: an answer that is missing, an owner that changes, two nodes that announce one address, or
none. It is excused where an agent was ended on purpose, for what it had then, and for as long as a takeover takes.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from porter.events.entries import NamespaceObserved, Recorded, Relisted, ServiceObserved
from porter.events.sources import open_source
from porter.lab import Lab, furniture
from porter.lab.probing import Prober
from porter.lab.stage import AGENT_PORT
from porter.replay.lanes import Lanes, Window
from porter.replay.merging import Merged
from tests.lab import labs

PATIENCE = 3.0
"""Seconds after all is well again in which what the old one had may still move: all others are to hear of it."""
LONGEST_LOST = 3.0  # seconds without an answer meanwhile: none, as clients go on to send where they sent before
LONGEST_NOBODY = (
    15.0  # seconds until a node announces again: a Lease runs out after four, an agent starts in two on a calm machine
)
LONGEST_SEVERAL = 3.0  # seconds: an agent that comes back announces what it had until it has listed the cluster


class Away(NamedTuple):
    """One agent of a node was ended, and another started: from when to when (wall clock), and what the node had."""

    node: str
    had: frozenset[str]
    begin: float
    end: float

    def is_about(self, begin: float, end: float) -> bool:
        """Tell whether it may be why something happened meanwhile."""
        return begin < self.end + PATIENCE and end > self.begin


@dataclass(kw_only=True)
class Watch:
    """What was seen, and what excuses it."""

    probers: Mapping[str, Prober]
    """By the address that each asks."""
    begin: float
    aways: list[Away] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    """What the logs tell together of two nodes that announce an address, or of nobody; there when all is over."""

    @contextmanager
    def away(self, node: str) -> Iterator[None]:
        """Excuse what the block does to a node's agent: end it, start another, and wait until all is well again."""
        owners = {address: prober.report.owners for address, prober in self.probers.items()}
        had = frozenset(address for address, some in owners.items() if some and some[-1][1] == node)
        begin = time.time()
        yield
        self.aways.append(Away(node, had, begin, time.time()))

    def oddities(self) -> list[str]:
        """All that happened and may not, a sentence each."""
        return [*self._of_traffic(), *self._of_logs()]

    def _of_traffic(self) -> Iterator[str]:
        for address, prober in self.probers.items():
            report = prober.report
            for gap in report.gaps:
                length, end = gap.length, time.time() if gap.end is None else gap.end
                if length is None or length > LONGEST_LOST or not self._is_excused(address, gap.begin, end):
                    yield f"{address}: {gap.lost} attempts lost from {gap.begin - self.begin:.1f} s on, for {length} s"
            for (_, before), (at, after) in pairwise(report.owners):
                if not self._is_excused(address, at, at):
                    yield f"{address}: {after} answers after {at - self.begin:.1f} s, and no longer {before}"

    def _of_logs(self) -> Iterator[str]:
        longest = {"several": LONGEST_SEVERAL, "nobody": LONGEST_NOBODY}
        for one in self.windows:
            if one.what == "nobody" and one.address not in self.probers:
                continue  # a new one: it is given to a Service a moment before its node announces it
            begin, end = one.at.timestamp(), _end(one)
            if end - begin > longest[one.what] or not self._is_excused(one.address, begin, end, one.nodes):
                nodes = " and ".join(one.nodes) or "nobody"
                yield f"{one.address}: {nodes} from {begin - self.begin:.1f} s on, for {one.seconds} s, by the logs"

    def _is_excused(self, address: str, begin: float, end: float, nodes: Sequence[str] = ()) -> bool:
        """Tell whether an agent was away that had the address, or may have had it: it is new, and one of `nodes`'."""
        return any(
            away.is_about(begin, end) and (address in away.had or (address not in self.probers and away.node in nodes))
            for away in self.aways
        )


@contextmanager
def watched(lab: Lab, addresses: Iterable[str], *, stepping: str = "") -> Iterator[Watch]:
    """Watch a lab while the block runs.

    `stepping` is the node whose clock steps meanwhile: times are told by that of another.
    """
    note(lab)  # so each log tells that its agent lived until now
    with ExitStack() as stack:
        probers = {one: stack.enter_context(lab.traffic(one, interval=0.05)) for one in addresses}
        watch = Watch(probers=probers, begin=time.time())
        time.sleep(0.5)
        yield watch
        note(lab)  # and that it has heard all that happened
        time.sleep(1.5)
    nodes = sorted((node.name for node in lab.topology.nodes), key=lambda name: (name == stepping, name))
    watch.windows = [one for one in merged(lab, nodes) if _end(one) > watch.begin]


def merged(lab: Lab, nodes: Sequence[str]) -> list[Window]:
    """What the logs of all nodes tell together, as `porter replay --merge` does, by the clock of the first."""
    with ExitStack() as stack:
        logs = [str(lab.stage.event_log(node)) for node in nodes]
        sources = [stack.enter_context(open_source(log)) for log in logs]
        found = Merged([(log, source.read) for log, source in zip(logs, sources, strict=True)])
        return list(Lanes().windows(found.sightings()))


def shown(lab: Lab) -> dict[str, set[str]]:
    """Each Service's addresses, all that any agent ever saw the API show."""
    found: dict[str, set[str]] = {}
    for node in lab.topology.nodes:
        for record in _entries(lab.stage.event_log(node.name)):
            match record.entry:
                case ServiceObserved(service=one):
                    found.setdefault(one.key, set()).update(one.addresses)
                case Relisted(services=some):
                    for one in some:
                        found.setdefault(one.key, set()).update(one.addresses)
                case _:
                    pass
    return found


def note(lab: Lab, count: int = 1) -> None:
    """Have every agent log the same: it tells that they hear, and of several how far their clocks are apart."""
    paths = [lab.stage.event_log(node.name) for node in lab.topology.nodes]
    before = [_last(path) for path in paths]
    names = {f"note-{uuid4().hex[:12]}" for _ in range(count)}
    for name in sorted(names):
        lab.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def noted(path: Path, after: int) -> set[str]:
        found = set()
        for record in _entries(path, after):
            match record.entry:
                case NamespaceObserved(namespace=one):
                    found.add(one.name)
                case Relisted(namespaces=some):
                    found |= {one.name for one in some}
                case _:
                    pass
        return found

    def all_noted() -> bool:
        return all(names <= noted(path, after) for path, after in zip(paths, before, strict=True))

    labs.until("a note in every log", all_noted, within=60.0)


def ready(lab: Lab, node: str) -> None:
    """Wait until a node's agent is ready: it has listed the cluster, and hears of what changes."""
    netns = lab.namespace(node)
    labs.until(f"a ready agent of {node}", lambda: not furniture.problems_of_agent(netns, AGENT_PORT), within=60.0)


def _entries(path: Path, after: int = 0) -> list[Recorded]:
    with open_source(str(path)) as source:
        return list(source.read(after))


def _last(path: Path) -> int:
    with open_source(str(path)) as source:
        return source.last_seq


def _end(window: Window) -> float:
    return float("inf") if window.until is None else window.until.timestamp()
