"""Bodies in Kubernetes' protobuf form, read for the few kinds that kubectl creates that way. Nothing is written in it.

kubectl 1.32 sends protobuf from its typed clients (`create namespace`, `create deployment`, `auth can-i` ...) and takes
JSON in return. FIELDS holds the field numbers of the generated.proto files of k8s.io/api, for these kinds only.
"""

from __future__ import annotations

import base64
from typing import Any

from porter.lab.apiserver.errors import bad_request, unsupported_media
from porter.lab.apiserver.objects import Json

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"

# Number: (field, what it holds). A `*` repeats, `map:` is a mapping of strings, a capital is another message; `skip` is
# what the server sets itself.
FIELDS: dict[str, dict[int, tuple[str, str]]] = {
    "Unknown": {1: ("typeMeta", "TypeMeta"), 2: ("raw", "raw")},
    "TypeMeta": {1: ("apiVersion", "string"), 2: ("kind", "string")},
    "ObjectMeta": {
        1: ("name", "string"),
        2: ("generateName", "string"),
        3: ("namespace", "string"),
        5: ("uid", "string"),
        6: ("resourceVersion", "string"),
        8: ("creationTimestamp", "skip"),
        11: ("labels", "map:string"),
        12: ("annotations", "map:string"),
        14: ("finalizers", "*string"),
    },
    "Namespace": {1: ("metadata", "ObjectMeta"), 2: ("spec", "skip"), 3: ("status", "skip")},
    "ConfigMap": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "map:string"),
        3: ("binaryData", "map:bytes"),
        4: ("immutable", "bool"),
    },
    "Secret": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "map:bytes"),
        3: ("type", "string"),
        4: ("stringData", "map:string"),
        5: ("immutable", "bool"),
    },
    "ServiceAccount": {1: ("metadata", "ObjectMeta")},
    "SelfSubjectAccessReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "AccessReviewSpec"),
        3: ("status", "skip"),
    },
    "AccessReviewSpec": {
        1: ("resourceAttributes", "ResourceAttributes"),
        2: ("nonResourceAttributes", "NonResourceAttributes"),
    },
    "ResourceAttributes": {
        1: ("namespace", "string"),
        2: ("verb", "string"),
        3: ("group", "string"),
        4: ("version", "string"),
        5: ("resource", "string"),
        6: ("subresource", "string"),
        7: ("name", "string"),
    },
    "NonResourceAttributes": {1: ("path", "string"), 2: ("verb", "string")},
    "SelfSubjectRulesReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "RulesReviewSpec"),
        3: ("status", "skip"),
    },
    "RulesReviewSpec": {1: ("namespace", "string")},
    "TokenRequest": {1: ("metadata", "ObjectMeta"), 2: ("spec", "TokenRequestSpec"), 3: ("status", "skip")},
    "TokenRequestSpec": {
        1: ("audiences", "*string"),
        3: ("boundObjectRef", "BoundObjectReference"),
        4: ("expirationSeconds", "int"),
    },
    "BoundObjectReference": {
        1: ("kind", "string"),
        2: ("apiVersion", "string"),
        3: ("name", "string"),
        4: ("uid", "string"),
    },
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta"), 2: ("status", "skip")},
    "Role": {1: ("metadata", "ObjectMeta"), 2: ("rules", "*PolicyRule")},
    "ClusterRole": {1: ("metadata", "ObjectMeta"), 2: ("rules", "*PolicyRule")},
    "PolicyRule": {
        1: ("verbs", "*string"),
        2: ("apiGroups", "*string"),
        3: ("resources", "*string"),
        4: ("resourceNames", "*string"),
        5: ("nonResourceURLs", "*string"),
    },
    "RoleBinding": {1: ("metadata", "ObjectMeta"), 2: ("subjects", "*Subject"), 3: ("roleRef", "RoleRef")},
    "ClusterRoleBinding": {1: ("metadata", "ObjectMeta"), 2: ("subjects", "*Subject"), 3: ("roleRef", "RoleRef")},
    "Subject": {
        1: ("kind", "string"),
        2: ("apiGroup", "string"),
        3: ("name", "string"),
        4: ("namespace", "string"),
    },
    "RoleRef": {1: ("apiGroup", "string"), 2: ("kind", "string"), 3: ("name", "string")},
    "Service": {1: ("metadata", "ObjectMeta"), 2: ("spec", "ServiceSpec"), 3: ("status", "skip")},
    "ServiceSpec": {
        1: ("ports", "*ServicePort"),
        2: ("selector", "map:string"),
        3: ("clusterIP", "string"),
        4: ("type", "string"),
        7: ("sessionAffinity", "string"),
        8: ("loadBalancerIP", "string"),
        10: ("externalName", "string"),
        11: ("externalTrafficPolicy", "string"),
    },
    "ServicePort": {
        1: ("name", "string"),
        2: ("protocol", "string"),
        3: ("port", "int"),
        4: ("targetPort", "IntOrString"),
        5: ("nodePort", "int"),
    },
    "IntOrString": {1: ("type", "int"), 2: ("intVal", "int"), 3: ("strVal", "string")},
    "Deployment": {1: ("metadata", "ObjectMeta"), 2: ("spec", "DeploymentSpec"), 3: ("status", "skip")},
    "DeploymentSpec": {
        1: ("replicas", "int"),
        2: ("selector", "LabelSelector"),
        3: ("template", "PodTemplateSpec"),
        4: ("strategy", "Empty"),
    },
    "LabelSelector": {1: ("matchLabels", "map:string")},
    "PodTemplateSpec": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec")},
    "PodSpec": {2: ("containers", "*Container")},
    "Container": {
        1: ("name", "string"),
        2: ("image", "string"),
        3: ("command", "*string"),
        4: ("args", "*string"),
        6: ("ports", "*ContainerPort"),
        8: ("resources", "Empty"),
    },
    "ContainerPort": {
        1: ("name", "string"),
        2: ("hostPort", "int"),
        3: ("containerPort", "int"),
        4: ("protocol", "string"),
    },
    "Empty": {},
    "DeleteOptions": {
        2: ("preconditions", "Preconditions"),
        4: ("propagationPolicy", "string"),
        5: ("dryRun", "*string"),
    },
    "Preconditions": {1: ("uid", "string"), 2: ("resourceVersion", "string")},
}


