"""What `kubectl explain` says where the Kubernetes client's models do not: of parts that are a type of their own.

From the OpenAPI document of Kubernetes 1.36. Nothing is checked by it.
"""

from __future__ import annotations

_CONVENTIONS = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
_STATUS = f"{_CONVENTIONS}#spec-and-status"
_REPORTED = f"Populated by the system. Read-only. More info: {_STATUS}"
API_VERSION = f"APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: {_CONVENTIONS}#resources"  # noqa: E501
KIND = f"Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: {_CONVENTIONS}#types-kinds"  # noqa: E501
METADATA = f"Standard object's metadata. More info: {_CONVENTIONS}#metadata"
_LATE = "This data may be out of date by some window of time."
_PARTS = {
    ("CustomResourceDefinition", "spec"): "spec describes how the user wants the resources to appear",
    ("CustomResourceDefinition", "status"): "status indicates the actual state of the CustomResourceDefinition",
    ("DaemonSet", "spec"): f"The desired behavior of this daemon set. More info: {_STATUS}",
    ("DaemonSet", "status"): f"The current status of this daemon set. {_LATE} {_REPORTED}",
    ("Deployment", "spec"): "Specification of the desired behavior of the Deployment.",
    ("Deployment", "status"): "Most recently observed status of the Deployment.",
    ("Lease", "spec"): f"spec contains the specification of the Lease. More info: {_STATUS}",
    ("Namespace", "spec"): f"Spec defines the behavior of the Namespace. More info: {_STATUS}",
    ("Namespace", "status"): f"Status describes the current status of a Namespace. More info: {_STATUS}",
    ("Node", "spec"): f"Spec defines the behavior of a node. {_STATUS}",
    ("Node", "status"): f"Most recently observed status of the node. {_REPORTED}",
    ("Pod", "spec"): f"Specification of the desired behavior of the pod. More info: {_STATUS}",
    ("Pod", "status"): f"Most recently observed status of the pod. This data may not be up to date. {_REPORTED}",
    (
        "ReplicaSet",
        "spec",
    ): f"Spec defines the specification of the desired behavior of the ReplicaSet. More info: {_STATUS}",
    ("ReplicaSet", "status"): f"Status is the most recently observed status of the ReplicaSet. {_LATE} {_REPORTED}",
    ("Service", "spec"): f"Spec defines the behavior of a service. {_STATUS}",
    ("Service", "status"): f"Most recently observed status of the service. {_REPORTED}",
    ("ServiceCIDR", "spec"): f"spec is the desired state of the ServiceCIDR. More info: {_STATUS}",
    ("ServiceCIDR", "status"): f"status represents the current state of the ServiceCIDR. More info: {_STATUS}",
}
_PROTOCOLS = ("SCTP", "TCP", "UDP")
ENUMS = {
    ("Container", "imagePullPolicy"): ("Always", "IfNotPresent", "Never"),
    ("ContainerPort", "protocol"): _PROTOCOLS,
    ("DaemonSetUpdateStrategy", "type"): ("OnDelete", "RollingUpdate"),
    ("DeploymentStrategy", "type"): ("Recreate", "RollingUpdate"),
    ("EndpointSlice", "addressType"): ("FQDN", "IPv4", "IPv6"),
    ("PodSpec", "dnsPolicy"): ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    ("PodSpec", "restartPolicy"): ("Always", "Never", "OnFailure"),
    ("ServicePort", "protocol"): _PROTOCOLS,
    ("ServiceSpec", "externalTrafficPolicy"): ("Cluster", "Local"),
    ("ServiceSpec", "internalTrafficPolicy"): ("Cluster", "Local"),
    ("ServiceSpec", "ipFamilyPolicy"): ("PreferDualStack", "RequireDualStack", "SingleStack"),
    ("ServiceSpec", "sessionAffinity"): ("ClientIP", "None"),
    ("ServiceSpec", "type"): ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
}
INT_OR_STRING = frozenset(
    {("RollingUpdateDeployment", "maxSurge"), ("RollingUpdateDeployment", "maxUnavailable")}
    | {("RollingUpdateDaemonSet", "maxSurge"), ("RollingUpdateDaemonSet", "maxUnavailable")}
    | {("ServicePort", "targetPort"), ("HTTPGetAction", "port"), ("TCPSocketAction", "port")}
)


def of_part(kind: str, field: str) -> str:
    """What a field of a kind means; empty where nothing is told here."""
    return METADATA if field == "metadata" else _PARTS.get((kind, field), "")
