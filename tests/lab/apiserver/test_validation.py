"""What is refused of each kind, field by field, in the words of a real server. Everything is a dry run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.apiserver.client import MERGE, STRATEGIC, Client

CORE, APPS = "/api/v1/namespaces/default", "/apis/apps/v1/namespaces/default"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
_PORT = {"port": 80}
_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_LABEL = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
_VALUE = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
_NAME = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"


def refusal(client: Client, path: str, body: Any) -> str:
    """What is said of an object `x`, less the part that says which object."""
    answer = client.ask("POST", f"{path}?dryRun=All", {"metadata": {"name": "x"}} | body)
    assert answer.status in (400, 422), answer
    said: str = answer.body["message"]
    return said.partition('" is invalid: ')[2] or said


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"ports": [{"port": 80, "targetPort": "A_b"}]}, 'spec.ports[0].targetPort: Invalid value: "A_b": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)'),
        ({"ports": [{"port": 80, "targetPort": "80"}]}, 'spec.ports[0].targetPort: Invalid value: "80": must contain at least one letter (a-z)'),
        ({"ports": [{"port": 80, "targetPort": 70000}]}, "spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive"),
        ({"ports": [_PORT | {"name": "A"}]}, f'spec.ports[0].name: Invalid value: "A": {_LABEL}'),
        ({"ports": [_PORT | {"nodePort": 30001}]}, "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"),
        ({"ports": [_PORT], "selector": {"a": "-"}}, f'spec.selector: Invalid value: "-": {_VALUE}'),
        ({"ports": [_PORT], "externalIPs": ["here"]}, f'spec.externalIPs[0]: Invalid value: "here": {_IP}'),
        ({"ports": [_PORT], "type": "LoadBalancer", "loadBalancerSourceRanges": ["x"]}, 'spec.loadBalancerSourceRanges[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'),
        ({"ports": [_PORT], "type": "LoadBalancer", "loadBalancerClass": "a b"}, f'spec.loadBalancerClass: Invalid value: "a b": {_NAME}'),
        ({"ports": [_PORT], "type": "NodePort", "loadBalancerClass": "a/b"}, "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"),
        ({"ports": [_PORT], "type": "NodePort", "allocateLoadBalancerNodePorts": False}, "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'"),
        ({"ports": [_PORT], "loadBalancerSourceRanges": ["10.0.0.0/8"]}, "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"),
        ({"ports": [_PORT], "type": "LoadBalancer", "healthCheckNodePort": 31000}, "spec.healthCheckNodePort: Invalid value: 31000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"),
        ({"ports": [_PORT], "sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 86401}}}, "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400"),
    ],
)  # fmt: skip
def test_a_wrong_service_is_refused(shared: Client, spec: Any, said: str) -> None:
    assert refusal(shared, f"{CORE}/services", {"spec": spec}) == said


_ONE = {"name": "c", "image": "i"}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"containers": []}, "spec.containers: Required value"),
        ({"containers": [{"image": "i"}]}, "spec.containers[0].name: Required value"),
        ({"containers": [{"name": "c"}]}, "spec.containers[0].image: Required value"),
        ({"containers": [_ONE | {"name": "C"}]}, f'spec.containers[0].name: Invalid value: "C": {_LABEL}'),
        ({"containers": [_ONE], "initContainers": [_ONE]}, 'spec.containers[0].name: Duplicate value: "c"'),
        ({"containers": [_ONE | {"imagePullPolicy": "Now"}]}, 'spec.containers[0].imagePullPolicy: Unsupported value: "Now": supported values: "Always", "IfNotPresent", "Never"'),
        ({"containers": [_ONE | {"ports": [{"containerPort": 70000}]}]}, "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"),
        ({"containers": [_ONE | {"ports": [{"name": "a"}]}]}, "spec.containers[0].ports[0].containerPort: Required value"),
        ({"containers": [_ONE | {"env": [{"value": "a"}]}]}, "spec.containers[0].env[0].name: Required value"),
        ({"containers": [_ONE | {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}, 'spec.containers[0].volumeMounts[0].name: Not found: "v"'),
        ({"containers": [_ONE], "restartPolicy": "Maybe"}, 'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"'),
    ],
)  # fmt: skip
def test_a_wrong_pod_is_refused(shared: Client, spec: Any, said: str) -> None:
    assert refusal(shared, f"{CORE}/pods", {"spec": spec}) == said


def workload(**more: Any) -> Any:
    """A Deployment or DaemonSet with one thing different."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [_ONE]}}
    return {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template} | more}


