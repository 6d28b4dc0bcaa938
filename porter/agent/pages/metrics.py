"""The agent's metrics. Each is read from where the fact lives when somebody asks; none is kept beside it."""

from collections.abc import Callable, Iterator, Mapping

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent measures of itself, at one moment."""

    entries: Mapping[str, int]
    """Entries since the start, by word: observed, decided, applied."""
    entries_waiting: int
    problems: int
    addresses: int
    waiting_services: int
    unannounced: int
    announced: int
    failing: int
    leader: bool
    plugin_failures: Mapping[str, str]
    plugin_counts: Mapping[str, Mapping[str, int]]
    """What plugins count, by protocol and name."""
    watch_ages: Mapping[str, float]


class _Agent(Collector):
    def __init__(self, read: Callable[[], Readings]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        now = self._read()
        entries = CounterMetricFamily("porter_entries", "Entries of the event log since the start.", labels=["word"])
        for word, count in sorted(now.entries.items()):
            entries.add_metric([word], count)
        yield entries
        for name, text, value in (
            ("porter_entries_waiting", "Entries that are not on disk yet.", now.entries_waiting),
            ("porter_problems", "What keeps the agent from being ready: the lines of /readyz.", now.problems),
            ("porter_addresses", "Addresses that Services have.", now.addresses),
            ("porter_services_waiting", "Services that wait for an address.", now.waiting_services),
            ("porter_addresses_without_node", "Addresses that no node announces.", now.unannounced),
            ("porter_addresses_announced", "Addresses that this node must answer for.", now.announced),
            ("porter_addresses_failing", "Those of them that it cannot answer for.", now.failing),
            ("porter_leader", "1 on the agent that publishes.", int(now.leader)),
            ("porter_plugins_failing", "Protocol plugins that failed last.", len(now.plugin_failures)),
        ):
            yield GaugeMetricFamily(name, text, value=value)
        counts = CounterMetricFamily(
            "porter_frames",
            "Frames that a protocol answered, sent unasked, or dropped for the reason that is named.",
            labels=["protocol", "outcome"],
        )
        for protocol, outcomes in sorted(now.plugin_counts.items()):
            for outcome, count in sorted(outcomes.items()):
                counts.add_metric([protocol, outcome], count)
        yield counts
        ages = GaugeMetricFamily(
            "porter_watch_age_seconds",
            "Seconds since the last event, bookmark or list of the kind: what is known of it is that old.",
            labels=["resource"],
        )
        for resource, age in sorted(now.watch_ages.items()):
            ages.add_metric([resource], age)
        yield ages


def exposition(read: Callable[[], Readings]) -> Callable[[], bytes]:
    """Return a function that renders the metrics as they are when it is called, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Agent(read))
    return lambda: generate_latest(registry)
