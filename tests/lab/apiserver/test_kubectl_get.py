"""What kubectl shows: get in its forms, watch, describe. Whole texts, with ages, addresses and versions as words.

They hold for the kubectl of Debian 12 (1.20) as for those of today; where the two differ, both texts are here.
"""

from __future__ import annotations

import json
import re
import select
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.lab.apiserver.kubectl import EIP, NEWER, WEB, Kubectl, masked
from tests.processes import killed

POOL = "/apis/network.kubesphere.io/v1alpha2/eips/pool"
RECORDED = Path(__file__).parents[2] / "data" / "kube-api" / "11-table.json"
TELLS_INTERNAL_POLICY, NEW_HEADERS, SHOWS_MANAGED_FIELDS = 31, 25, 20  # since and until which kubectl
APPLIED = '{"apiVersion":"v1","kind":"Service","metadata":{"annotations":{},"name":"web","namespace":"SHOP"},"spec":{"ports":[{"name":"http","port":80}],"selector":{"app":"web"},"type":"LoadBalancer"}}'


@pytest.fixture(scope="module")
def shop(first_kubectl: Kubectl) -> Kubectl:
    """A shop with a Deployment, a Service with an Event, a pool and a node: for tests that only look."""
    client = first_kubectl.client
    client.post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
    made = first_kubectl.at("shop")
    made("apply", "-f", "-", stdin=WEB)
    made("apply", "-f", "-", stdin=EIP % "pool")
    made.report(POOL, {"usage": 1})
    client.post("/api/v1/nodes", {"metadata": {"name": "n1", "labels": {"node-role.kubernetes.io/worker": ""}}})
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "it is"}
    times = {"lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    info = {"kubeletVersion": "v1.36.0", "osImage": "Debian GNU/Linux 12", "kernelVersion": "6.1.0"}
    made.report(
        "/api/v1/nodes/n1",
        {
            "conditions": [ready | times],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "nodeInfo": info | {"containerRuntimeVersion": "containerd://2.0"},
        },
    )
    service = client.get("/api/v1/namespaces/shop/services/web")
    about = {"kind": "Service", "name": "web", "namespace": "shop", "uid": service["metadata"]["uid"]}
    told = {"reason": "AddressAssigned", "message": "192.168.0.91 from Eip pool", "type": "Normal"}
    at = {"firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z", "count": 1}
    event = {"metadata": {"name": "web.1"}, "involvedObject": about, "source": {"component": "porter"}, **told, **at}
    client.post("/api/v1/namespaces/shop/events", event)
    return made


def without_managed_fields(shop: Kubectl, told: str, following: str) -> str:
    """The text as every kubectl prints it: an old one shows managedFields, up to what follows."""
    if shop.minor > SHOWS_MANAGED_FIELDS:
        return told
    block = rf"  managed ?fields:\n.*?(?={re.escape(following)})"
    return re.sub(block, "", told, count=1, flags=re.DOTALL | re.IGNORECASE)


def test_get_prints_a_table(shop: Kubectl) -> None:
    assert masked(shop("get", "deployments,svc,events")) == (
        "NAME READY UP-TO-DATE AVAILABLE AGE\n"
        "deployment.apps/web 0/2 0 0 0s\n"
        "\n"
        "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE\n"
        "service/web LoadBalancer IP <pending> 80:PORT/TCP 0s\n"
        "\n"
        "LAST SEEN TYPE REASON OBJECT MESSAGE\n"
        "0s Normal AddressAssigned service/web 192.168.0.91 from Eip pool\n"
    )


def test_get_prints_the_columns_that_a_definition_names(shop: Kubectl) -> None:
    assert masked(shop("get", "eips")) == "NAME CIDR USAGE\npool 192.168.0.91-192.168.0.100 1\n"


def test_get_wide_prints_more_columns(shop: Kubectl) -> None:
    assert masked(shop("get", "svc,deployments", "-o", "wide")) == (
        "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR\n"
        "service/web LoadBalancer IP <pending> 80:PORT/TCP 0s app=web\n"
        "\n"
        "NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR\n"
        "deployment.apps/web 0/2 0 0 0s web example.com/web app=web\n"
    )


def test_get_events_prints_the_columns_of_a_real_server_in_its_order(shop: Kubectl) -> None:
    assert masked(shop("get", "events", "-o", "wide")) == (
        "LAST SEEN TYPE REASON OBJECT SUBOBJECT SOURCE MESSAGE FIRST SEEN COUNT NAME\n"
        "0s Normal AddressAssigned service/web porter 192.168.0.91 from Eip pool 0s 1 web.1\n"
    )


def test_get_nodes_prints_what_the_guide_looks_at(shop: Kubectl) -> None:
    assert masked(shop("get", "nodes", "-o", "wide")) == (
        "NAME STATUS ROLES AGE VERSION INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME\n"
        "n1 Ready worker 0s v1.36.0 10.0.0.1 <none> Debian GNU/Linux 12 6.1.0 containerd://2.0\n"
    )


def printed(table: Any, *, wide: bool) -> str:
    """A recorded Table as kubectl prints it."""
    shown = [index for index, one in enumerate(table["columnDefinitions"]) if wide or one["priority"] == 0]
    lines = [[table["columnDefinitions"][index]["name"].upper() for index in shown]]
    lines += [[str(row["cells"][index]) for index in shown] for row in table["rows"]]
    words = {"<cluster-ip>": "IP", "80:<node-port>/TCP": "80:PORT/TCP"}
    return "".join(" ".join(words.get(cell, cell) for cell in line) + "\n" for line in lines)


@pytest.mark.parametrize("wide", [False, True])
def test_get_prints_the_table_that_a_real_server_sent(kubectl: Kubectl, wide: bool) -> None:  # noqa: FBT001
    create, show = json.loads(RECORDED.read_text())["exchanges"][:2]
    kubectl("create", "-f", "-", stdin=json.dumps(create["request"]["body"]))

    found = kubectl("get", "svc", "shown", *(("-o", "wide") if wide else ()))

    assert masked(found) == printed(show["answer"]["body"], wide=wide)


def test_get_yaml_prints_the_whole_object(shop: Kubectl) -> None:
    found = without_managed_fields(shop, masked(shop("get", "svc", "web", "-o", "yaml")), "  name: web\n")

    assert found == (
        "apiVersion: v1\n"
        "kind: Service\n"
        "metadata:\n"
        "  annotations:\n"
        "    kubectl.kubernetes.io/last-applied-configuration: |\n"
        f"      {APPLIED}\n"
        '  creationTimestamp: "TIME"\n'
        "  name: web\n"
        "  namespace: SHOP\n"
        "  resourceVersion: RV\n"
        "  uid: UID\n"
        "spec:\n"
        "  allocateLoadBalancerNodePorts: true\n"
        "  clusterIP: IP\n"
        "  clusterIPs:\n"
        "  - IP\n"
        "  externalTrafficPolicy: Cluster\n"
        "  internalTrafficPolicy: Cluster\n"
        "  ipFamilies:\n"
        "  - IPv4\n"
        "  ipFamilyPolicy: SingleStack\n"
        "  ports:\n"
        "  - name: http\n"
        "    nodePort: PORT\n"
        "    port: 80\n"
        "    protocol: TCP\n"
        "    targetPort: 80\n"
        "  selector:\n"
        "    app: web\n"
        "  sessionAffinity: None\n"
        "  type: LoadBalancer\n"
        "status:\n"
        "  loadBalancer: {}\n"
    )


def test_get_jsonpath_and_its_kin_print_what_is_asked_for(shop: Kubectl) -> None:
    assert shop("get", "svc", "web", "-o", "jsonpath={.spec.ports[*].port} {.spec.selector}") == '80 {"app":"web"}'
    assert shop("get", "svc,deployments", "-o", "name") == "service/web\ndeployment.apps/web\n"
    assert masked(shop("get", "eips", "-o", "custom-columns=WHO:.metadata.name,USED:.status.usage")) == (
        "WHO USED\npool 1\n"
    )


def test_get_selects_by_labels_and_fields(shop: Kubectl) -> None:
    assert shop("get", "nodes", "-l", "node-role.kubernetes.io/worker", "-o", "name") == "node/n1\n"
    assert shop("get", "svc", "--field-selector", "spec.type=ClusterIP", "-o", "name") == ""
    assert shop.fails("get", "svc", "--field-selector", "a=b") == (
        'Error from server (BadRequest): Unable to find "/v1, Resource=services" that match label selector "", '
        'field selector "a=b": field label not supported: a\n'
    )


def test_what_is_not_there_is_said_to_be_not_found(shop: Kubectl) -> None:
    assert shop.fails("get", "svc", "nope") == 'Error from server (NotFound): services "nope" not found\n'
    assert shop.fails("get", "nonsense") == 'error: the server doesn\'t have a resource type "nonsense"\n'
    assert shop.run("get", "pods").stderr == "No resources found in shop namespace.\n"


def test_a_watch_prints_every_change_under_one_header(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=EIP % "watched")
    command = kubectl.command("get", "eip", "watched", "-w")
    started = subprocess.Popen(command, env=kubectl.environment(), stdout=subprocess.PIPE, text=True)
    with started as watching, killed(watching):
        assert watching.stdout is not None
        seen = [watching.stdout.readline() for _ in range(2)]
        usage = 7
        kubectl.report(POOL.replace("pool", "watched"), {"usage": usage})
        # It looks first and watches then: what is new in between it leaves out.
        while not select.select([watching.stdout], [], [], 1.0)[0]:
            usage += 1
            assert usage < 60
            kubectl.report(POOL.replace("pool", "watched"), {"usage": usage})
        seen.append(watching.stdout.readline())
        kubectl.client.ask("DELETE", POOL.replace("pool", "watched"))
        seen.append(watching.stdout.readline())

    line = "watched 192.168.0.91-192.168.0.100"
    assert [masked(one) for one in seen] == ["NAME CIDR USAGE\n", f"{line}\n", f"{line} {usage}\n", f"{line} {usage}\n"]


def test_describe_shows_a_service_with_its_events(shop: Kubectl) -> None:
    told = masked(shop("describe", "svc", "web"))

    age = told.splitlines()[-1].split()[2]
    internal = "Internal Traffic Policy: Cluster\n" if shop.minor >= TELLS_INTERNAL_POLICY else ""
    assert told == (
        "Name: web\n"
        "Namespace: SHOP\n"
        "Labels: <none>\n"
        "Annotations: <none>\n"
        "Selector: app=web\n"
        "Type: LoadBalancer\n"
        "IP Family Policy: SingleStack\n"
        "IP Families: IPv4\n"
        "IP: IP\n"
        "IPs: IP\n"
        "Port: http 80/TCP\n"
        "TargetPort: 80/TCP\n"
        "NodePort: http PORT/TCP\n"
        "Endpoints: <none>\n"
        "Session Affinity: None\n"
        f"External Traffic Policy: Cluster\n{internal}"
        "Events:\n"
        "  Type Reason Age From Message\n"
        "  ---- ------ ---- ---- -------\n"
        f"  Normal AddressAssigned {age} porter 192.168.0.91 from Eip pool\n"
    )


def test_describe_shows_an_eip(shop: Kubectl) -> None:
    told = without_managed_fields(shop, masked(shop("describe", "eip", "pool")), "  Resource Version:")

    assert told == (
        "Name: pool\n"
        "Namespace:\n"
        "Labels: <none>\n"
        "Annotations: <none>\n"
        "API Version: network.kubesphere.io/v1alpha2\n"
        "Kind: Eip\n"
        "Metadata:\n"
        "  Creation Timestamp: TIME\n"
        "  Generation: 1\n"
        "  Resource Version: RV\n"
        "  UID: UID\n"
        "Spec:\n"
        "  Address: 192.168.0.91-192.168.0.100\n"
        "  Protocol: layer2\n"
        "Status:\n"
        "  Usage: 1\n"
        "Events: <none>\n"
    )


def test_describe_shows_a_node(shop: Kubectl) -> None:
    age = "Age" if shop.minor >= NEW_HEADERS else "AGE"
    proxy = "" if shop.minor >= NEWER else "  Kube-Proxy Version:\n"
    assert masked(shop("describe", "node", "n1")) == (
        "Name: n1\n"
        "Roles: worker\n"
        "Labels: node-role.kubernetes.io/worker=\n"
        "Annotations: <none>\n"
        "CreationTimestamp: TIME\n"
        "Taints: node.kubernetes.io/not-ready:NoSchedule\n"
        "Unschedulable: false\n"
        'Lease: Failed to get lease: leases.coordination.k8s.io "n1" not found\n'
        "Conditions:\n"
        "  Type Status LastHeartbeatTime LastTransitionTime Reason Message\n"
        "  ---- ------ ----------------- ------------------ ------ -------\n"
        "  Ready True TIME TIME KubeletReady it is\n"
        "Addresses:\n"
        "  InternalIP: 10.0.0.1\n"
        "System Info:\n"
        "  Machine ID:\n"
        "  System UUID:\n"
        "  Boot ID:\n"
        "  Kernel Version: 6.1.0\n"
        "  OS Image: Debian GNU/Linux 12\n"
        "  Operating System:\n"
        "  Architecture:\n"
        "  Container Runtime Version: containerd://2.0\n"
        "  Kubelet Version: v1.36.0\n"
        f"{proxy}"
        "Non-terminated Pods: (0 in total)\n"
        f"  Namespace Name CPU Requests CPU Limits Memory Requests Memory Limits {age}\n"
        "  --------- ---- ------------ ---------- --------------- ------------- ---\n"
        "Allocated resources:\n"
        "  (Total limits may be over 100 percent, i.e., overcommitted.)\n"
        "  Resource Requests Limits\n"
        "  -------- -------- ------\n"
        "  cpu 0 (0%) 0 (0%)\n"
        "  memory 0 (0%) 0 (0%)\n"
        "  ephemeral-storage 0 (0%) 0 (0%)\n"
        "Events: <none>\n"
    )
