"""The kubeconfig of one server and one user, as text."""

from __future__ import annotations

import base64

import yaml

from porter.lab.apiserver.objects import Json


def kubeconfig(*, url: str, token: str, name: str, authority: bytes) -> str:
    """The text of a kubeconfig; without an authority the server speaks plain HTTP."""
    cluster: Json = {"server": url}
    if authority:
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": f"{name}-admin", "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": f"{name}-admin"}}],
        "current-context": name,
    }
    return yaml.safe_dump(config, sort_keys=False)
