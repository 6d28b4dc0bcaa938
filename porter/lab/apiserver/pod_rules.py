"""What is wrong with a Pod, or the template of one: the rules of Kubernetes for the fields in use. It changes nothing.

As k8s.io/kubernetes/pkg/apis/core/validation (ValidatePodSpec, validateContainers) and apps/validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from porter.lab.apiserver.errors import FieldError, duplicate, forbidden_field, required, unsupported, wrong
from porter.lab.apiserver.naming import label_problems, labels_errors, port_name_problems
from porter.lab.apiserver.objects import Json, at
from porter.lab.apiserver.service_rules import NOT_A_PORT, PORTS, protocol_errors

_PULL = ("Always", "IfNotPresent", "Never")
_RESTART = ("Always", "OnFailure", "Never")
_CHANGEABLE = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates")
_FROZEN = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_NOT_NEGATIVE = "must be greater than or equal to 0"


def pod_errors(spec: Json, where: str, *, restart: Sequence[str] = _RESTART) -> Iterator[FieldError]:
    """Everything that is wrong with the spec of a Pod."""
    if not spec.get("containers"):
        yield required(f"{where}.containers")
    volumes = {one.get("name") for one in spec.get("volumes") or []}
    seen: list[str] = []
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or []):
            yield from _container_errors(container, f"{where}.{part}[{index}]", seen, volumes)
    if spec.get("restartPolicy") not in restart:
        yield unsupported(f"{where}.restartPolicy", spec.get("restartPolicy"), restart)
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        yield wrong(f"{where}.terminationGracePeriodSeconds", spec["terminationGracePeriodSeconds"], _NOT_NEGATIVE)


def pod_change_errors(spec: Json, old: Json) -> Iterator[FieldError]:
    """What a stored Pod may not have changed in it: nearly everything. The API shows the difference, too."""
    if _frozen(spec) != _frozen(old):
        yield forbidden_field("spec", _FROZEN)


def template_errors(kind: str, spec: Json, old: Json | None) -> Iterator[FieldError]:
    """Everything that is wrong with the spec of a Deployment, DaemonSet or ReplicaSet."""
    selector, template = spec.get("selector"), at(spec, "template.metadata.labels", {})
    if selector is None:
        yield required("spec.selector")
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield wrong("spec.selector", {}, f"empty selector is invalid for {kind.lower()}")
    wanted = at(spec, "selector.matchLabels", {})
    yield from labels_errors(wanted, "spec.selector.matchLabels")
    if any(template.get(key) != value for key, value in wanted.items()):
        yield wrong("spec.template.metadata.labels", template, "`selector` does not match template `labels`")
    yield from labels_errors(template, "spec.template.labels")
    if spec.get("replicas", 0) < 0:
        yield wrong("spec.replicas", spec["replicas"], _NOT_NEGATIVE)
    if old is not None and selector != old.get("selector"):
        yield wrong("spec.selector", selector, "field is immutable")
    yield from pod_errors(at(spec, "template.spec", {}), "spec.template.spec", restart=("Always",))
    if kind == "Deployment":
        yield from _strategy_errors(spec["strategy"], "spec.strategy", ("Recreate", "RollingUpdate"))
    elif kind == "DaemonSet":
        yield from _strategy_errors(spec["updateStrategy"], "spec.updateStrategy", ("RollingUpdate", "OnDelete"))


def _strategy_errors(strategy: Json, where: str, allowed: Sequence[str]) -> Iterator[FieldError]:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind not in allowed:
        yield unsupported(f"{where}.type", kind, allowed)
    if kind == "Recreate" and rolling is not None:
        yield forbidden_field(f"{where}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
    if kind != "RollingUpdate":
        return
    most, surge = (rolling or {}).get("maxUnavailable"), (rolling or {}).get("maxSurge")
    where = f"{where}.rollingUpdate.maxUnavailable"
    if _none(most) and _none(surge):
        if "OnDelete" in allowed:
            yield required(where, "cannot be 0 when maxSurge is 0")
        else:
            yield wrong(where, most, "may not be 0 when `maxSurge` is 0")


def _none(value: Any) -> bool:
    return value in (0, "0", "0%")


def _container_errors(container: Json, where: str, seen: list[str], volumes: set[Any]) -> Iterator[FieldError]:
    name = container.get("name") or ""
    if not name:
        yield required(f"{where}.name")
    else:
        yield from (wrong(f"{where}.name", name, why) for why in label_problems(name))
    if name and name in seen:
        yield duplicate(f"{where}.name", name)
    seen.append(name)
    if not container.get("image"):
        yield required(f"{where}.image")
    if container.get("imagePullPolicy") not in _PULL:
        yield unsupported(f"{where}.imagePullPolicy", container.get("imagePullPolicy"), _PULL)
    yield from _port_errors(container.get("ports") or [], f"{where}.ports")
    for index, variable in enumerate(container.get("env") or []):
        if not variable.get("name"):
            yield required(f"{where}.env[{index}].name")
    yield from _mount_errors(container.get("volumeMounts") or [], f"{where}.volumeMounts", volumes)


def _mount_errors(mounts: list[Json], where: str, volumes: set[Any]) -> Iterator[FieldError]:
    for index, mount in enumerate(mounts):
        inside = f"{where}[{index}]"
        if not mount.get("name"):
            yield required(f"{inside}.name")
        elif mount["name"] not in volumes:
            said = f'Not found: "{mount["name"]}"'
            yield FieldError(field=f"{inside}.name", reason="FieldValueNotFound", message=said)
        if not mount.get("mountPath"):
            yield required(f"{inside}.mountPath")


def _port_errors(ports: list[Json], where: str) -> Iterator[FieldError]:
    for index, port in enumerate(ports):
        name, number = port.get("name"), port.get("containerPort", 0)
        if name:
            yield from (wrong(f"{where}[{index}].name", name, why) for why in port_name_problems(name))
        if name and name in [one.get("name") for one in ports[:index]]:
            yield duplicate(f"{where}[{index}].name", name)
        if not number:
            yield required(f"{where}[{index}].containerPort")
        elif number not in PORTS:
            yield wrong(f"{where}[{index}].containerPort", number, NOT_A_PORT)
        yield from protocol_errors(port, f"{where}[{index}]")


def _frozen(spec: Json) -> Json:
    parts = ("containers", "initContainers")
    kept = {key: value for key, value in spec.items() if key not in (*_CHANGEABLE, *parts)}
    images = {part: [{**one, "image": ""} for one in spec.get(part) or []] for part in parts}
    return kept | images
