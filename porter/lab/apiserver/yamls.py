"""YAML as Kubernetes reads it: turned into JSON first, and strict only in what it tells (sigs.k8s.io/yaml)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import yaml

from porter.lab.apiserver.objects import decode, encode

_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """What JSON can say, so no timestamps."""

    yaml_implicit_resolvers = {  # noqa: RUF012  (a table that PyYAML reads from the class)
        first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def load(raw: bytes) -> Any:
    """The value of a YAML text, as JSON has it: keys are strings, in order. Raises yaml.YAMLError or a ValueError."""
    return decode(msgspec.json.encode(yaml.load(raw, _Loader), order="sorted"))


def lines_of_repeated(raw: bytes) -> Iterator[str]:
    """What Go's reader says of the keys that a valid YAML text has twice in one map: what is inside first."""
    loader = _Loader(raw)
    try:
        node = loader.get_single_node()
        if node is not None:
            yield from _told(loader, node, set())
    finally:
        loader.dispose()


def _told(loader: _Loader, node: yaml.Node, seen: set[int]) -> Iterator[str]:
    if id(node) in seen:  # an alias; it may lie in what it stands for
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _told(loader, item, seen)
    if not isinstance(node, yaml.MappingNode):
        return
    keys = set()
    for key, value in node.value:
        yield from _told(loader, value, seen)
        if key.tag == _MERGE:
            continue
        shown = encode(loader.construct_object(key, deep=True)).decode()
        if shown in keys:
            yield f"line {value.start_mark.line + 1}: key {shown} already set in map"
        keys.add(shown)
