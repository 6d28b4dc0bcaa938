"""Kubernetes Events about Services: each told once, best effort, and never in the way of a write that matters."""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from porter.cluster.connection import Connection
from porter.cluster.errors import ClusterError, ConflictError, ThrottledError
from porter.cluster.node_lease import whole_seconds
from porter.cluster.pace import Pace
from porter.cluster.publication import Note
from porter.cluster.views import ServiceView
from porter.model.names import NodeName

_LOG = logging.getLogger("porter.cluster")
_MOST = 10_000  # Events that wait
_LOOK = 0.05


class _Told(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What an Event is to tell, and since when it waits. The Event itself is made when it is sent."""

    since: float
    view: ServiceView
    note: Note
    moment: datetime


class Notes:
    """Sends Events one after the other, while nothing waits that matters more.

    An Event that is refused, or has waited too long, is dropped with a log line. When the server asks to send it later,
    which a limit for Events alone does, Events rest and nothing else does.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        node: NodeName,
        pace: Pace,
        after: Callable[[], bool],
        longest: float,
        most: int = _MOST,
    ) -> None:
        """`after` tells whether something waits that matters more; `longest`: seconds that an Event waits at most.

        Of more than `most` that wait the oldest are dropped.
        """
        self._connection = connection
        self._pace = pace
        self._after = after
        self._longest = longest
        self._node = node
        self._waiting: deque[_Told] = deque(maxlen=most)
        self._news = asyncio.Event()
        self._closed_until = 0.0
        self._sending = False

    @property
    def busy(self) -> bool:
        """Something waits to be sent, or is being sent."""
        return self._sending or bool(self._waiting)

    def tell(self, view: ServiceView, note: Note, moment: datetime) -> None:
        """Queue an Event about the Service as it was seen; the same difference gives the same Event, sent once."""
        self._waiting.append(_Told(since=self._now(), view=view, note=note, moment=moment))
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            while self._drop_old():
                if self._after() or self._now() < self._closed_until:
                    await asyncio.sleep(_LOOK)
                    continue
                await self._send_next()
            self._news.clear()
            await self._news.wait()

    async def flush(self, seconds: float) -> None:
        """Send what waits for so many seconds, and forget the rest: nothing is told afterwards. `run` has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._waiting and self._now() >= self._closed_until and await self._send_next():
                    pass
        if self._waiting:
            _LOG.warning("%d Events were not written: this agent stops", len(self._waiting))
            self._waiting.clear()

    async def _send_next(self) -> bool:
        """Send the Event that waits longest; tell whether the server has it now."""
        waiting = self._waiting[0]
        path = f"/api/v1/namespaces/{waiting.view.namespace}/events"
        self._sending = True
        try:
            await self._pace.turn()
            await self._connection.request("POST", path, body=_event(waiting, self._node), timeout=5.0)
        except ConflictError:
            pass  # another leader, for a moment, saw the same and told it; or this one did, and was cut off
        except ThrottledError as error:
            self._closed_until = self._now() + error.retry_after
            return False
        except ClusterError as error:
            _LOG.warning("an Event was not written: %s", error)
            self._done(waiting)
            return False
        finally:
            self._sending = False
        self._done(waiting)
        return True

    def _done(self, sent: _Told) -> None:
        if self._waiting and self._waiting[0] is sent:  # it is not, where newer ones have pushed it out meanwhile
            self._waiting.popleft()

    def _drop_old(self) -> bool:
        """Forget what has waited too long, and tell whether anything is left."""
        dropped = 0
        while self._waiting and self._now() - self._waiting[0].since > self._longest:
            self._waiting.popleft()
            dropped += 1
        if dropped:
            _LOG.warning("%d Events were not written within %g s", dropped, self._longest)
        return bool(self._waiting)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _event(told: _Told, node: NodeName) -> dict[str, Any]:
    view, note, stamp = told.view, told.note, whole_seconds(told.moment)
    difference = f"{view.uid}\n{view.version}\n{note.reason}\n{note.message}"
    name = f"{view.name}.{hashlib.sha256(difference.encode()).hexdigest()[:16]}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": view.namespace},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Service",
            "namespace": view.namespace,
            "name": view.name,
            "uid": view.uid,
        },
        "type": note.type,
        "reason": note.reason,
        "message": note.message,
        "source": {"component": "porter", "host": node},
        "reportingComponent": "porter.kubesphere.io/porter",
        "reportingInstance": node,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }
