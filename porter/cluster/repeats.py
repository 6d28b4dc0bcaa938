"""Writes that do not last: somebody undoes them, or the server drops what it does not know.

Pure but for the clock it is given. It keeps Porter from writing the same thing for ever; it never gives up.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from porter.cluster.publication import Patch

SENTENCE = "the API server took the write, and it did not last: another program undoes it, or the CRD is too old"


@dataclass(frozen=True, kw_only=True)
class _Written:
    patch: Patch
    at: float
    times: int


class Repeats:
    """The last accepted patch of every object, and how long to wait before the very same one is sent again."""

    def __init__(self, *, clock: Callable[[], float], first: float, longest: float) -> None:
        self._clock = clock
        self._first = first
        self._longest = longest
        self._written: dict[Hashable, dict[str, _Written]] = {}

    def accepted(self, about: Hashable, patch: Patch) -> None:
        """Remember a patch that the server took."""
        written = self._written.setdefault(about, {})
        before = written.get(patch.path)
        times = before.times + 1 if before is not None and _same(before.patch, patch) else 0
        written[patch.path] = _Written(patch=patch, at=self._clock(), times=times)

    def wait(self, about: Hashable, patch: Patch) -> float:
        """Return the seconds until this patch may be sent; 0 unless it was accepted a short while ago."""
        before = self._written.get(about, {}).get(patch.path)
        if before is None or not _same(before.patch, patch):
            return 0.0
        pause: float = min(self._first * 2**before.times, self._longest)
        return max(0.0, before.at + pause - self._clock())

    def forget(self, about: Hashable) -> None:
        """The object is gone."""
        self._written.pop(about, None)


def _same(one: Patch, other: Patch) -> bool:
    """Tell whether two patches write the same, whenever that is said to have turned."""
    return bool(_untimed(one.body) == _untimed(other.body))


def _untimed(value: Any) -> Any:
    match value:
        case dict():
            return {key: _untimed(inner) for key, inner in value.items() if key != "lastTransitionTime"}
        case list():
            return [_untimed(inner) for inner in value]
        case _:
            return value
