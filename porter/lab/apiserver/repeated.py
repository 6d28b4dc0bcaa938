"""Fields that a body names twice: the last one counts, and the client is told in the API's words.

As sigs.k8s.io/json and sigs.k8s.io/yaml read strictly. Nothing here knows a kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import msgspec

from porter.lab.apiserver import yamls
from porter.lab.apiserver.objects import decode, encode
from porter.lab.apiserver.schema import below

_TOKENS = re.compile(r'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")(?P<key>\s*:)?|[{}\[\],]')
"""Of valid JSON: its strings, those before a colon being keys, and what begins, parts and ends objects and lists."""


OF_YAML: Final = "yaml: unmarshal errors:"
"""How the YAML reader's sentence begins; a line each follows."""


class Field(NamedTuple):
    """A field of a body."""

    path: str
    again: bool
    """Whether its object has named it before."""
    key: str
    line: int


Told: TypeAlias = Callable[[Iterable[str]], list[str]]
"""Makes sentences about a body of the fields in it that its kind does not know."""


class Manner(Protocol):
    """How to tell of a body that names a field twice: `in_their_order` or `repeated_first`."""

    def __call__(self, unknown: Iterable[str], *, fields: Iterable[Field]) -> list[str]:
        """Return the sentences."""
        ...


@dataclass(slots=True)
class _Place:
    """An object or a list, while it is read."""

    path: str
    keys: set[str] = field(default_factory=set)
    items: int | None = None
    """Of a list: how many ended so far."""


def telling(raw: bytes, value: Any, how: Manner) -> Told:
    """What tells of a JSON body, whose value this is, in that manner if it names a field twice."""
    fields = _fields_if_repeated(raw, value)
    return partial(how, fields=fields) if fields else only_unknown


def telling_of_yaml(raw: bytes, value: Any) -> Told:
    """What tells of a YAML body, whose value this is."""
    lines = lines_of_repeated(raw, value)
    return partial(_yaml_first, lines=lines) if lines else only_unknown


def lines_of_repeated(raw: bytes, value: Any) -> list[str]:
    """The lines of a YAML body, which may well be JSON, where a field is named again."""
    try:
        decode(raw)
    except msgspec.DecodeError:
        return list(yamls.lines_of_repeated(raw))
    found = (one for one in _fields_if_repeated(raw, value) if one.again)
    return [f"line {one.line}: key {encode(one.key).decode()} already set in map" for one in found]


def as_warnings(said: Iterable[str]) -> Iterator[str]:
    """Split a refusal's sentences for a client who is only warned: YAML's reader says all in one."""
    for sentence in said:
        if sentence.startswith(OF_YAML):
            yield from (line.strip() for line in sentence.splitlines()[1:])
        else:
            yield sentence


def only_unknown(unknown: Iterable[str]) -> list[str]:
    """What is told of a body that names nothing twice: the fields that its kind does not know."""
    return [f'unknown field "{path}"' for path in unknown]


def _yaml_first(unknown: Iterable[str], *, lines: Iterable[str]) -> list[str]:
    return ["\n  ".join([OF_YAML, *lines]), *only_unknown(unknown)]


def repeated_first(unknown: Iterable[str], *, fields: Iterable[Field], of: str = "") -> list[str]:
    """What is told of a body without Go types, a patch or a custom object: it is read twice, and this in between.

    `of`: before each sentence, of what the fields are where it is not the object.
    """
    return list(dict.fromkeys([*(_sentence(one, of) for one in fields if one.again), *only_unknown(unknown)]))


def in_their_order(unknown: Iterable[str], *, fields: Iterable[Field]) -> list[str]:
    """What is told of a body of a Go type: in the order of its fields; into unknown ones nobody looks."""
    paths = set(unknown)
    hidden: tuple[str, ...] = ()
    found: list[str] = []
    for one in fields:
        if one.path in paths:
            found += only_unknown([one.path])
            hidden = (f"{one.path}.", f"{one.path}[")
        elif one.again and not one.path.startswith(hidden):
            found.append(_sentence(one))
    return list(dict.fromkeys(found))


def _sentence(one: Field, of: str = "") -> str:
    return f'{of}duplicate field "{one.path}"'


def _fields_if_repeated(raw: bytes, value: Any) -> Sequence[Field]:
    """Return all fields in their order, if one is named twice; else none."""
    if _surely_once(raw, value):
        return ()
    found = list(_fields(raw.decode()))
    return found if any(one.again for one in found) else ()


def _surely_once(raw: bytes, value: Any) -> bool:
    """Tell, at little cost, that no field is named twice; a no means perhaps.

    Every field has a colon, and what was dropped took its own along. All other colons are in strings, which are the
    same on both sides, unless a colon was written as an escape.
    """
    escaped = b"\\u003a" in raw or b"\\u003A" in raw
    return not escaped and raw.count(b":") == encode(value).count(b":")


def _fields(text: str) -> Iterator[Field]:
    places: list[_Place] = []
    path, line, seen = "", 1, 0
    for token in _TOKENS.finditer(text):
        if token["key"]:
            place, key = places[-1], str(decode(token["string"]))
            line, seen = line + text.count("\n", seen, token.start()), token.start()
            path = below(place.path, key)
            yield Field(path, key in place.keys, key, line)
            place.keys.add(key)
        elif token["string"]:
            continue
        elif token[0] == "{":
            places.append(_Place(path))
        elif token[0] == "[":
            places.append(_Place(path, items=0))
            path = f"{path}[0]"
        elif token[0] != ",":
            places.pop()
        elif places[-1].items is not None:
            places[-1].items += 1
            path = f"{places[-1].path}[{places[-1].items}]"
