"""What the log has never heard of, or no longer: one sentence, with the names that may have been meant."""

from collections.abc import Iterable
from difflib import get_close_matches

from porter.errors import PorterError

_MOST = 3


class UnknownError(PorterError):
    """A name that nothing in the log has at that moment."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownError:
    """Return the error for a name that no `kind` has, with similar names of those known."""
    names = sorted(known)
    if not names:
        return UnknownError(f"the log knows no {kind} {name!r} at that moment, and no other {kind} either")
    same_end = [other for other in names if other.rpartition("/")[2] == name.rpartition("/")[2]]
    similar = list(dict.fromkeys([*same_end, *get_close_matches(name, names, n=_MOST)]))[:_MOST]
    hint = f"similar: {', '.join(similar)}" if similar else f"it knows {len(names)}, none of a similar name"
    return UnknownError(f"the log knows no {kind} {name!r} at that moment; {hint}")
