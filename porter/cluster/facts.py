"""What holds for the whole cluster and is no kind of its own: the Service ranges and where the API server is.

Read now and then, never watched; what cannot be read stays as it was known.
"""

from collections.abc import Callable

import msgspec

from porter.cluster import wire
from porter.cluster.connection import Connection
from porter.cluster.errors import ClusterError, NotFoundError
from porter.events.entries import ClusterObserved
from porter.model import keys
from porter.model.objects import Cluster

_RANGES = "/apis/networking.k8s.io/v1/servicecidrs"
_SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


class _RangeSpec(msgspec.Struct, frozen=True):
    cidrs: tuple[str, ...] | None = None


class _Range(msgspec.Struct, frozen=True):
    spec: _RangeSpec = _RangeSpec()


class _Ranges(msgspec.Struct, frozen=True):
    items: tuple[_Range, ...] | None = None


class _Slices(msgspec.Struct, frozen=True):
    items: tuple[wire.RawEndpointSlice, ...] | None = None


_READ_RANGES = msgspec.json.Decoder(_Ranges)
_READ_SLICES = msgspec.json.Decoder(_Slices)


class Facts:
    """Reads the cluster's facts and emits ClusterObserved when they differ from what is known."""

    def __init__(
        self,
        connection: Connection,
        *,
        known: Cluster,
        emit: Callable[[ClusterObserved], None],
    ) -> None:
        self.error: str | None = None
        self._connection = connection
        self._known = known
        self._emit = emit

    async def read(self) -> None:
        """Read everything once. Raises nothing: `error` says what failed, and what was known stands."""
        self.error = None
        before = self._known
        found = Cluster(
            service_ranges=await self._ranges(before.service_ranges),
            api_servers=await self._servers(before.api_servers),
        )
        if found != before:
            self._known = found
            self._emit(ClusterObserved(cluster=found))

    async def _ranges(self, known: tuple[str, ...]) -> tuple[str, ...]:
        try:
            listed = _READ_RANGES.decode(await self._connection.request("GET", _RANGES))
        except NotFoundError:
            return ()  # served since Kubernetes 1.33
        except (ClusterError, msgspec.DecodeError) as error:
            self.error = f"the Service ranges cannot be read: {error}"
            return known
        return tuple(sorted({cidr for one in listed.items or () for cidr in one.spec.cidrs or ()}))

    async def _servers(self, known: tuple[str, ...]) -> tuple[str, ...]:
        query = {"labelSelector": f"{keys.SERVICE_OF_SLICE}=kubernetes"}
        try:
            listed = _READ_SLICES.decode(await self._connection.request("GET", _SLICES, query=query))
        except NotFoundError:
            return ()
        except (ClusterError, msgspec.DecodeError) as error:
            self.error = f"the addresses of the API server cannot be read: {error}"
            return known
        endpoints = [endpoint for one in listed.items or () for endpoint in one.endpoints or ()]
        return tuple(sorted({address for endpoint in endpoints for address in endpoint.addresses or ()}))
