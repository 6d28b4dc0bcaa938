"""What the page marks beside the story: failures, conflicts, strangers, and what explains many changes at once."""

from datetime import UTC, datetime

from porter.events import entries as e
from porter.events.entries import Recorded
from porter.events.sentences import sentence
from porter.model.objects import Agent
from porter.replay.lanes import Window
from porter.replay.page.lanes import Lanes
from porter.replay.page.picture import EVERYWHERE, MarkName, Marks, SpanName, Spans, Texts, microseconds

_SERVICE = "Service "


class Marking:
    """Sees every entry of a log, and notes the few that matter."""

    def __init__(self, texts: Texts, lanes: Lanes) -> None:
        self.begin = datetime.fromtimestamp(0, UTC)
        self.marks = Marks()
        self.spans = Spans()
        self._texts = texts
        self._lanes = lanes
        self._announced: dict[str, tuple[int, str]] = {}
        self._quarantined: dict[tuple[str, str], tuple[int, str]] = {}
        """By the node that hears a stranger and the address, since when and which."""
        self._ready: dict[str, bool] = {}

    def see(self, record: Recorded) -> None:  # noqa: C901, PLR0912 - one flat case an entry type
        """Note the entry if it is one that the page marks."""
        match record.entry:
            case e.EndpointsObserved() | e.ServiceObserved() | e.AssignmentDecided():
                return  # by far the most
            case e.AnnouncementFailed(address=address):
                self._mark(record, "failed", self._lanes.of_address(address))
            case e.AddressClaimed(address=address, peer=peer):
                kind: MarkName = "stranger" if peer is None else "conflict"
                self._mark(record, kind, self._lanes.of_address(address))
            case e.PublishFailed(what=what):
                lanes = self._lanes.lanes_of(what.removeprefix(_SERVICE)) if what.startswith(_SERVICE) else []
                for lane in lanes or [EVERYWHERE]:
                    self._mark(record, "failed", lane)
            case e.PluginFailed():
                self._mark(record, "plugin", EVERYWHERE)
            case e.AgentStarted():
                self._withdrawn_all(record)
                self._mark(record, "started", EVERYWHERE)
            case e.AgentStopped():
                self._mark(record, "stopped", EVERYWHERE)
            case e.LeaderObserved():
                self._mark(record, "leader", EVERYWHERE)
            case e.AgentSilent() | e.AgentGone():
                self._mark(record, "silent", EVERYWHERE)
            case e.AgentHeard():
                self._mark(record, "heard", EVERYWHERE)
            case e.NodeObserved(node=node) if self._ready.get(node.name, True) != node.ready:
                self._ready[node.name] = node.ready
                self._mark(record, "node", EVERYWHERE)
            case e.NodeGone():
                self._mark(record, "node", EVERYWHERE)
            case e.Announced(address=address):
                self._announced.setdefault(address, (self._time(record), sentence(record.entry)))
            case e.Withdrawn(address=address):
                self._withdrawn(address, self._time(record))
            case e.AgentObserved(agent=agent):
                self._rivals_of(agent, self._time(record))
            case e.Relisted(agents=agents):
                for agent in agents:
                    self._rivals_of(agent, self._time(record))
            case _:
                return

    def add_window(self, window: Window, end: int) -> None:
        """Note that several nodes announced an address, or none, until `end`."""
        begin = max(0, microseconds(window.at - self.begin))
        if window.what == "nobody":
            words = f"no node announced it{f': {window.reason}' if window.reason else ''}"
        else:
            words = f"{' and '.join(window.nodes)} announced it at the same time"
            self._note("conflict", self._lanes.of_address(window.address), begin, 0, words)
        self._span(window.what, window.address, begin, end, words)

    def finish(self, end: int) -> None:
        """End what lasts at the end of the log."""
        for address in list(self._announced):
            self._withdrawn(address, end)
        for key in list(self._quarantined):
            self._released(key, end)

    def _mark(self, record: Recorded, kind: MarkName, lane: int) -> None:
        self._note(kind, lane, self._time(record), record.seq, sentence(record.entry))

    def _note(self, kind: MarkName, lane: int, time: int, seq: int, words: str) -> None:
        self.marks.lane.append(lane)
        self.marks.t.append(time)
        self.marks.seq.append(seq)
        self.marks.kind.append(kind)
        self.marks.text.append(self._texts.place(words))

    def _rivals_of(self, agent: Agent, now: int) -> None:
        heard = {(agent.node, rival.address): rival.mac for rival in agent.rivals}
        for key in [key for key in self._quarantined if key[0] == agent.node and key not in heard]:
            self._released(key, now)
        for key, mac in heard.items():
            self._quarantined.setdefault(key, (now, mac))

    def _released(self, key: tuple[str, str], now: int) -> None:
        since, mac = self._quarantined.pop(key)
        node, address = key
        words = f"quarantine: another host ({mac}) answers for it, as {node} hears"
        self._span("quarantine", address, since, now, words)

    def _withdrawn(self, address: str, now: int) -> None:
        if address in self._announced:
            since, words = self._announced.pop(address)
            self._span("announced", address, since, now, words)

    def _withdrawn_all(self, record: Recorded) -> None:
        """A new start of the agent: what the one before announced, nobody does."""
        for address in list(self._announced):
            self._withdrawn(address, self._time(record))

    def _span(self, kind: SpanName, address: str, since: int, until: int, words: str) -> None:
        self.spans.lane.append(self._lanes.of_address(address))
        self.spans.t.append(since)
        self.spans.end.append(max(since, until))
        self.spans.kind.append(kind)
        self.spans.text.append(self._texts.place(words))

    def _time(self, record: Recorded) -> int:
        return max(0, microseconds(record.at - self.begin))
