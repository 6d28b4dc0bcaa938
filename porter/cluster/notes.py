"""Kubernetes Events about Services: each told once, best effort, and never in the way of a write that matters."""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from porter.cluster.connection import Connection
from porter.cluster.errors import ClusterError, ConflictError, ThrottledError
from porter.cluster.pace import Pace
from porter.cluster.publication import Note
from porter.cluster.views import ServiceView
from porter.model.names import NodeName

_LOG = logging.getLogger("porter.cluster")
_MOST = 10_000  # waiting Events; beyond that the oldest are dropped
_PATIENCE = 30.0  # seconds that an Event waits for writes that matter more
_LOOK = 0.05


class Notes:
    """Sends Events one after the other. What cannot be sent is dropped with a log line."""

    def __init__(self, connection: Connection, *, node: NodeName, pace: Pace, after: Callable[[], bool]) -> None:
        """`after` tells whether something waits that matters more."""
        self._connection = connection
        self._pace = pace
        self._after = after
        self._node = node
        self._waiting: deque[tuple[float, str, dict[str, Any]]] = deque(maxlen=_MOST)
        self._news = asyncio.Event()
        self._sending = False

    @property
    def busy(self) -> bool:
        """Something waits to be sent, or is being sent."""
        return self._sending or bool(self._waiting)

    def tell(self, view: ServiceView, note: Note, moment: datetime) -> None:
        """Queue an Event about the Service as it was seen; the same difference gives the same Event, sent once."""
        told = f"{view.uid}\n{view.version}\n{note.reason}\n{note.message}"
        name = f"{view.name}.{hashlib.sha256(told.encode()).hexdigest()[:16]}"
        stamp = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {
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
            "source": {"component": "porter", "host": self._node},
            "reportingComponent": "porter.kubesphere.io/porter",
            "reportingInstance": self._node,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }
        told_at = asyncio.get_running_loop().time()
        self._waiting.append((told_at, f"/api/v1/namespaces/{view.namespace}/events", body))
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            while self._waiting:
                told_at, path, body = self._waiting[0]
                if self._after() and asyncio.get_running_loop().time() - told_at < _PATIENCE:
                    await asyncio.sleep(_LOOK)
                    continue
                self._waiting.popleft()
                self._sending = True
                try:
                    await self._pace.turn()
                    await self._connection.request("POST", path, body=body, timeout=5.0)
                except ConflictError:
                    pass  # another leader, for a moment, saw the same and told it
                except ThrottledError as error:
                    self._pace.close(error.retry_after)
                    self._waiting.appendleft((told_at, path, body))
                except ClusterError as error:
                    _LOG.warning("an Event was not written: %s", error)
                finally:
                    self._sending = False
            self._news.clear()
            await self._news.wait()
