"""The audit log: one line of JSON for every request, saying who asked, for what, whether and by which right.

The form is audit.k8s.io/v1 at level Metadata. Bodies are never written, nor tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from porter.lab.apiserver.access import Verdict
from porter.lab.apiserver.identities import Identity
from porter.lab.apiserver.objects import Clock, Json, encode, timestamp
from porter.lab.apiserver.rbac import Attributes


@dataclass(frozen=True, kw_only=True, slots=True)
class Audited:
    """A request that was answered, or a watch that was begun."""

    who: Identity
    asked: Attributes
    verdict: Verdict
    uri: str
    agent: str
    code: int


Audit = Callable[[Audited], None]


class AuditLog:
    """Appends to a file; every line is written at once, so whoever reads the file sees what has happened."""

    def __init__(self, path: Path, now: Clock) -> None:
        self._file = path.open("ab", buffering=0)
        self._now = now

    def __call__(self, event: Audited) -> None:
        """Write one line."""
        self._file.write(encode(self._line(event)) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _line(self, event: Audited) -> Json:
        asked, verdict = event.asked, event.verdict
        annotations = {"authorization.k8s.io/decision": "allow" if verdict.allowed else "forbid"}
        annotations["authorization.k8s.io/reason"] = verdict.reason
        if verdict.right is not None:
            annotations["lab/right"] = str(verdict.right)
        line: Json = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "stage": "ResponseStarted" if asked.verb == "watch" else "ResponseComplete",
            "stageTimestamp": timestamp(self._now()),
            "requestURI": event.uri,
            "verb": asked.verb,
            "user": event.who.info(),
            "userAgent": event.agent,
            "responseStatus": {"code": event.code},
            "annotations": annotations,
        }
        if asked.resource:
            named = {
                "resource": asked.resource,
                "subresource": asked.subresource,
                "namespace": asked.namespace,
                "name": asked.name,
                "apiGroup": asked.group,
                "apiVersion": asked.version,
            }
            line["objectRef"] = {key: value for key, value in named.items() if value}
        return line
