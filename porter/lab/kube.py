"""A small blocking client of the Kubernetes API for the lab's own commands. Plain JSON, one connection a request.

It imports no Kubernetes library, so commands start at once. Nothing outside the lab uses it.
"""

import base64
import http.client
import json
import ssl
import tempfile
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from porter.lab.errors import LabError

Object = dict[str, Any]

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_PLACES = {  # kind: (path prefix, plural, namespaced)
    "ClusterRole": (_RBAC, "clusterroles", False),
    "ClusterRoleBinding": (_RBAC, "clusterrolebindings", False),
    "ConfigMap": ("/api/v1", "configmaps", True),
    "CustomResourceDefinition": ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "DaemonSet": ("/apis/apps/v1", "daemonsets", True),
    "Deployment": ("/apis/apps/v1", "deployments", True),
    "Eip": ("/apis/network.kubesphere.io/v1alpha2", "eips", False),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices", True),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases", True),
    "Namespace": ("/api/v1", "namespaces", False),
    "Node": ("/api/v1", "nodes", False),
    "Pod": ("/api/v1", "pods", True),
    "Role": (_RBAC, "roles", True),
    "RoleBinding": (_RBAC, "rolebindings", True),
    "Service": ("/api/v1", "services", True),
    "ServiceAccount": ("/api/v1", "serviceaccounts", True),
}
CONFLICT = 409
NOT_FOUND = 404
TOO_MANY = 429