_NEVER = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [_ONE], "restartPolicy": "Never"}}
_ZERO = {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}


@pytest.mark.parametrize(
    ("plural", "body", "said"),
    [
        ("deployments", workload(replicas=-1), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        ("deployments", workload(selector=None), "spec.selector: Required value"),
        ("deployments", workload(selector={}), "spec.selector: Invalid value: {}: empty selector is invalid for deployment"),
        ("deployments", workload(template=_NEVER), 'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'),
        ("deployments", workload(strategy={"type": "Slow"}), 'spec.strategy.type: Unsupported value: "Slow": supported values: "Recreate", "RollingUpdate"'),
        ("deployments", workload(strategy=_ZERO), "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"),
        ("deployments", workload(strategy={"type": "Recreate", **_ZERO}), "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"),
        ("daemonsets", workload(updateStrategy=_ZERO), "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"),
        ("daemonsets", workload(selector={}), "spec.selector: Invalid value: {}: empty selector is invalid for daemonset"),
    ],
)  # fmt: skip
def test_a_wrong_workload_is_refused(shared: Client, plural: str, body: Any, said: str) -> None:
    assert refusal(shared, f"{APPS}/{plural}", body) == said


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (f"{CORE}/configmaps", {"data": {"a b": "c"}}, 'data[a b]: Invalid value: "a b": a valid config key must consist of alphanumeric characters, \'-\', \'_\' or \'.\' (e.g. \'key.name\',  or \'KEY_NAME\',  or \'key-name\', regex used for validation is \'[-._a-zA-Z0-9]+\')'),
        (f"{CORE}/secrets", {"data": {"a": "!!"}}, 'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0'),
        (f"{CORE}/secrets", {"type": "kubernetes.io/tls"}, "[data[tls.crt]: Required value, data[tls.key]: Required value]"),
        ("/apis/coordination.k8s.io/v1/namespaces/default/leases", {"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}, "[spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0, spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0]"),
        (f"{RBAC}/clusterroles", {"rules": [{"verbs": []}]}, "[rules[0].verbs: Required value: verbs must contain at least one value, rules[0].apiGroups: Required value: resource rules must supply at least one api group, rules[0].resources: Required value: resource rules must supply at least one resource]"),
        (f"{RBAC}/clusterroles", {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/a"], "resources": ["b"]}]}, 'rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs'),
        (f"{RBAC}/namespaces/default/roles", {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/a"]}]}, 'rules[0].nonResourceURLs: Invalid value: ["/a"]: namespaced rules cannot apply to non-resource URLs'),
        (f"{RBAC}/clusterrolebindings", {"roleRef": {"kind": "Role", "name": "r"}}, 'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"'),
        (f"{RBAC}/clusterrolebindings", {"roleRef": {"kind": "ClusterRole", "name": "r"}, "subjects": [{"kind": "ServiceAccount", "name": "a"}]}, "subjects[0].namespace: Required value"),
        (f"{RBAC}/namespaces/default/rolebindings", {"roleRef": {"kind": "Role"}, "subjects": [{"kind": "Robot", "name": "a"}]}, '[roleRef.name: Required value, subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"]'),
        ("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", {"addressType": "IPv4", "endpoints": [{"addresses": ["::1"]}], "ports": [{"name": "a"}, {"name": "a", "protocol": "X"}]}, '[endpoints[0].addresses[0]: Invalid value: "::1": must be an IPv4 address, ports[1].name: Duplicate value: "a", ports[1].protocol: Unsupported value: "X": supported values: "TCP", "UDP", "SCTP"]'),
    ],
)  # fmt: skip
def test_a_wrong_object_is_refused(shared: Client, path: str, body: Any, said: str) -> None:
    assert refusal(shared, path, body) == said


def test_an_immutable_config_map_stays_as_it_is(client: Client) -> None:
    client.post(f"{CORE}/configmaps", {"metadata": {"name": "x"}, "immutable": True, "data": {"a": "b"}})

    changed = client.ask("PATCH", f"{CORE}/configmaps/x", {"data": {"a": "c"}}, content_type=MERGE)
    opened = client.ask("PATCH", f"{CORE}/configmaps/x", {"immutable": False}, content_type=MERGE)
    labelled = client.patch(f"{CORE}/configmaps/x", {"metadata": {"labels": {"a": "b"}}})

    why = "Forbidden: field is immutable when `immutable` is set"
    assert changed.body["message"] == f'ConfigMap "x" is invalid: data: {why}'
    assert opened.body["message"] == f'ConfigMap "x" is invalid: immutable: {why}'
    assert labelled["data"] == {"a": "b"}


def test_of_a_pod_the_images_may_change_and_hardly_anything_else(client: Client) -> None:
    client.post(f"{CORE}/pods", {"metadata": {"name": "x"}, "spec": {"containers": [_ONE]}})

    image = client.ask(
        "PATCH", f"{CORE}/pods/x", {"spec": {"containers": [{"name": "c", "image": "j"}]}}, content_type=STRATEGIC
    )
    node = client.ask("PATCH", f"{CORE}/pods/x", {"spec": {"nodeName": "n1"}}, content_type=MERGE)

    assert image.status == 200
    assert node.status == 422
    assert node.body["message"].startswith(
        'Pod "x" is invalid: spec: Forbidden: pod updates may not change fields other'
    )


def test_a_negative_scale_is_refused(client: Client) -> None:
    client.post(f"{APPS}/deployments", {"metadata": {"name": "x"}, **workload()})

    answer = client.ask("PATCH", f"{APPS}/deployments/x/scale", {"spec": {"replicas": -4}}, content_type=MERGE)

    why = "spec.replicas: Invalid value: -4: must be greater than or equal to 0"
    assert (answer.status, answer.body["message"]) == (422, f'Scale.autoscaling "x" is invalid: {why}')


def test_what_porter_installs_is_valid(shared: Client) -> None:
    """The other way round: the rules above do not refuse what is right."""
    assert shared.ask("POST", f"{APPS}/daemonsets?dryRun=All", {"metadata": {"name": "x"}} | workload()).status == 201


DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SCHEMA = "spec.versions[0].schema.openAPIV3Schema"
_DNS_1035 = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"


def definition(spec: Any = None, schema: Any = None, version: str = "v1") -> Any:
    """A definition of Things with one thing different: in its spec, or in the schema of their spec."""
    whole = {"type": "object", "properties": {"spec": {"type": "string"} if schema is None else schema}}
    one = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": whole}}
    names = {"kind": "Thing", "plural": "things"}
    spec = {"group": "example.com", "scope": "Cluster", "names": names, "versions": [one]} | (spec or {})
    return {"metadata": {"name": f"{spec['names']['plural']}.{spec['group']}"}, "spec": spec}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (definition({"group": "example"}), 'spec.group: Invalid value: "example": should be a domain with at least one dot'),
        (definition({"scope": "Galaxy"}), 'spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"'),
        (definition({"names": {"kind": "Thing", "plural": "1s"}}), f'spec.names.plural: Invalid value: "1s": {_DNS_1035}'),
        (definition({"names": {"kind": "T_g", "plural": "things", "singular": "t"}}), f'[spec.names.kind: Invalid value: "T_g": may have mixed case, but should otherwise match: {_DNS_1035}, spec.names.listKind: Invalid value: "T_gList": may have mixed case, but should otherwise match: {_DNS_1035}]'),
        (definition(version="1"), f'spec.versions[0].name: Invalid value: "1": {_DNS_1035}'),
        (definition({"versions": []}), "[spec.versions: Required value, spec.versions: Invalid value: []: must have exactly one version marked as storage version]"),
        (definition(schema={}), f"{_SCHEMA}.properties[spec].type: Required value: must not be empty for specified object fields"),
        (definition(schema={"type": "text"}), f'{_SCHEMA}.properties[spec].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"'),
        (definition(schema={"type": "array"}), f"{_SCHEMA}.properties[spec].items: Required value: must be specified"),
        (definition(schema={"type": "array", "items": {"format": "ipv4"}}), f"{_SCHEMA}.properties[spec].items.type: Required value: must not be empty for specified array items"),
        (definition(schema={"type": "string", "default": 5}), f'{_SCHEMA}.properties[spec].default: Invalid value: "integer": default in body must be of type string: "integer"'),
        (definition(schema={"type": "string", "pattern": "("}), f'{_SCHEMA}.properties[spec].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: missing ), unterminated subpattern at position 0'),
    ],
)  # fmt: skip
def test_a_wrong_definition_is_refused(shared: Client, body: Any, said: str) -> None:
    assert refusal(shared, DEFINITIONS, body) == said


def test_a_right_definition_is_taken(shared: Client) -> None:
    either: Any = {"type": "object", "properties": {"a": {"x-kubernetes-int-or-string": True}}}

    assert shared.ask("POST", f"{DEFINITIONS}?dryRun=All", definition(schema=either)).status == 201
