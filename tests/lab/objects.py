"""Kubernetes objects as the API server would hold them, short to write in tests."""

from typing import Any

Object = dict[str, Any]


def node(name: str, *, ready: str = "True", at: str = "t0") -> Object:
    condition = {"type": "Ready", "status": ready, "reason": "KubeletReady", "lastTransitionTime": at}
    return {"metadata": {"name": name}, "spec": {}, "status": {"conditions": [condition]}}


def deployment(*, replicas: int = 2, image: str = "luksa/kubia", kind: str = "Deployment", **spec: Any) -> Object:
    container = {"name": "kubia", "image": image, "ports": [{"containerPort": 8080, "name": "web"}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web", "namespace": "default", "uid": "uid-web", "generation": 1},
        "spec": {"replicas": replicas, "template": template, "selector": {"matchLabels": {"app": "web"}}} | spec,
    }


def running(pod: Object, *, ip: str, ready: bool = True) -> Object:
    """A pod that its node runs."""
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    uid = f"uid-{pod['metadata']['name']}"
    ips = ip.split(",")
    status = {"phase": "Running", "podIP": ips[0], "podIPs": [{"ip": one} for one in ips], "conditions": [condition]}
    return {**pod, "metadata": {**pod["metadata"], "uid": uid}, "status": status}


def leaving(obj: Object) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "deletionTimestamp": "t1"}}


def pod(name: str, *, on: str, ip: str, ready: bool = True, app: str = "web") -> Object:
    container = {"name": "c", "image": "luksa/kubia", "ports": [{"containerPort": 8080, "name": "web"}]}
    plain = {
        "metadata": {"name": name, "namespace": "default", "labels": {"app": app}},
        "spec": {"nodeName": on, "containers": [container]},
    }
    return running(plain, ip=ip, ready=ready)


def service(*, target: int | str = 8080, policy: str = "Cluster", ingress: str | None = "192.168.0.91") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default", "uid": "uid-svc"},
        "spec": {
            "type": "LoadBalancer",
            "selector": {"app": "web"},
            "clusterIPs": ["10.233.0.7"],
            "externalTrafficPolicy": policy,
            "ports": [{"name": "http", "port": 80, "targetPort": target, "nodePort": 30080, "protocol": "TCP"}],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": ingress}] if ingress else []}},
    }
