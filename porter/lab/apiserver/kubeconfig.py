"""The kubeconfig of one server and one user, as text and as a file. It is written whole or not at all."""

from __future__ import annotations

import base64
import os
import tempfile
from pathlib import Path

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


def write_private(path: Path, text: str) -> None:
    """Put a file in place in one step, for its owner only: whoever sees it sees all of it."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mkstemp makes it 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(temporary).replace(path)
