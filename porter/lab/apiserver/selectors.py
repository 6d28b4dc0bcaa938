"""Label and field selectors: parsed once, asked of many objects. They read objects and never change one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from porter.lab.apiserver.errors import Refusal, bad_request, wrong
from porter.lab.apiserver.naming import qualified_problems, value_problems
from porter.lab.apiserver.objects import Json, field_of, labels

Selector: TypeAlias = Callable[[Json], bool]
Operator: TypeAlias = Literal["in", "notin", "gt", "lt", "exists", "!"]

_TOKEN = re.compile(r"\s*(==|!=|=|\(|\)|,|!|<|>|[^\s=!(),<>]+)")
_SYMBOLS = frozenset({"==", "!=", "=", "(", ")", ",", "!", "<", ">"})
_OPERATORS: dict[str, Operator] = {
    "=": "in",
    "==": "in",
    "in": "in",
    "!=": "notin",
    "notin": "notin",
    ">": "gt",
    "<": "lt",
}
_INTEGER = re.compile(r"[-+]?\d+")


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
            case "gt" | "lt":
                return self._compares(found.get(self.key, ""))
            case "exists":
                return self.key in found
            case "!":
                return self.key not in found

    def _compares(self, found: str) -> bool:
        if not _INTEGER.fullmatch(found):
            return False
        (value,) = self.values
        return int(found) > int(value) if self.operator == "gt" else int(found) < int(value)


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

    def identifier(self) -> str:
        token = self.take()
        if token in _SYMBOLS or not token:
            raise _unparsable(f"found '{token}', expected: identifier")
        return token


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """The requirements of a label selector as kubectl and the API write it; an empty one has none."""
    tokens = _Tokens(text)
    return tuple(_requirements(tokens)) if tokens.ahead() else ()


def _requirements(tokens: _Tokens) -> Iterator[Requirement]:
    if (first := tokens.ahead()) in _SYMBOLS and first != "!":
        message = f"found '{first}', expected: !, identifier, or 'end of string'"
        raise bad_request(message)
    while True:
        yield _requirement(tokens)
        match tokens.take():
            case "":
                return
            case ",":
                if (after := tokens.ahead()) != "!" and (after in _SYMBOLS or not after):
                    message = f"found '{after}', expected: identifier after ','"
                    raise bad_request(message)
            case other:
                message = f"found '{other}', expected: ',' or 'end of string'"
                raise bad_request(message)


def _requirement(tokens: _Tokens) -> Requirement:
    absent = tokens.ahead() == "!"
    if absent:
        tokens.take()
    key = tokens.identifier()
    for why in qualified_problems(key):
        raise _unparsable(str(wrong("<nil>", key, why)))
    if absent:
        return Requirement(key=key, operator="!")
    if tokens.ahead() in ("", ","):
        return Requirement(key=key, operator="exists")
    word = tokens.take()
    if word not in _OPERATORS:
        raise _unparsable(f"found '{word}', expected: in, notin, =, ==, !=, gt, lt")
    values = _values(tokens) if word in ("in", "notin") else {_exact(tokens)}
    operator = _OPERATORS[word]
    if not values:
        raise _unparsable(str(wrong("values", [], "for 'in', 'notin' operators, values set can't be empty")))
    for index, value in enumerate(sorted(values)):
        if operator in ("gt", "lt") and not _INTEGER.fullmatch(value):
            why = "for 'Gt', 'Lt' operators, the value must be an integer"
            raise _unparsable(str(wrong(f"values[{index}]", value, why)))
        for why in value_problems(value):
            raise _unparsable(str(wrong(f"values[{index}][{key}]", value, why)))
    return Requirement(key=key, operator=operator, values=frozenset(values))


def _exact(tokens: _Tokens) -> str:
    return "" if tokens.ahead() in ("", ",") else tokens.identifier()


def _values(tokens: _Tokens) -> set[str]:
    """What stands in brackets; a comma with nothing beside it is the empty value."""
    if (opened := tokens.take()) != "(":
        raise _unparsable(f"found '{opened}' expected: '('")
    values: set[str] = set()
    before = "("
    while (token := tokens.take()) != ")":
        if token == ",":
            values |= {""} if before in ("(", ",") else set()
        elif token in _SYMBOLS or not token:
            raise _unparsable(f"found '{token}', expected: ',', or identifier")
        elif before not in ("(", ","):
            raise _unparsable(f"found '{token}', expected: ',' or ')'")
        else:
            values.add(token)
        before = token
    return values | ({""} if before == "," else set())


def _unparsable(why: str) -> Refusal:
    return bad_request(f"unable to parse requirement: {why}")


_COMPARISON = re.compile(r"^(.*?)(==|!=|=)(.*)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldRequirement:
    """One field that must, or must not, have a value."""

    path: str
    value: str
    equal: bool

    def holds(self, obj: Json) -> bool:
        """Whether it is so."""
        return (field_of(obj, self.path) == self.value) is self.equal


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