def protobuf_body(raw: bytes) -> Json:
    """The object of a protobuf body; refused with 415 for a kind that is not in the table."""
    if not raw.startswith(_MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        envelope = _message(raw[len(_MAGIC) :], "Unknown")
        kind = envelope.get("typeMeta", {}).get("kind", "")
        if kind not in FIELDS:
            message = f"{kind or 'this kind'} is not read from protobuf here; send application/json"
            raise unsupported_media(message, details=False)
        return {**envelope["typeMeta"], **_message(envelope.get("raw", b""), kind)}
    except (IndexError, UnicodeDecodeError, ValueError) as failed:
        message = f"protobuf body cannot be read: {failed}"
        raise bad_request(message) from failed


def _message(raw: bytes, name: str) -> Json:
    """One message; a field that the table does not name must be empty, so that nothing is lost unseen."""
    found: Json = {}
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        value, at = _value(raw, at, tag & 7)
        key, kind = FIELDS[name].get(tag >> 3, ("", "unknown"))
        if kind == "unknown" and any(value if isinstance(value, bytes) else [value]):
            message = f"field {tag >> 3} of {name} is not read from protobuf here; send application/json"
            raise unsupported_media(message, details=False)
        if kind in ("unknown", "skip"):
            continue
        if kind.startswith("*"):
            found.setdefault(key, []).append(_read(value, kind[1:]))
        elif kind.startswith("map:"):
            inner = _entry(value, kind.removeprefix("map:"))
            found.setdefault(key, {}).update(inner)
        else:
            read = _read(value, kind)
            if read not in ("", {}) or key == "spec":  # Go writes every string that is not a pointer, empty or not
                found[key] = read
    return found


def _entry(raw: Any, kind: str) -> Json:
    parts: dict[int, Any] = {1: b"", 2: b""}
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        parts[tag >> 3], at = _value(raw, at, tag & 7)
    return {parts[1].decode(): _read(parts[2], kind)}


def _read(value: Any, kind: str) -> Any:
    match kind:
        case "string":
            return value.decode()
        case "bytes":
            return base64.b64encode(value).decode()
        case "bool":
            return bool(value)
        case "raw" | "int":
            return value
        case "IntOrString":
            found = _message(value, kind)
            return found.get("strVal") or found.get("intVal", 0)
        case _:
            return _message(value, kind)


def _value(raw: bytes, at: int, wire: int) -> tuple[Any, int]:
    match wire:
        case 0:
            return _varint(raw, at)
        case 2:
            size, at = _varint(raw, at)
            if at + size > len(raw):
                raise IndexError("it ends inside a field")
            return raw[at : at + size], at + size
        case 1 | 5:
            size = 8 if wire == 1 else 4
            return raw[at : at + size], at + size
        case _:
            message = f"wire type {wire} is unknown"
            raise ValueError(message)


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  (the highest bit says that more follows)
            return value, at
        shift += 7
