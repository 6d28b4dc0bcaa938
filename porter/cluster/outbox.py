"""Patches on their way: in their turn, on top of the state that they were made for, and not for ever where undone."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from porter.cluster.connection import Connection
from porter.cluster.errands import Errands, Job
from porter.cluster.errors import ConflictError, NotFoundError
from porter.cluster.pace import Pace
from porter.cluster.publication import Patch
from porter.cluster.repeats import SENTENCE, Repeats
from porter.cluster.views import EipView, ServiceView
from porter.cluster.watch import Watch


class Sent(Enum):
    """What became of a patch."""

    TAKEN = "taken"
    STALE = "stale"
    """The object had changed meanwhile; the newest state has been taken in."""
    GONE = "gone"
    """There is no such object any more; the watch will say so."""


class Outbox:
    """Sends the patches of jobs. Belongs to the event loop."""

    def __init__(self, connection: Connection, *, pace: Pace, errands: Errands, repeats: Repeats) -> None:
        self._connection = connection
        self._pace = pace
        self._errands = errands
        self._repeats = repeats
        self.writes = 0
        """How many patches were accepted."""

    async def turn(self) -> None:
        """Wait until something may be written. What is wanted, and what is shown, may be another thing then."""
        await self._pace.turn()

    def pass_on(self) -> None:
        """Leave the turn to another: there is nothing to write."""
        self._pace.back()

    def holds_back(self, job: Job, patch: Patch) -> bool:
        """Tell whether this very patch was accepted a short while ago; then the job waits, longer each time."""
        wait = self._repeats.wait(job, patch)
        if not wait:
            return False
        self._errands.tell(job, SENTENCE)
        self._errands.put_later(job, wait)
        return True

    async def send(self, job: Job, watch: Watch[Any, Any], view: ServiceView | EipView, patch: Patch) -> Sent:
        """Send a patch that was made for an object as this view shows it; the watch takes in the answer.

        Raises ClusterError for anything but a conflict and an object that is gone.
        """
        lists = watch.mirror.lists
        answer = await self._send(job, watch, view, patch, view.version)
        if isinstance(answer, Sent):
            return answer
        await watch.take_answer(answer, path=view.path, lists=lists)
        return Sent.TAKEN

    async def send_in_turn(
        self,
        job: Job,
        watch: Watch[Any, Any],
        view: ServiceView | EipView,
        patches: Sequence[Patch],
        *,
        taken: Callable[[Patch], None],
        still: Callable[[str], bool],
    ) -> Sent:
        """Send one or two patches that were made for an object as this view shows it, one on top of the other.

        `taken` is told of each that was accepted; the second is not sent, for now, unless it is `still` to be on top of
        the version that the first one made. Nothing is worked out between the two: the watch takes in the answer to the
        last one alone. Raises as `send` does.
        """
        first, *others = patches
        lists = watch.mirror.lists
        answer = await self._send(job, watch, view, first, view.version)
        if isinstance(answer, Sent):
            return answer
        taken(first)
        found = watch.identified(answer) if others and watch.mirror.lists == lists else None
        if found is None or not still(found[1]):
            await watch.take_answer(answer, path=view.path, lists=lists)
            return Sent.TAKEN
        (second,), (key, version) = others, found
        watch.halfway(answer, key, made_for=view.version, version=version)
        try:
            await self._pace.turn()
            if not still(version) or self._repeats.wait(job, second):
                self._pace.back()
                return Sent.TAKEN
            lists = watch.mirror.lists
            last = await self._send(job, watch, view, second, version)
            if isinstance(last, Sent):
                return last
            taken(second)
            await watch.take_answer(last, path=view.path, lists=lists)
            return Sent.TAKEN
        finally:
            watch.turn_back(answer, key)

    async def _send(
        self, job: Job, watch: Watch[Any, Any], view: ServiceView | EipView, patch: Patch, version: str
    ) -> bytes | Sent:
        body = patch.body | {"metadata": {**patch.body.get("metadata", {}), "resourceVersion": version}}
        try:
            answer = await self._connection.request("PATCH", patch.path, body=body, content_type=patch.content_type)
        except ConflictError:
            return Sent.STALE if await watch.read_again(view.path) else Sent.GONE
        except NotFoundError:
            return Sent.GONE
        self.writes += 1
        self._repeats.accepted(job, patch)
        return answer

    def forget(self, job: Job) -> None:
        """The job's object is gone."""
        self._errands.forget(job)
        self._repeats.forget(job)
