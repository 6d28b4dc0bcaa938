"""Lets only those EndpointSlices through whose Service is of interest: a cluster's other traffic is no entry.

A slice may come before its Service, or the Service may become one of Porter's much later; so the others are held here,
and told of when their Service is. It changes nothing else and decides nothing.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from porter.events.entries import (
    EndpointsGone,
    EndpointsObserved,
    Observed,
    Relisted,
    ServiceGone,
    ServiceObserved,
)
from porter.model.names import ServiceKey, service_key
from porter.model.objects import Endpoints


class Interest:
    """Stands between the watches and whoever takes in their entries. Belongs to the event loop."""

    def __init__(
        self,
        *,
        services: Iterable[ServiceKey],
        slices: Mapping[str, Endpoints],
        emit: Callable[[Observed], None],
    ) -> None:
        """`services` and `slices` are what is known already, from the log."""
        self._services = set(services)
        self._told = dict(slices)
        self._held: dict[str, Endpoints] = {}
        self._slices_of: dict[ServiceKey, set[str]] = {}
        for key, endpoints in slices.items():
            self._slices_of.setdefault(_service_of(endpoints), set()).add(key)
        self._emit = emit
        self._listed = False
        """A list of slices was passed on: a further one is an entry only when it tells something."""
        self._early: list[EndpointsObserved | EndpointsGone | Relisted] | None = []
        """What came of slices before Services were listed: until then nobody can say whose they are."""

    def take(self, entry: Observed) -> None:
        """Take in what a watch has seen; pass on what is of interest."""
        match entry:
            case EndpointsObserved() | EndpointsGone() | Relisted(resource="endpointslices"):
                if self._early is not None:
                    self._early.append(entry)
                else:
                    self._take_slices(entry)
            case ServiceObserved(service=service):
                self._begin([service.key])
                self._emit(entry)
            case ServiceGone(service=key):
                self._emit(entry)
                self._end([key])
            case Relisted(resource="services"):
                early, self._early = self._early or [], None
                self._begin([service.key for service in entry.services])
                for one in early:
                    self._take_slices(one)
                self._emit(entry)
                self._end([ServiceKey(key) for key in entry.gone])
            case _:
                self._emit(entry)

    def _take_slices(self, entry: EndpointsObserved | EndpointsGone | Relisted) -> None:
        match entry:
            case EndpointsObserved(endpoints=endpoints):
                if self._keep(endpoints):
                    self._emit(entry)
                elif self._told.pop(endpoints.key, None) is not None:
                    self._emit(EndpointsGone(endpoints=endpoints.key))
            case EndpointsGone(endpoints=key):
                if self._drop(key):
                    self._emit(entry)
            case Relisted():
                told = [endpoints for endpoints in entry.endpoints if self._keep(endpoints)]
                others = [endpoints.key for endpoints in entry.endpoints if endpoints.key in self._held]
                gone = [key for key in entry.gone if self._drop(key)]
                gone += [key for key in others if self._told.pop(key, None) is not None]
                if told or gone or not self._listed:
                    self._listed = True
                    self._emit(msgspec.structs.replace(entry, endpoints=tuple(told), gone=tuple(gone)))

    def _keep(self, endpoints: Endpoints) -> bool:
        """Keep a slice as it is now; return whether its Service is of interest."""
        self._unlink(endpoints.key)
        service = _service_of(endpoints)
        self._slices_of.setdefault(service, set()).add(endpoints.key)
        if service in self._services:
            self._held.pop(endpoints.key, None)
            self._told[endpoints.key] = endpoints
            return True
        self._held[endpoints.key] = endpoints
        return False

    def _drop(self, key: str) -> bool:
        """Forget a slice; return whether it was told of."""
        self._unlink(key)
        self._held.pop(key, None)
        return self._told.pop(key, None) is not None

    def _unlink(self, key: str) -> None:
        known = self._told.get(key) or self._held.get(key)
        if known is not None:
            keys = self._slices_of[_service_of(known)]
            keys.discard(key)
            if not keys:
                del self._slices_of[_service_of(known)]

    def _begin(self, services: Iterable[ServiceKey]) -> None:
        """Tell of the slices of Services that have become of interest."""
        for service in services:
            if service in self._services:
                continue
            self._services.add(service)
            for key in sorted(self._slices_of.get(service, ())):
                self._told[key] = self._held.pop(key)
                self._emit(EndpointsObserved(endpoints=self._told[key]))

    def _end(self, services: Iterable[ServiceKey]) -> None:
        """Tell no more of the slices of Services that are of no interest any more."""
        for service in services:
            self._services.discard(service)
            for key in sorted(self._slices_of.get(service, ())):
                told = self._told.pop(key, None)
                if told is not None:
                    self._held[key] = told
                    self._emit(EndpointsGone(endpoints=key))


def _service_of(endpoints: Endpoints) -> ServiceKey:
    return service_key(endpoints.namespace, endpoints.service)
