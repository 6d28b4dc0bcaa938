"""Porter requires what it imports, and constraints.txt pins that with all that it requires in turn."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LINES = (ROOT / "constraints.txt").read_text().splitlines()
PINNED = {canonicalize_name(line.partition("==")[0]) for line in LINES}
[EXTRAS] = re.findall(r"-c constraints\.txt -e '\.\[(.+)\]'", (ROOT / "Makefile").read_text())


def required(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """Yield the names of what a distribution requires here, and of what that requires."""
    if (name, extras) in seen:
        return
    seen.add((name, extras))
    for line in metadata.requires(name) or ():
        one = Requirement(line)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            yield canonicalize_name(one.name)
            yield from required(one.name, frozenset(one.extras), seen)


def test_every_line_pins_one_version() -> None:
    assert [line for line in LINES if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert len(PINNED) == len(LINES)


def test_whatever_is_installed_is_pinned() -> None:
    needed = set(required("porter-lb", frozenset(EXTRAS.split(",")), set()))

    assert len(needed) > 40
    assert needed - PINNED == set()


def imported() -> Iterator[str]:
    """The packages that Porter's modules import, wherever in them."""
    for file in (ROOT / "porter").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def test_whatever_is_imported_is_required_by_name() -> None:
    requirements = [Requirement(line) for line in metadata.requires("porter-lb") or ()]
    named = {canonicalize_name(one.name) for one in requirements if 'extra == "test"' not in str(one.marker)}
    providers = metadata.packages_distributions()
    foreign = set(imported()) - sys.stdlib_module_names - {"porter"}

    assert len(foreign) > 10
    assert [
        one for one in sorted(foreign) if not named & {canonicalize_name(name) for name in providers.get(one, ())}
    ] == []
