"""Give a log other names. First `note` every entry, then `settle`, then `redact` each: two passes over one log."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeVar

import msgspec

from porter.events.chain import GENESIS, Row, chained
from porter.events.entries import AgentStarted, PluginInfo, Recorded
from porter.events.redaction.addresses import Addresses
from porter.events.redaction.fields import Kind, replaced, texts_in
from porter.events.redaction.mark import marked
from porter.events.redaction.names import Table, other_names
from porter.events.redaction.texts import MAC, Texts, meant_in
from porter.model.addresses import parse_address
from porter.model.keys import CLAIM_VALUES
from porter.model.objects import LOAD_BALANCER_CLASS

_CAN_REACH: Final = "can_reach:"
_SHIPPED: Final = frozenset({"layer2", "bgp", "vip"})
_KEPT: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.CLASS: frozenset({LOAD_BALANCER_CLASS}),
    Kind.CLAIM: CLAIM_VALUES,
    Kind.DISTRIBUTION: frozenset({"porter-lb"}),
}
_KEYS: Final[Mapping[Kind, Kind]] = {Kind.SERVICE_KEY: Kind.SERVICE, Kind.SLICE_KEY: Kind.SLICE}
_MAC: Final = re.compile(MAC)
_Struct = TypeVar("_Struct", bound=msgspec.Struct)


class Redactor:
    """What stands for what in one log. Not for use by several threads."""

    def __init__(self) -> None:
        self._names: dict[Kind, set[str]] = {kind: set() for kind in Kind}
        self._protocols = set(_SHIPPED)
        self._addresses = Addresses()
        self._table: Table = {}
        self._texts: Texts | None = None
        self._noted: set[tuple[Kind, str]] = set()
        self._replaced: dict[tuple[Kind, str], str] = {}

    @classmethod
    def over(cls, records: Iterable[Recorded]) -> "Redactor":
        """Return the redactor of a whole log."""
        redactor = cls()
        for record in records:
            redactor.note(record.entry)
        redactor.settle()
        return redactor

    def note(self, value: msgspec.Struct) -> None:
        """Take in the names that an entry holds, or any other value of the model."""
        if isinstance(value, AgentStarted):
            self._protocols.update(plugin.name for plugin in value.plugins)
        for kind, text in texts_in(value):
            if (kind, text) not in self._noted:
                self._noted.add((kind, text))
                self._note(kind, text)

    def settle(self) -> None:
        """Choose what stands for each name. From now on `redact` may be called, and `note` no more."""
        self._noted.clear()
        self._addresses.settle()
        self._names[Kind.PROTOCOL] -= self._protocols
        for kind, kept in _KEPT.items():
            self._names[kind] -= kept
        self._table = other_names(self._names)
        kept_names = self._protocols.union(*_KEPT.values())
        self._texts = Texts(self._table, self._other_address, kept_names)

    def redact(self, record: Recorded) -> Recorded:
        """Return the entry with other names; its number and its time stay."""
        return Recorded(record.seq, record.at, self.value(record.entry))

    def value(self, value: _Struct) -> _Struct:
        """Return any value of the model or the log with other names."""
        return replaced(value, self._replace)

    def text(self, text: str) -> str:
        """Return a sentence of Porter's with other names."""
        assert self._texts is not None, "settle first"
        return self._texts.rewritten(text)

    def name(self, kind: Kind, name: str) -> str:
        """Return what stands for one name."""
        return self._replace(kind, name, PluginInfo(name="", version="", distribution=""))

    def _note(self, kind: Kind, text: str) -> None:
        match kind:
            case Kind.SERVICE_KEY | Kind.SLICE_KEY:
                namespace, _, name = text.partition("/")
                self._names[Kind.NAMESPACE].add(namespace)
                self._names[_KEYS[kind]].add(name)
            case Kind.ADDRESS:
                for part in text.split(","):
                    self._addresses.add(part.strip())
            case Kind.RANGE:
                self._addresses.add_range(text)
            case Kind.INTERFACE if text.startswith(_CAN_REACH):
                self._addresses.add(text.removeprefix(_CAN_REACH))
            case Kind.INTERFACE:
                self._names[Kind.NIC].add(text)
            case Kind.MAC:
                self._names[Kind.MAC].add(text.lower())
            case Kind.TEXT:
                self._addresses.add(text)
                self._names[Kind.MAC].update(found.lower() for found in _MAC.findall(text))
            case Kind.PORTER:
                pass
            case _:
                self._names[kind].add(text)

    def _replace(self, kind: Kind, text: str, holder: msgspec.Struct) -> str:
        if kind is Kind.TEXT:  # the only kind that means something else in another value
            return self._chosen(kind, text, holder)
        found = self._replaced.get((kind, text))
        if found is None:
            found = self._replaced[kind, text] = self._chosen(kind, text, holder)
        return found

    def _chosen(self, kind: Kind, text: str, holder: msgspec.Struct) -> str:
        assert self._texts is not None, "settle first"
        match kind:
            case Kind.SERVICE_KEY | Kind.SLICE_KEY:
                namespace, slash, name = text.partition("/")
                return f"{self._other(Kind.NAMESPACE, namespace)}{slash}{self._other(_KEYS[kind], name)}"
            case Kind.PORTER:
                return marked(text)
            case Kind.INTERFACE if text.startswith(_CAN_REACH):
                return _CAN_REACH + self._texts.rewritten(text.removeprefix(_CAN_REACH), Kind.ADDRESS)
            case Kind.INTERFACE:
                return self._other(Kind.NIC, text)
            case Kind.ADDRESS | Kind.RANGE:
                return self._texts.rewritten(text, Kind.ADDRESS)
            case Kind.TEXT:
                return self._texts.rewritten(text, meant_in(holder))
            case Kind.MAC:
                return self._table[Kind.MAC].get(text.lower(), "02:00:00:00:00:00")
            case Kind.PROTOCOL if text in self._protocols:
                return text
            case _:
                return text if text in _KEPT.get(kind, ()) else self._other(kind, text)

    def _other(self, kind: Kind, name: str) -> str:
        assert self._texts is not None
        return self._table[kind].get(name) or self._texts.unknown(name)

    def _other_address(self, text: str) -> str | None:
        if _MAC.fullmatch(text):
            return self._table[Kind.MAC].get(text.lower(), "02:00:00:00:00:00")
        address = parse_address(text)
        return None if address is None else self._addresses.other(address, self._table[Kind.MAC])


def sealed(records: Iterable[Recorded]) -> Iterator[Row]:
    """Yield redacted entries as the rows of a log of their own, chained anew; the chain says where some are not."""
    previous, last = GENESIS, 0
    for record in records:
        (row,) = chained((record,), previous)
        yield row if record.seq == last + 1 else msgspec.structs.replace(row, previous=previous)
        previous, last = row.checksum, record.seq
