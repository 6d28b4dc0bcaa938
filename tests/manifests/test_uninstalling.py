"""Uninstalling, in any order, leaves nothing stuck: no finalizer waits for an agent that is gone, no webhook refuses."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from porter.manifests import PARTS, Part, render
from tests.check.cluster import EIPS, PATHS, SERVICES, Cluster, cluster

WHERE = PATHS | {"DaemonSet": "/apis/apps/v1/namespaces/porter-system/daemonsets"}
MARKS = {
    "annotations": {"lb.kubesphere.io/v1alpha1": "porter", "layer2.porter.kubesphere.io/v1alpha1": "node1"},
    "labels": {"eip.porter.kubesphere.io/v1alpha2": "edge"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


def path_of(document: dict[str, Any]) -> str:
    return f"{WHERE[document['kind']]}/{document['metadata']['name']}"


@pytest.mark.parametrize("order", list(itertools.permutations(PARTS)), ids="-".join)
def test_everything_goes_at_once(server: Cluster, order: tuple[Part, ...]) -> None:
    parts = {part: list(yaml.safe_load_all(render([part]))) for part in PARTS}
    for part in PARTS:
        for document in parts[part]:
            server.client.post(WHERE[document["kind"]], document)
    server.client.get(EIPS)
    server.eip()
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    server.put(SERVICES, "web", metadata=MARKS, spec=spec)
    server.client.patch(f"{SERVICES}/web/status", {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.91"}]}}})

    for part in order:
        for document in parts[part]:
            server.client.ask("DELETE", path_of(document))  # 404 where it went with its namespace
        left = [path_of(one) for one in parts[part] if server.client.ask("GET", path_of(one)).status != 404]
        assert left == [], f"stuck after {part}"
    assert server.client.ask("GET", EIPS).status == 404
    assert server.client.ask("DELETE", f"{SERVICES}/web").status == 200
    assert server.client.ask("GET", f"{SERVICES}/web").status == 404


def test_nothing_of_it_has_a_finalizer_or_a_webhook() -> None:
    documents = list(yaml.safe_load_all(render()))

    assert not any(one["metadata"].get("finalizers") for one in documents)
    assert not any("Webhook" in one["kind"] for one in documents)
