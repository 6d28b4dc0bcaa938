"""Take what the page shows from a replay: the changes of the story, and what went wrong beside it."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version

from porter.events.entries import Recorded
from porter.model.addresses import Family, in_order, parse_address
from porter.model.names import ServiceKey
from porter.replay.lanes import Window
from porter.replay.page.lanes import Lanes
from porter.replay.page.marking import Marking
from porter.replay.page.picture import (
    EVERYWHERE,
    Causes,
    Changes,
    Lane,
    Marks,
    Picture,
    Spans,
    Texts,
    Turns,
    microseconds,
    steps,
)
from porter.replay.refold import Refold
from porter.replay.story import About, Cause, Change, Standing
from porter.replay.telling import Teller


def gather(
    title: str,
    records: Iterable[Recorded],
    refold: Refold,
    about: About,
    *,
    is_cut: bool = False,
    windows: Iterable[Window] = (),
) -> Picture:
    """Replay the records and return what the page shows. Its size is that of the story, not of the log.

    `windows` are those in which several nodes announced an address, or none, as the logs of several nodes tell.
    """
    gatherer = Gatherer(after=refold.after, is_compacted=refold.after > 0 and about.node is None)
    teller = Teller(refold, about, is_cut=is_cut)
    differences = 0
    for told in teller.tell(gatherer.followed(records)):
        if isinstance(told, Change):
            gatherer.add(told)
        else:
            differences += 1
    for change in teller.flush():
        gatherer.add(change)
    for standing in teller.standing():
        gatherer.stand(standing)
    for window in windows:
        gatherer.add_window(window)
    return gatherer.picture(title, refold, differences, everything=about == About())


class Gatherer:
    """The picture while it grows."""

    def __init__(self, *, after: int = 0, is_compacted: bool = False) -> None:
        """`after`: up to this entry some may have been taken out, behind it none, though not all are given here.

        `is_compacted`: what led to the first states is not in the log, and is not missing for another reason.
        """
        self._after = after
        self._is_compacted = is_compacted
        self._texts = Texts()
        self._begin: datetime | None = None
        self._first = self._left = 0
        self._end = 0
        self._changes = Changes()
        self._heads = Changes()
        """What stood when the log began; -1 is the number of the first of them, -2 of the next."""
        self._causes = Causes()
        self._cause_places: dict[int, int] = {}
        self._lanes = Lanes(self._texts)
        self._marking = Marking(self._texts, self._lanes)

    def followed(self, records: Iterable[Recorded]) -> Iterator[Recorded]:
        """Pass the records on and note what is more than a decision."""
        see = self._marking.see
        last: datetime | None = None
        for record in records:
            if self._begin is None:
                self._begin, self._first = record.at, record.seq
                self._marking.begin = record.at
            if record.seq <= self._after:
                self._left += 1
            see(record)
            yield record
            last = record.at
        if last is not None:
            self._end = self._time(last)

    def add(self, change: Change) -> None:
        """Take in one change of the story. What it changes and no change before led to stood when the log began."""
        before = change.previous_address
        if self._is_compacted and before is not None and not self._lanes.is_known(before):
            self._begin_with(change.service, change.family, before, change.eip, change.from_)
        self._write(self._changes, change)
        self._lanes.turn(len(self._changes.t) - 1, change)

    def stand(self, standing: Standing) -> None:
        """Take in what stands at the end. What no change led to stood when the log began."""
        address = standing.address
        if self._is_compacted and address is not None and not self._lanes.is_known(address):
            family: Family = "IPv6" if ":" in address else "IPv4"
            self._begin_with(standing.service, family, address, standing.eip, standing.node)

    def add_window(self, window: Window) -> None:
        """Take in what the logs of several nodes tell of an address together."""
        self._marking.add_window(window, self._end_by(window.until))

    def _end_by(self, at: datetime | None) -> int:
        return self._end if at is None else min(self._end, self._time(at))

    def _begin_with(self, service: ServiceKey, family: Family, address: str, eip: str | None, node: str | None) -> None:
        begin = self._begin or datetime.fromtimestamp(0, UTC)
        self._write(
            self._heads,
            Change(
                seq=self._first,
                at=begin,
                service=service,
                family=family,
                what="assigned",
                address=address,
                previous_address=address,
                eip=eip,
                from_=node,
                to=node,
                cause=Cause(seq=self._first, at=begin, kind="beginning", text="what led to it is not in this log"),
                reason="it stood so when this log begins",
                decided_after=0,
            ),
        )
        self._lanes.begin(address, service, -len(self._heads.t), node)

    def _write(self, found: Changes, change: Change) -> None:
        texts = self._texts
        found.t.append(self._time(change.at))
        found.seq.append(change.seq)
        found.what.append(change.what)
        found.service.append(texts.place(change.service))
        found.eip.append(texts.place(change.eip))
        found.address.append(texts.place(change.address))
        found.previous.append(texts.place(change.previous_address))
        found.from_.append(texts.place(change.from_))
        found.to.append(texts.place(change.to))
        found.reason.append(texts.place(change.reason))
        found.cause.append(self._cause(change.cause))
        found.decided.append(round(change.decided_after * 1_000_000))
        deeds = tuple((deed.what, deed.seq, round(deed.after * 1_000_000)) for deed in change.applied)
        found.deeds.append(deeds or 0)

    def picture(self, title: str, refold: Refold, differences: int, *, everything: bool) -> Picture:
        """Return the whole, lanes in order of address; unless `everything` was asked for only those of the story."""
        begin = self._begin or datetime.now(UTC)
        end = max(self._end, self._changes.t[-1] if self._changes.t else 0)
        self._marking.finish(end)
        kept = [place for place in range(len(self._lanes.all)) if everything or self._lanes.turns_of(place)]
        order = sorted(kept, key=lambda place: _order(self._lanes.all[place]))
        lane_of = {old: new for new, old in enumerate(order)} | {EVERYWHERE: EVERYWHERE}
        turns = Turns()
        for new, old in enumerate(order):
            for change, owner in self._lanes.turns_of(old):
                turns.lane.append(new)
                turns.change.append(change + len(self._heads.t) if change >= 0 else -1 - change)
                turns.owner.append(owner)
        changes = _joined(self._heads, self._changes)
        changes.t = steps(changes.t)
        return Picture(
            title=title,
            node=refold.started.node if refold.started is not None else "",
            porter=version("porter-lb"),
            begin=begin,
            length=end,
            entries=self._left + max(refold.seq - self._after, 0),
            first=self._first,
            last=refold.seq,
            differences=differences,
            texts=self._texts.all,
            lanes=[self._lanes.all[place] for place in order],
            changes=changes,
            causes=self._causes,
            turns=turns,
            marks=_marks(self._marking.marks, lane_of),
            spans=_spans(self._marking.spans, lane_of),
        )

    def _cause(self, cause: Cause) -> int:
        place = self._cause_places.get(cause.seq)
        if place is None:
            place = self._cause_places[cause.seq] = len(self._causes.seq)
            self._causes.seq.append(cause.seq)
            self._causes.t.append(self._time(cause.at))
            self._causes.kind.append(self._texts.place(cause.kind))
            self._causes.text.append(self._texts.place(cause.text))
        return place

    def _time(self, at: datetime) -> int:
        return max(0, microseconds(at - self._begin)) if self._begin is not None else 0


def _joined(heads: Changes, changes: Changes) -> Changes:
    columns = {name: [*getattr(heads, name), *getattr(changes, name)] for name in heads.__struct_fields__}
    return Changes(**columns)


def _order(lane: Lane) -> tuple[bool, tuple[int, int], str, str]:
    address = parse_address(lane.address or "")
    known = in_order(address) if address is not None else (9, 0)
    return (lane.address is None, known, lane.address or "", lane.service or "")


def _marks(found: Marks, lane_of: dict[int, int]) -> Marks:
    kept = [place for place, lane in enumerate(found.lane) if lane in lane_of]
    kept.sort(key=lambda place: found.t[place])
    return Marks(
        lane=[lane_of[found.lane[place]] for place in kept],
        t=steps(found.t[place] for place in kept),
        seq=[found.seq[place] for place in kept],
        kind=[found.kind[place] for place in kept],
        text=[found.text[place] for place in kept],
    )


def _spans(found: Spans, lane_of: dict[int, int]) -> Spans:
    kept = [place for place, lane in enumerate(found.lane) if lane in lane_of]
    return Spans(
        lane=[lane_of[found.lane[place]] for place in kept],
        t=[found.t[place] for place in kept],
        end=[found.end[place] for place in kept],
        kind=[found.kind[place] for place in kept],
        text=[found.text[place] for place in kept],
    )
