"""constraints.txt pins all that `make venv` installs: what Porter and its extras require, and what that requires."""

import re
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
