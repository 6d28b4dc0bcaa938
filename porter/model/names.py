"""Names of things in a cluster, as types, so that a node's name is never passed where a Service's is meant."""

from typing import NewType

NodeName = NewType("NodeName", str)
EipName = NewType("EipName", str)
ServiceKey = NewType("ServiceKey", str)
"""`namespace/name` of a Service."""


def service_key(namespace: str, name: str) -> ServiceKey:
    """Join a namespace and a name to the key under which a Service is known everywhere."""
    return f"{namespace}/{name}"  # type: ignore[return-value]  # ServiceKey() is a call, and this is made for all entries
