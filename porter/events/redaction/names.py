"""Other names for the names of a log: one for each, the same everywhere, in the same order.

Order is kept because it decides: of two Services made in the same second the first by name is served first.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from porter.events.redaction.fields import Kind

_STEMS: Final[Mapping[Kind, str]] = {
    Kind.NAMESPACE: "namespace",
    Kind.SERVICE: "service",
    Kind.SLICE: "slice",
    Kind.NODE: "node",
    Kind.EIP: "eip",
    Kind.NIC: "nic",
    Kind.UID: "uid",
    Kind.CLASS: "class",
    Kind.CLAIM: "claim",
    Kind.PROTOCOL: "protocol",
    Kind.DISTRIBUTION: "distribution",
    Kind.LABEL: "label",
    Kind.LABEL_VALUE: "value",
}
IN_TEXTS: Final = tuple(kind for kind in _STEMS if kind is not Kind.UID)
"""The kinds whose names may stand in a sentence. Of several that have it the first is meant, unless the text says."""

Table = Mapping[Kind, Mapping[str, str]]


def other_names(names: Mapping[Kind, Iterable[str]]) -> Table:
    """Return for each kind what stands for each of its names. None of them is a name that anything had before."""
    had = {name for found in names.values() for name in found}
    table = {kind: _numbered(_sorted(kind, names.get(kind, ())), stem, had) for kind, stem in _STEMS.items()}
    return {**table, Kind.MAC: _macs(names.get(Kind.MAC, ()))}


def _sorted(kind: Kind, names: Iterable[str]) -> list[str]:
    """Sort as the fold does: a namespace stands before a slash there, and a hyphen sorts before that."""
    order: Callable[[str], str] = (lambda name: f"{name}/") if kind is Kind.NAMESPACE else str
    return sorted(names, key=order)


def _numbered(names: list[str], stem: str, had: set[str]) -> dict[str, str]:
    digits = len(str(len(names)))
    while True:
        found = {name: f"{stem}-{number:0{digits}}" for number, name in enumerate(names, start=1)}
        if had.isdisjoint(found.values()):
            return found
        stem += "-x"


def _macs(names: Iterable[str]) -> dict[str, str]:
    known = sorted(names)
    for vendor in range(0x02_10_00, 0x02_FF_FF):  # of the local ones (IEEE 802: the second bit)
        found = {name: (vendor << 24 | number).to_bytes(6).hex(":") for number, name in enumerate(known, start=1)}
        if not set(known) & set(found.values()):
            return found
    raise AssertionError("no log holds MACs of 61,000 vendors")
