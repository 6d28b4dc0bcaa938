"""docs/api-server.md says what the code does: its numbers are those of the code."""

import re
from pathlib import Path

from porter.agent.settings import Settings
from porter.cluster import notes
from porter.cluster.timings import PublishTimings, WatchTimings
from porter.events.entries import RESOURCES

PAGE = (Path(__file__).parents[2] / "docs" / "api-server.md").read_text()


def number(pattern: str) -> float:
    (found,) = re.findall(pattern, PAGE)
    return float(found.replace(",", ""))


def test_the_budget_is_that_of_the_default_duration() -> None:
    duration = Settings(node="node1", event_log="").lease_duration  # type: ignore[arg-type]

    assert number(r"`--lease-duration` (\d+), its default") == duration
    assert number(r"own Lease.*\| ([\d.]+) \|") == round(10 / (3 * duration), 2)
    assert number(r"leader's Lease.*\| ([\d.]+) \|") == round(15 / (4 * duration), 2)
    assert number(r"100 nodes make (\d+) small writes") == round(100 * 10 / (3 * duration))
    assert number(r"watches, six a node.*\| ([\d.]+) \|") == len(RESOURCES) / WatchTimings().server[0]


def test_the_paces_are_those_of_the_publisher_and_the_watches() -> None:
    publish, watch = PublishTimings(), WatchTimings()

    assert number(r"At most (\d+) writes are under way") == publish.at_once
    assert number(r"at most ([\d,]+) are sent in a second") == publish.per_second
    assert number(r"after a burst\s+of (\d+)") == publish.burst
    assert number(r"has waited for (\d+) seconds is dropped") == publish.event_wait
    assert number(r"the oldest of more than ([\d,]+)") == notes._MOST
    assert number(r"written again after (\d+) seconds") == publish.undone_wait
    assert number(r"up to (\d+) minutes, and told") * 60 == publish.undone_longest
    assert number(r"an Eip \| (\d+) a second at most") == 1 / publish.eip_every
    assert number(r"pages of (\d+)") == watch.page
    assert number(r"(\d+) seconds without a line") == watch.silence
    assert number(r"longer, up to (\d+)\s") == watch.longest_wait
