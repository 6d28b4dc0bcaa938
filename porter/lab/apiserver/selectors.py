"""Label and field selectors: parsed once, asked of many objects. They read objects and never change one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from porter.lab.apiserver.errors import bad_request
from porter.lab.apiserver.objects import Json, at, labels

Selector: TypeAlias = Callable[[Json], bool]
Operator: TypeAlias = Literal["in", "notin", "exists", "!"]

_TOKEN = re.compile(r"\s*(==|!=|=|\(|\)|,|!|<|>|[^\s=!(),<>]+)")
_SYMBOLS = frozenset({"==", "!=", "=", "(", ")", ",", "!", "<", ">"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def holds(self, found: dict[str, str]) -> bool:
        """Whether it is so."""
        match self.operator:
            case "in":
                return found.get(self.key) in self.values
            case "notin":  # a label that is absent is not in the set
                return found.get(self.key) not in self.values
            case "exists":
                return self.key in found
            case "!":
                return self.key not in found


class _Tokens:
    def __init__(self, text: str) -> None:
        self._all = _TOKEN.findall(text)
        self._next = 0

    def ahead(self) -> str:
        return self._all[self._next] if self._next < len(self._all) else ""

    def take(self) -> str:
        token = self.ahead()
        self._next += 1
        return token

    def identifier(self, expected: str = "identifier") -> str:
        token = self.take()
        if token in _SYMBOLS or not token:
            message = f"unable to parse requirement: found '{token}', expected: {expected}"
            raise bad_request(message)
        return token


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """The requirements of a label selector as kubectl and the API write it; an empty one has none."""
    tokens = _Tokens(text)
    return tuple(_requirements(tokens)) if tokens.ahead() else ()


def _requirements(tokens: _Tokens) -> Iterator[Requirement]:
    while True:
        yield _requirement(tokens)
        match tokens.take():
            case "":
                return
            case ",":
                continue
            case other:
                message = f"unable to parse requirement: found '{other}', expected: ',' or 'end of string'"
                raise bad_request(message)


def _requirement(tokens: _Tokens) -> Requirement:
    if tokens.ahead() == "!":
        tokens.take()
        return Requirement(key=tokens.identifier(), operator="!")
    key = tokens.identifier("!, identifier, or 'end of string'")
    match tokens.ahead():
        case "" | ",":
            return Requirement(key=key, operator="exists")
        case "=" | "==" | "!=":
            negated = tokens.take() == "!="
            value = "" if tokens.ahead() in ("", ",") else tokens.identifier()
            return Requirement(key=key, operator="notin" if negated else "in", values=frozenset({value}))
        case "in":
            tokens.take()
            return Requirement(key=key, operator="in", values=_values(tokens))
        case "notin":
            tokens.take()
            return Requirement(key=key, operator="notin", values=_values(tokens))
        case other:
            message = f"unable to parse requirement: found '{other}', expected: in, notin, =, ==, !=, gt, lt"
            raise bad_request(message)


def _values(tokens: _Tokens) -> frozenset[str]:
    if (opened := tokens.take()) != "(":
        message = f"unable to parse requirement: found '{opened}', expected: '('"
        raise bad_request(message)
    values = set()
    while tokens.ahead() not in (")", ""):
        if tokens.ahead() == ",":
            tokens.take()
            continue
        values.add(tokens.identifier())
    if tokens.take() != ")":
        raise bad_request("unable to parse requirement: found '', expected: ',', or ')'")
    return frozenset(values)


_COMPARISON = re.compile(r"^(.*?)(==|!=|=)(.*)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldRequirement:
    """One field that must, or must not, have a value."""

    path: str
    value: str
    equal: bool

    def holds(self, obj: Json) -> bool:
        """Whether it is so."""
        return (_field(obj, self.path) == self.value) is self.equal


def _field(obj: Json, path: str) -> str:
    if path == "source":  # the one label of an Event that is not the path of a string
        path = "source.component"
    found = at(obj, path, "")
    return str(found).lower() if isinstance(found, bool) else str(found)


def parse_fields(text: str, supported: Collection[str]) -> tuple[FieldRequirement, ...]:
    """The requirements of a field selector; metadata.name and metadata.namespace are always supported."""
    found = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        matched = _COMPARISON.match(part)
        if matched is None:
            message = f"invalid selector: '{text}'; can't understand '{part}'"
            raise bad_request(message)
        path, operator, value = matched.groups()
        if path not in ("metadata.name", "metadata.namespace") and path not in supported:
            message = f"field label not supported: {path}"
            raise bad_request(message)
        found.append(FieldRequirement(path=path, value=value, equal=operator != "!="))
    return tuple(found)


def both(label: tuple[Requirement, ...], field: tuple[FieldRequirement, ...]) -> Selector | None:
    """One question out of both selectors; None when everything matches."""
    if not label and not field:
        return None

    def matches(obj: Json) -> bool:
        found = labels(obj)
        return all(one.holds(found) for one in label) and all(one.holds(obj) for one in field)

    return matches
