"""docs/api-server.md says what the code does: its numbers are those of the code."""

import re
from pathlib import Path

from porter.agent.settings import Settings
from porter.cluster import adapter, errors, notes, pace, watch
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
    publish, watches = PublishTimings(), WatchTimings()

    assert number(r"At most (\d+) writes are under way") == publish.at_once
    assert number(r"at most ([\d,]+) are sent in a second") == publish.per_second
    assert number(r"after a burst\s+of (\d+)") == publish.burst
    assert number(r"has waited for (\d+) seconds is dropped") == publish.event_wait
    assert number(r"the oldest of more than ([\d,]+)") == notes._MOST
    assert number(r"written again after (\d+) seconds") == publish.undone_wait
    assert number(r"up to (\d+) minutes, and told") * 60 == publish.undone_longest
    assert number(r"an Eip \| (\d+) a second at most") == 1 / publish.eip_every
    assert number(r"pages of (\d+)") == watches.page
    assert number(r"(\d+) seconds without a line") == watches.silence
    assert number(r"longer, up to (\d+)\s") == watches.longest_wait


def test_what_the_server_asks_for_and_what_is_told_in_words_is_as_the_code_has_it() -> None:
    told = " ".join(PAGE.split())

    assert number(r"after (\d+) seconds it is asked again, whatever it said") == errors._LONGEST_WAIT
    assert number(r"as long as the server asks for, up to (\d+) seconds") == 1.5 * errors._LONGEST_WAIT
    assert ("for a second where it refuses one object alone" in told, pace._LONGEST_FOR_ONE) == (True, 1)
    assert ("an agent that stops sends Events for another second" in told, adapter._LAST_WORDS) == (True, 1)
    assert ("is older than three times that silence" in told, watch._STALE) == (True, 3)
