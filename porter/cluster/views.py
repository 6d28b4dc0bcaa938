"""What the API shows of the fields that Porter writes, kept beside the projection to be compared before writing.

Never logged, and never read by the fold.
"""

from collections.abc import Mapping
from typing import Any

import msgspec


class IngressView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `status.loadBalancer.ingress`."""

    ip: str | None = None
    hostname: str | None = None
    ip_mode: str | None = None


class ConditionView(msgspec.Struct, frozen=True, kw_only=True):
    """One condition."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    since: str | None = None
    """lastTransitionTime."""


class ServiceView(msgspec.Struct, frozen=True, kw_only=True):
    """A Service as the publisher sees it."""

    namespace: str
    name: str
    uid: str
    version: str
    ingress: tuple[IngressView, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    """Only the labels that Porter writes, in either spelling."""
    annotations: tuple[tuple[str, str], ...] = ()
    """Only the annotations that Porter writes, in either spelling."""
    finalizers: tuple[str, ...] = ()
    """Only those that older versions left."""
    conditions: tuple[ConditionView, ...] = ()
    """Only Porter's."""

    @property
    def path(self) -> str:
        """Where the Service is in the API."""
        return f"/api/v1/namespaces/{self.namespace}/services/{self.name}"

    def condition(self, kind: str) -> ConditionView | None:
        """Return the condition of that type."""
        return next((one for one in self.conditions if one.type == kind), None)

    @property
    def ips(self) -> tuple[str, ...]:
        """The addresses of the ingress list, in its order."""
        return tuple(one.ip for one in self.ingress if one.ip)


class EipView(msgspec.Struct, frozen=True, kw_only=True):
    """An Eip as the publisher sees it. `status` is plain JSON data, as it came."""

    name: str
    uid: str
    version: str
    status: Mapping[str, Any]
    finalizers: tuple[str, ...] = ()
    """All of them: a merge patch can only replace the list."""

    @property
    def path(self) -> str:
        """Where the Eip is in the API."""
        return f"/apis/network.kubesphere.io/v1alpha2/eips/{self.name}"


class LeaseView(msgspec.Struct, frozen=True, kw_only=True):
    """A Lease as its watchers see it. `renewed` is only ever compared for equality."""

    name: str
    uid: str
    version: str
    holder: str = ""
    renewed: str = ""
    duration: float = 15.0
    """Seconds."""
    transitions: int = 0
