"""What the page is given is the story that `porter replay` tells, with what went wrong beside it."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from porter.events import entries as e
from porter.events.entries import Recorded
from porter.events.log import EventLog
from porter.events.retention import Retention
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import packed
from porter.replay.compacting import compact_log
from porter.replay.page.gathering import gather
from porter.replay.page.picture import EVERYWHERE, FREE, NOBODY, WAITING, Picture, steps
from porter.replay.reading import beginning, installed_rules
from porter.replay.refold import Refold
from porter.replay.story import About
from porter.replay.telling import tell
from tests.logs import recorded
from tests.replay.page.lives import BEGIN, eventful
from tests.worlds import Thing, agent, eip, endpoints, nic, node, observed, ports, relisted, service


def owners(picture: Picture, lane: int) -> list[str]:
    """Return who had a lane, one after the other."""
    said = {NOBODY: "nobody", FREE: "free", WAITING: "waiting"}
    return [
        said.get(owner) or picture.texts[owner]
        for place, owner in zip(picture.turns.lane, picture.turns.owner, strict=True)
        if place == lane
    ]


def lane_of(picture: Picture, name: str) -> int:
    return [lane.address or lane.service for lane in picture.lanes].index(name)


def test_the_changes_are_those_of_the_story(picture: Picture) -> None:
    story = tell(eventful(), Refold(installed_rules()))
    changes, text = picture.changes, [*picture.texts, None]  # -1 is the last

    assert len(changes.t) == len(story.timeline) > 50
    for place, change in enumerate(story.timeline):
        assert (changes.seq[place], changes.what[place]) == (change.seq, change.what)
        assert text[changes.service[place]] == change.service
        assert text[changes.address[place]] == change.address
        assert (text[changes.from_[place]], text[changes.to[place]]) == (change.from_, change.to)
        assert text[changes.reason[place]] == change.reason
        assert picture.causes.seq[changes.cause[place]] == change.cause.seq
        assert changes.decided[place] == round(change.decided_after * 1e6)
        deeds = changes.deeds[place] or ()
        assert isinstance(deeds, tuple)
        assert [(what, seq) for what, seq, _ in deeds] == [(deed.what, deed.seq) for deed in change.applied]
    assert picture.differences == 0


def test_lanes_are_in_the_order_of_addresses_and_waiting_services_come_last(picture: Picture) -> None:
    names = [lane.address for lane in picture.lanes]

    assert names[:3] == ["192.168.0.91", "192.168.0.92", "192.168.0.93"]
    assert [lane.service for lane in picture.lanes if lane.address is None] == [
        "default/docs",
        "default/feed",
        "default/logs",
    ]


def test_a_lane_tells_who_had_the_address(picture: Picture) -> None:
    had = owners(picture, lane_of(picture, "192.168.0.95"))

    assert had[0] == "nobody"
    assert len(set(had)) > 2
    assert had[-1].startswith("node")
    assert owners(picture, lane_of(picture, "default/docs")) == ["waiting"]
    assert owners(picture, lane_of(picture, "default/feed")) == ["waiting", "free"]


def test_turns_of_a_lane_lie_together_and_in_time(picture: Picture) -> None:
    turns = list(zip(picture.turns.lane, picture.turns.change, strict=True))

    assert all(one < other for one, other in pairwise(turns))


def test_what_went_wrong_is_marked_where_it_was(picture: Picture) -> None:
    marks = picture.marks
    found = {
        (picture.lanes[lane].address if lane != EVERYWHERE else None, kind)
        for lane, kind in zip(marks.lane, marks.kind, strict=True)
    }

    git = next(
        picture.texts[address]
        for address, name in zip(picture.changes.address, picture.changes.service, strict=True)
        if picture.texts[name] == "default/git"
    )
    assert found >= {
        ("192.168.0.91", "failed"),
        ("192.168.0.92", "stranger"),
        ("192.168.0.94", "conflict"),
        (git, "failed"),
        (None, "plugin"),
        (None, "started"),
        (None, "stopped"),
        (None, "leader"),
        (None, "silent"),
        (None, "heard"),
        (None, "node"),
    }


def test_quarantine_and_announcements_last_from_when_to_when(picture: Picture) -> None:
    spans = picture.spans
    found = [
        (picture.lanes[lane].address, begin, end, picture.texts[text])
        for lane, begin, end, kind, text in zip(spans.lane, spans.t, spans.end, spans.kind, spans.text, strict=True)
        if kind == "quarantine"
    ]

    ((address, begin, end, words),) = found
    assert address == "192.168.0.99"
    assert 490e6 < end - begin < 510e6
    assert words == "quarantine: another host (de:ad:be:ef:00:07) answers for it, as node3 hears"
    announced = [kind for kind in spans.kind if kind == "announced"]
    assert len(announced) == sum(isinstance(record.entry, e.Announced) for record in eventful())
    assert all(0 <= one <= other <= picture.length for one, other in zip(spans.t, spans.end, strict=True))


def test_a_lane_stays_with_who_still_shares_the_address() -> None:
    both = [
        service(f"default/{name}", ports=ports(port), wanted_address="192.168.0.91")
        for name, port in (("a", 80), ("b", 81))
    ]
    things: list[Thing] = [
        node("node1", "192.168.0.11"),
        agent("node1", nic("eth0", "192.168.0.11/24")),
        eip("edge", "192.168.0.91", interface="eth0"),
        *both,
        *[endpoints(one.key, "node1") for one in both],
    ]
    entries = [*map(observed, things), *relisted(), e.ServiceGone(service=both[0].key)]

    found = gather("x", recorded(entries, installed_rules()), Refold(installed_rules()), About())

    assert owners(found, lane_of(found, "192.168.0.91"))[-1] == "node1"


def test_only_what_was_asked_for_has_a_lane() -> None:
    found = gather("x", eventful(), Refold(installed_rules()), About(service="default/web"))

    assert {lane.address for lane in found.lanes} == {"192.168.0.92"}
    assert set(found.marks.lane) == {0, EVERYWHERE}


def test_a_clock_that_went_back_is_taken_to_have_stood_still() -> None:
    assert steps([5, 9, 3, 10]) == [5, 4, 0, 1]


@pytest.mark.parametrize("records", [[], eventful()[:1]], ids=["none", "one"])
def test_a_log_without_a_story_makes_a_page_too(records: list[Recorded]) -> None:
    found = gather("x", records, Refold(installed_rules()), About())

    assert (found.entries, found.lanes) == (len(records), [])


def test_what_stood_when_a_compacted_log_begins_has_a_lane_from_the_beginning(tmp_path: Path) -> None:
    records = eventful()
    middle = next(record.seq for record in records if isinstance(record.entry, e.AgentHeard)) - 1
    reconciler = Reconciler(installed_rules())
    whole = gather("x", records, Refold(installed_rules()), About())
    with EventLog.open(str(tmp_path / "porter.db"), stream="node1", migrate=True) as log:
        log.append(records)
        reconciler.fold_all(log.read(until=middle))
        log.store_snapshot(packed(reconciler.snapshot(), seq=middle, at=BEGIN))
        now = BEGIN + timedelta(minutes=30)
        compact_log(log, installed_rules(), Retention(age=timedelta(0), story_age=timedelta(0)), now)
        state, after = beginning(log, installed_rules())
        cut = gather("x", log.read(), Refold(installed_rules(), reconciler=state, after=after), About())
        assert cut.entries == log.head.entries < whole.entries

    assert [lane for lane in cut.lanes if lane.address] == [lane for lane in whole.lanes if lane.address]
    for name in ("192.168.0.92", "192.168.0.95"):
        had = [owner for owner in owners(whole, lane_of(whole, name)) if owner != "nobody"]
        left = owners(cut, lane_of(cut, name))
        assert len(left) > 0
        assert [owner for owner in left if owner != "nobody"] == had[-len([o for o in left if o != "nobody"]) :]
        first = cut.turns.change[cut.turns.lane.index(lane_of(cut, name))]
        assert cut.changes.t[first] == 0
        assert cut.texts[cut.changes.reason[first]] == "it stood so when this log begins"
