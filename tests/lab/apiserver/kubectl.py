"""A real kubectl for tests: with a kubeconfig, a cache and a namespace of its own, and texts without what differs."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.lab.apiserver.client import Client

NEWER = 34
"""From here on kubectl says from which namespace it deletes, and nothing of a Node's kube-proxy. 1.33 is older, 1.36 newer."""
CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: eips.network.kubesphere.io}
spec:
  group: network.kubesphere.io
  scope: Cluster
  names: {kind: Eip, plural: eips}
  versions:
  - name: v1alpha2
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: cidr, type: string, jsonPath: .spec.address}
    - {name: usage, type: integer, jsonPath: .status.usage}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [address]
            properties:
              address: {type: string, description: The addresses of the pool.}
              protocol: {type: string, default: layer2, enum: [bgp, layer2, vip]}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""
EIP = """
apiVersion: network.kubesphere.io/v1alpha2
kind: Eip
metadata: {name: %s}
spec: {address: 192.168.0.91-192.168.0.100}
"""
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: example.com/web, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{name: http, port: 80}]}
"""
_MASKS = (
    (re.compile(r"\b10\.233\.\d+\.\d+\b"), "IP"),
    (re.compile(r"\b3\d{4}(?=/TCP)|(?<=nodePort: )\d+"), "PORT"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"), "TIME"),
    (re.compile(r"(?<=resourceVersion: )\S+"), "RV"),
    (re.compile(r"(?<=Resource Version:) *\d+"), " RV"),
    (re.compile(r"\b(shop|default)\d*\b"), "SHOP"),
)


def masked(text: str) -> str:
    """A text in which addresses, ports, times, uids and versions are words; columns are one blank apart."""
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return re.sub(r"(?<=\S) {2,}", " ", re.sub(r" +$", "", text, flags=re.MULTILINE))


class Kubectl:
    """kubectl, in a namespace of its own; an empty one is that of the kubeconfig."""

    def __init__(self, client: Client, directory: Path, namespace: str) -> None:
        self.client, self.namespace = client, namespace
        self._directory = directory
        self._own = {
            "KUBECONFIG": str(directory / "kubeconfig"),
            "HOME": str(directory),
            "KUBECTL_EXTERNAL_DIFF": "diff",
        }

    def at(self, namespace: str) -> Kubectl:
        """The same in another namespace."""
        return Kubectl(self.client, self._directory, namespace)

    @cached_property
    def minor(self) -> int:
        """Which kubectl it is: 20 for 1.20."""
        found = json.loads(self.run("version", "--client", "-o", "json").stdout)
        return int(re.sub(r"\D.*", "", found["clientVersion"]["minor"]))

    def command(self, *arguments: str) -> list[str]:
        """The command as it is run."""
        place = ["--namespace", self.namespace] if self.namespace else []
        return ["kubectl", "--cache-dir", str(self._directory / "cache"), *place, *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """The environment in which it is run."""
        return os.environ | self._own | more

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it; the output and the exit code."""
        return subprocess.run(
            self.command(*arguments),
            input=stdin,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> str:
        """Run it and return what it printed; it must succeed."""
        done = self.run(*arguments, stdin=stdin, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, *arguments: str, stdin: str = "", code: int = 1, **environment: str) -> str:
        """Run it and return what it complained of; it must fail."""
        done = self.run(*arguments, stdin=stdin, **environment)
        assert done.returncode == code, done
        return done.stderr

    def report(self, path: str, status: Any) -> None:
        """Change a status, which `kubectl patch` can do since 1.24 only."""
        self.client.patch(f"{path}/status", {"status": status})
