"""Porter in a lab as somebody would install it: the manifests that it prints, and the rights that they grant.

The agents speak to the API server as the manifests' ServiceAccount, so a right that is missing there is missing here.
"""

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from porter.lab.furniture import as_applied
from porter.lab.kube import NOT_FOUND, TOO_MANY, Kube, Object, RefusedError, path_of
from porter.lab.private import write_private
from porter.manifests import Part

PARTS: Final[tuple[Part, ...]] = ("crd", "rbac")
"""What of `porter manifests` a lab applies: its Namespace stands already, and for the DaemonSet it starts processes."""
NAMESPACE: Final = "porter-system"
ACCOUNT: Final = "porter"
_LIFETIME = 3650 * 24 * 3600  # seconds: longer than any lab


def parts(manifests: str) -> tuple[list[Object], list[Object]]:
    """The documents that `porter manifests` prints: first what an agent needs to be let in, then the definitions."""
    import yaml  # noqa: PLC0415 - 40 ms that most commands do not need

    documents: list[Object] = [document for document in yaml.safe_load_all(manifests) if document]
    kinds = [document for document in documents if document["kind"] == "CustomResourceDefinition"]
    return [document for document in documents if document not in kinds], kinds


def install(kube: Kube, documents: Iterable[Object]) -> None:
    """Apply documents as `kubectl apply` does."""
    for document in documents:
        kube.apply(as_applied(document))


def is_listed(kube: Kube, kind: str) -> bool:
    """Tell whether a kind can be listed: for a moment after its definition came, the server says 429, try in 1 s."""
    try:
        kube.list(kind)
    except RefusedError as refused:
        if refused.code not in {NOT_FOUND, TOO_MANY}:
            raise
        return False
    return True


def write_kubeconfig(kube: Kube, administrator: Path, agent: Path) -> None:
    """Write an agent's kubeconfig beside the administrator's: the same server, a token of the ServiceAccount.

    Only its owner may read the file.
    """
    import yaml  # noqa: PLC0415 - as above

    path = f"{path_of('ServiceAccount', ACCOUNT, namespace=NAMESPACE)}/token"
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": _LIFETIME},
    }
    token = kube.request("POST", path, request)["status"]["token"]
    config = copy.deepcopy(yaml.safe_load(administrator.read_text(encoding="utf-8")))
    for user in config["users"]:
        user["user"] = {"token": token}
    write_private(agent, yaml.safe_dump(config, sort_keys=False))