class RefusedError(LabError):
    """The API server said no. `code` is the HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Access(NamedTuple):
    """What a kubeconfig says: where the server is, whom to trust, who we are (by token, or by certificate and key)."""

    server: str
    authority: str
    token: str
    certificate: str = ""
    key: str = ""
    server_name: str = ""
    """The name that the server's certificate is for, where it is not that of its address."""

    def context(self) -> ssl.SSLContext:
        """Trust this cluster's authority and no other. Raises ssl.SSLError for certificates that are none."""
        made = ssl.create_default_context(cadata=self.authority)
        if self.certificate:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:  # Python's ssl reads files only
                both.write(f"{self.certificate}\n{self.key}\n")
                both.flush()
                made.load_cert_chain(both.name)
        return made

    def headers(self) -> dict[str, str]:
        """What every request says of who asks."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def ready_status(obj: Object) -> str:
    """What a Node or a Pod says of its condition Ready: True, False or Unknown; "" where it says nothing."""
    conditions = obj.get("status", {}).get("conditions") or []
    return next((str(condition["status"]) for condition in conditions if condition["type"] == "Ready"), "")


def read_access(path: Path) -> Access:
    """The current context of a kubeconfig. Raises FileNotFoundError, or LabError when it lacks something."""
    import yaml  # noqa: PLC0415 - 40 ms that most commands do not need

    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        named = {part: {entry["name"]: entry for entry in config[part]} for part in ("contexts", "clusters", "users")}
        context = named["contexts"][config["current-context"]]["context"]
        cluster = named["clusters"][context["cluster"]]["cluster"]
        user = named["users"][context["user"]].get("user") or {}
        token = user.get("token") or (user.get("tokenFile") and (path.parent / user["tokenFile"]).read_text("utf-8"))
        if not token and not {"client-certificate", "client-certificate-data"} & set(user):
            raise LabError(
                f"the user of {path} has no token and no client certificate, and the lab runs no program (exec)"
            )
        if not {"certificate-authority", "certificate-authority-data"} & set(cluster):
            raise LabError(f"the cluster of {path} names no certificate authority, and the lab trusts no other server")
        access = Access(
            server=str(cluster["server"]).rstrip("/"),
            authority=_text(cluster, "certificate-authority", path),
            token=(token or "").strip(),
            certificate="" if token else _text(user, "client-certificate", path),
            key="" if token else _text(user, "client-key", path),
            server_name=cluster.get("tls-server-name") or "",
        )
        access.context()
    except (AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise LabError(f"{path} is not a kubeconfig that the lab can read: {error!r}") from None
    except ssl.SSLError as error:
        raise LabError(f"a certificate in {path} cannot be read: {error.reason or error}") from None
    return access


def _text(part: Object, name: str, path: Path) -> str:
    """A certificate or a key, which a kubeconfig holds itself or names as a file. Raises KeyError, OSError."""
    if f"{name}-data" in part:
        return base64.b64decode(part[f"{name}-data"]).decode("ascii")
    return (path.parent / str(part[name])).read_text("ascii")


def path_of(kind: str, name: str = "", *, namespace: str | None = "default") -> str:
    """The path of an object, of all of a kind in a namespace, or (namespace None) of all of a kind."""
    prefix, plural, namespaced = _PLACES[kind]
    middle = f"/namespaces/{namespace}" if namespaced and namespace else ""
    return f"{prefix}{middle}/{plural}" + (f"/{name}" if name else "")


class Kube:
    """The API server of a lab."""

    def __init__(self, access: Access, *, timeout: float = 5.0) -> None:
        self._access = access
        self._context = access.context()
        self._timeout = timeout

    def request(
        self, method: str, path: str, body: Object | None = None, *, kind: str = "application/json", **query: str
    ) -> Any:
        """One request. Raises RefusedError, or LabError when the server cannot be reached."""
        url = urlsplit(self._access.server)
        connection = http.client.HTTPSConnection(
            url.hostname or "", url.port, timeout=self._timeout, context=self._context
        )
        headers = {**self._access.headers(), "Content-Type": kind, "Accept": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, path + (f"?{urlencode(query)}" if query else ""), data, headers)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise LabError(f"the API server at {self._access.server} does not answer: {error}") from None
        finally:
            connection.close()
        try:
            answer = json.loads(text) if text else {}
        except ValueError:
            answer = text.decode(errors="replace")  # /readyz and its like speak plain text
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            said = answer.get("message", answer) if isinstance(answer, dict) else answer
            raise RefusedError(response.status, f"{method} {path}: {said}")
        return answer

    def get(self, kind: str, name: str, *, namespace: str = "default") -> Object:
        """One object. Raises RefusedError with code 404 when there is none."""
        answer: Object = self.request("GET", path_of(kind, name, namespace=namespace))
        return answer

    def find(self, kind: str, name: str, *, namespace: str = "default") -> Object | None:
        """One object, None when there is none."""
        try:
            return self.get(kind, name, namespace=namespace)
        except RefusedError as refused:
            if refused.code != NOT_FOUND:
                raise
            return None

    def list(self, kind: str, *, namespace: str | None = None, **query: str) -> list[Object]:
        """All objects of a kind."""
        answer: Object = self.request("GET", path_of(kind, namespace=namespace), None, kind="application/json", **query)
        return list(answer.get("items") or [])

    def patch(self, kind: str, name: str, change: Object, *, namespace: str = "default") -> Object:
        """Change an object with a merge patch (RFC 7386)."""
        path = path_of(kind, name, namespace=namespace)
        answer: Object = self.request("PATCH", path, change, kind="application/merge-patch+json")
        return answer

    def delete(self, kind: str, name: str, *, namespace: str = "default", grace: int | None = None) -> None:
        """Delete an object; a Pod within `grace` seconds. Fine when it is gone already."""
        query = "" if grace is None else f"?gracePeriodSeconds={grace}"
        try:
            self.request("DELETE", path_of(kind, name, namespace=namespace) + query)
        except RefusedError as refused:
            if refused.code != NOT_FOUND:
                raise

    def apply(self, manifest: Object) -> Object:
        """Create an object, or merge it into the one that is there."""
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        namespace = manifest["metadata"].get("namespace", "default")
        try:
            answer: Object = self.request("POST", path_of(kind, namespace=namespace), manifest)
        except RefusedError as refused:
            if refused.code != CONFLICT:
                raise
            return self.patch(kind, name, manifest, namespace=namespace)
        return answer

    def ready(self) -> bool:
        """Tell whether the server answers and calls itself ready."""
        try:
            self.request("GET", "/readyz")
        except LabError:
            return False
        return True
