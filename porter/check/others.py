"""Does another load balancer claim the same Services? By what runs: images, arguments, names. Pure.

A Service without a loadBalancerClass belongs to every load balancer that was not told to leave such ones alone, and the
two then overwrite each other's status.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Literal

import msgspec

from porter.check.findings import Finding, named
from porter.check.pools import ours
from porter.check.survey import Survey
from porter.model.keys import CLAIM

Claims = Literal["annotated", "unclassed", "class"]


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A load balancer, how it is recognized, and how it is told to leave Services to others."""

    name: str
    image: str
    """A pattern for an image, or the workload's name."""
    annotated: bool = False
    """It claims the Services with Porter's own annotation."""
    class_argument: str = ""
    """Its argument or environment variable that names the only loadBalancerClass it serves."""
    only_with: str = ""
    """Its environment variable without which it serves no Services at all."""
    advice: str = ""


PRODUCTS = (
    Product(name="Porter 0.4 or OpenELB", image=r"(kubesphere/porter|openelb)(?!-lb)|^porter-manager$", annotated=True),
    Product(
        name="MetalLB",
        image=r"metallb/(controller|speaker)",
        class_argument="--lb-class",
        advice="--lb-class=metallb",
    ),
    Product(
        name="kube-vip",
        image=r"kube-vip/kube-vip",
        class_argument="lb_class_name",
        only_with="svc_enable",
        advice="lb_class_only=true and lb_class_name=kube-vip.io/kube-vip-class",
    ),
    Product(name="PureLB", image=r"purelb/", advice="PURELB_… or its option to ignore Services without a class"),
    Product(name="LoxiLB", image=r"kube-loxilb"),
    Product(name="ServiceLB of K3s", image=r"klipper-lb|^svclb-", advice="k3s server --disable=servicelb"),
    Product(name="a cloud controller manager", image=r"cloud-controller-manager|aws-load-balancer-controller"),
)


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """Another load balancer that runs."""

    product: Product
    kind: str
    namespace: str
    workload: str
    claims: Claims
    load_balancer_class: str = ""

    def __str__(self) -> str:
        return f"{self.product.name} ({self.kind} {self.namespace}/{self.workload})"


def check_others(survey: Survey) -> Iterator[Finding]:
    """Judge every other load balancer, and Services that name another one and claim to be Porter's too."""
    yield from _torn(survey)
    if survey.workloads.value is None:
        problem = survey.workloads.problem or "the API server has no DaemonSets"
        what = f"whether another load balancer runs is not known: {problem}"
        yield Finding(check="other-load-balancers", level="unknown", what=what)
        return
    found = [rival for one in survey.workloads.value if (rival := _rival(one)) is not None]
    for rival in found:
        yield _judged(survey, rival)
    if survey.cilium_pools.value:
        commands = ("kubectl get ciliumloadbalancerippools",)
        yield _claims_unclassed(survey, "Cilium (it has CiliumLoadBalancerIPPools)", commands)
    if not found and not survey.cilium_pools.value:
        yield Finding(check="other-load-balancers", level="ok", what="no other load balancer was found")


def _rival(workload: Mapping[str, Any]) -> Rival | None:
    meta, spec = workload.get("metadata") or {}, workload.get("spec") or {}
    if spec.get("replicas") == 0:
        return None
    pod = (spec.get("template") or {}).get("spec") or {}
    for container in pod.get("containers") or ():
        for product in PRODUCTS:
            words = (str(container.get("image") or ""), str(meta.get("name") or ""))
            if not any(re.search(product.image, word) for word in words):
                continue
            told = _told(container)
            if product.only_with and told.get(product.only_with, "").lower() != "true":
                continue
            served = told.get(product.class_argument, "") if product.class_argument else ""
            claims: Claims = "annotated" if product.annotated else "class" if served else "unclassed"
            return Rival(
                product=product,
                kind=str(workload["kind"]),
                namespace=str(meta.get("namespace") or ""),
                workload=str(meta.get("name") or ""),
                claims=claims,
                load_balancer_class=served,
            )
    return None


def _told(container: Mapping[str, Any]) -> Mapping[str, str]:
    """Return a container's arguments, `--name=value` or `--name value`, and its environment, by name."""
    words = [str(word) for word in (*(container.get("command") or ()), *(container.get("args") or ()))]
    told: dict[str, str] = {}
    for word, following in pairwise((*words, "-")):
        name, joined, value = word.partition("=")
        told[name] = value if joined or following.startswith("-") else following
    return told | {str(one.get("name")): str(one.get("value") or "") for one in container.get("env") or ()}


def _judged(survey: Survey, rival: Rival) -> Finding:
    mine = survey.world.options.load_balancer_class
    if rival.claims == "annotated":
        return Finding(
            check="other-load-balancers",
            level="fault",
            what=f"{rival} runs, and claims the Services with the annotation {CLAIM}",
            why="both give such a Service an address and answer ARP for it",
            commands=(f"kubectl delete {rival.kind.lower()} {rival.workload} -n {rival.namespace}",),
        )
    if rival.claims == "class":
        if rival.load_balancer_class != mine:
            what = f"{rival} runs, and serves only loadBalancerClass {rival.load_balancer_class}"
            return Finding(check="other-load-balancers", level="ok", what=what)
        what = f"{rival} serves loadBalancerClass {mine}, which is Porter's"
        return Finding(
            check="other-load-balancers",
            level="fault",
            what=what,
            why="both give the same Services addresses",
            commands=(f"kubectl edit {rival.kind.lower()} {rival.workload} -n {rival.namespace}",),
        )
    advice = f"   # {rival.product.advice}" if rival.product.advice else ""
    edit = f"kubectl edit {rival.kind.lower()} {rival.workload} -n {rival.namespace}{advice}"
    return _claims_unclassed(survey, str(rival), (edit,))


def _claims_unclassed(survey: Survey, who: str, commands: tuple[str, ...]) -> Finding:
    shared = [str(service.key) for service in ours(survey) if service.load_balancer_class is None]
    mine = survey.world.options.load_balancer_class
    if shared:
        what = f"{who} claims every Service without a loadBalancerClass, and so {named(shared)} of Porter's"
        why = "both write the Service's address, in turn"
        return Finding(check="other-load-balancers", level="fault", what=what, why=why, commands=commands)
    what = f"{who} runs, and claims every Service without a loadBalancerClass"
    why = f"make Services with spec.loadBalancerClass {mine}; with the annotation alone both claim them"
    return Finding(check="other-load-balancers", level="warning", what=what, why=why, commands=commands)


def _torn(survey: Survey) -> Iterator[Finding]:
    mine = survey.world.options.load_balancer_class
    torn = [
        one
        for _, one in sorted(survey.world.services.items())
        if one.type == "LoadBalancer" and one.claimed_by is not None and one.load_balancer_class not in (None, mine)
    ]
    if torn:
        shown = named(f"{one.key} ({one.load_balancer_class})" for one in torn)
        yield Finding(
            check="other-load-balancers",
            level="warning",
            what=f"annotated for Porter, and of another loadBalancerClass: {shown}",
            why="the class decides, and cannot be changed: Porter leaves these Services alone",
            commands=(f"kubectl get service {torn[0].name} -n {torn[0].namespace} -o yaml",),
        )
