"""What is supposed to have been otherwise: a file of edits to a log's observations, read into values.

One JSON object a line; empty lines and lines that begin with `#` are passed over.

    {"drop": 1234}                                              entry 1234 was never observed
    {"change": 1234, "set": {"ready": false}}                   entry 1234 said something else
    {"at": "2026-11-21T10:02", "lose": "node1"}                 its agent falls silent; "until" says until when
    {"at": "2026-11-21T10:02", "edit": "eip/pool-a", "set": {"address": "192.168.0.91-192.168.0.95"}}
    {"after": 1234, "add": "service.gone", "entry": {"service": "default/web"}}

`set` exchanges fields of the object as the log has it (docs/event-log.md). Where `at` is a moment, `after` is an entry.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias, get_args

import msgspec

from porter.errors import PorterError
from porter.events.codec import KINDS
from porter.events.entries import Observed
from porter.model.names import NodeName
from porter.replay.moments import Moment, MomentError, parse_moment

EDITABLE: Final = ("eip", "node", "service", "endpoints", "namespace", "agent")
_OBSERVED: Final = frozenset(get_args(Observed))


class EditError(PorterError):
    """A line that is no edit. The message names it."""


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """An observation was not made."""

    where: str
    """The file and the line."""
    text: str
    seq: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An observation said something else."""

    where: str
    """The file and the line."""
    text: str
    seq: int
    fields: Mapping[str, Any]


class Lose(msgspec.Struct, frozen=True, kw_only=True):
    """A node's agent is silent from one moment on, to the end of the log or until another moment."""

    where: str
    """The file and the line."""
    text: str
    when: Moment
    node: NodeName
    until: Moment | None


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """An object is edited."""

    where: str
    """The file and the line."""
    text: str
    when: Moment
    kind: str
    name: str
    fields: Mapping[str, Any]


class Add(msgspec.Struct, frozen=True, kw_only=True):
    """Something more was observed."""

    where: str
    """The file and the line."""
    text: str
    when: Moment
    entry: Observed


Supposition: TypeAlias = Drop | Change | Lose | Edit | Add


def parse_edits(lines: Iterable[str], *, name: str, now: datetime) -> tuple[Supposition, ...]:
    """Read a file of edits. `-15m` counts from `now`. Raises EditError that names the file and the line at fault."""
    found: list[Supposition] = []
    named: dict[int, int] = {}
    for number, line in enumerate(lines, start=1):
        text, where = line.strip(), f"{name}, line {number}"
        if not text or text.startswith("#"):
            continue
        try:
            one = _parsed(text, where, now)
        except (ValueError, MomentError) as error:
            raise EditError(f"{where}: {error}") from None
        if isinstance(one, Drop | Change) and named.setdefault(one.seq, number) != number:
            raise EditError(f"{where}: line {named[one.seq]} says already what became of entry {one.seq}")
        found.append(one)
    if not found:
        raise EditError(f"{name} supposes nothing: write one edit a line, see 'porter replay --help'")
    return tuple(found)


def _parsed(text: str, where: str, now: datetime) -> Supposition:
    try:
        line = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(line, dict):
        raise ValueError("an edit is a JSON object")  # noqa: TRY004 - the user's error, not a type of ours
    fields = _Fields(line, now)
    verb = fields.verb()
    match verb:
        case "drop":
            found: Supposition = Drop(where=where, text=text, seq=fields.seq("drop"))
        case "change":
            found = Change(where=where, text=text, seq=fields.seq("change"), fields=fields.fields())
        case "lose":
            when, until = fields.when(), fields.until()
            if when.at is not None and until is not None and until.at is not None and until.at <= when.at:
                raise ValueError("'until' is not after 'at'")
            found = Lose(where=where, text=text, when=when, node=NodeName(fields.text("lose")), until=until)
        case "edit":
            kind, _, name = fields.text("edit").partition("/")
            if kind not in EDITABLE or not name:
                raise ValueError(f"'edit' names KIND/NAME, where KIND is {', '.join(EDITABLE)}")
            found = Edit(where=where, text=text, when=fields.when(), kind=kind, name=name, fields=fields.fields())
        case _:
            found = Add(where=where, text=text, when=fields.when(), entry=fields.entry())
    fields.finish()
    return found


class _Fields:
    """The fields of one line, each taken once: what is left over at the end is a slip of the pen."""

    _VERBS = ("drop", "change", "lose", "edit", "add")

    def __init__(self, line: dict[str, Any], now: datetime) -> None:
        self._line = dict(line)
        self._now = now

    def verb(self) -> str:
        verbs = [verb for verb in self._VERBS if verb in self._line]
        if len(verbs) != 1:
            raise ValueError(f"an edit has exactly one of {', '.join(self._VERBS)}")
        return verbs[0]

    def seq(self, name: str) -> int:
        number = self._line.pop(name)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ValueError(f"'{name}' is the number of an entry, not {number!r}")
        return number

    def text(self, name: str) -> str:
        found = self._line.pop(name)
        if not isinstance(found, str) or not found:
            raise ValueError(f"'{name}' is a text, not {found!r}")
        return found

    def fields(self) -> Mapping[str, Any]:
        found = self._line.pop("set", None)
        if not isinstance(found, dict) or not found:
            raise ValueError("'set' is an object with the fields to exchange")
        return found

    def when(self) -> Moment:
        if ("at" in self._line) == ("after" in self._line):
            raise ValueError("say when: 'at' a moment, or 'after' an entry")
        if "after" in self._line:
            return Moment(seq=self.seq("after"))
        return parse_moment(self.text("at"), self._now)

    def until(self) -> Moment | None:
        return parse_moment(self.text("until"), self._now) if "until" in self._line else None

    def entry(self) -> Observed:
        kind = self.text("add")
        known = KINDS.get(kind)
        if known is None or known[0] not in _OBSERVED:
            observed = ", ".join(sorted(name for name, (cls, _) in KINDS.items() if cls in _OBSERVED))
            raise ValueError(f"{kind!r} is nothing that is observed; there is {observed}")
        body = self._line.pop("entry", None)
        if not isinstance(body, dict):
            raise ValueError("'entry' is the entry's body, an object")  # noqa: TRY004 - the user's error
        try:
            found: Observed = msgspec.convert(body, known[0], strict=True)  # type: ignore[assignment]  # was looked up
        except msgspec.ValidationError as error:
            raise ValueError(f"'entry' is no {kind}: {error}") from None
        unknown = sorted(body.keys() - set(known[0].__struct_fields__))
        if unknown:
            raise ValueError(f"a {kind} has no field {unknown[0]!r}")
        return found

    def finish(self) -> None:
        if self._line:
            raise ValueError(f"{min(self._line)!r} has no meaning here")
