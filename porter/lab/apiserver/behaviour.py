"""What a kind may do beyond being stored: the shape of it. The base does nothing; each kind has its own module."""

from __future__ import annotations

from collections.abc import Iterable

from porter.lab.apiserver.errors import FieldError
from porter.lab.apiserver.objects import Json


class Behaviour:
    """Called by the write path with objects to change in place; `old` is the stored object, never to be changed."""

    sections: tuple[str, ...] = ()
    """What of an object `default`, `allocate` and `validate` are about: where all of that is as it is stored, it has
    come through them already, and they are not called. None named: they are always called.
    """

    def concerned(self, obj: Json, old: Json | None) -> bool:
        """Whether they are to be called."""
        return not self.sections or old is None or any(obj.get(part) != old.get(part) for part in self.sections)

    def fresh(self, obj: Json) -> None:
        """A new object: set what its creation sets, the status above all."""

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what the client left out, on every write."""

    def validate(self, obj: Json, old: Json | None) -> Iterable[FieldError]:  # noqa: ARG002  (the base allows all)
        """What is wrong with the object."""
        return ()

    def allocate(self, obj: Json, old: Json | None) -> None:
        """Take what is given out once only (addresses, ports); the last step before the object is stored."""

    def grace(self, obj: Json, asked: int | None) -> int | None:  # noqa: ARG002  (most are not run by anybody)
        """How many seconds a deleted object is given to end, where so many were asked for; None: it goes at once."""
        return None


NOTHING = Behaviour()
