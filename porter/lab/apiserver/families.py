"""Which families of addresses a Service has: what its writer asked for, what the cluster has, what changes later.

As k8s.io/kubernetes/pkg/registry/core/service/storage/alloc.go (initIPFamilyFields) decides it. No address is given
out here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from porter.lab.apiserver.errors import FieldError, duplicate, invalid, unsupported, wrong
from porter.lab.apiserver.objects import Json, name_of

_SINGLE, _BOTH = "SingleStack", ("PreferDualStack", "RequireDualStack")
FAMILIES: Final = ("IPv4", "IPv6")
NOT_AN_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_POLICY, _IPS = "spec.ipFamilyPolicy", "spec.clusterIPs"


@lru_cache(maxsize=4096)
def family_of(address: str) -> str:
    """The family of an address; empty when it is none."""
    try:
        return f"IPv{ip_address(address).version}"
    except ValueError:
        return ""


def settle(obj: Json, spec: Json, old: Json, *, cluster: Sequence[str]) -> None:
    """Set `ipFamilyPolicy` and `ipFamilies`, and give back a second address that is no longer wanted.

    `old` is the spec that is stored, empty for a new Service; `cluster` are the families of the cluster, the default
    one first. Raises Refusal.
    """
    if _is_left_as_it_is(spec, old):
        return
    bare = spec.get("clusterIP") == "None" and not spec.get("selector")
    if not spec.get("ipFamilyPolicy"):
        spec["ipFamilyPolicy"] = old.get("ipFamilyPolicy") or ("RequireDualStack" if bare else _SINGLE)
    _refuse(obj, _malformed(spec))
    _refuse(obj, [*_release(spec, old), *_too_many(spec), *_infer(spec, cluster), *_changed(spec, old)])
    families = spec["ipFamilies"]
    if not bare:
        _refuse(obj, _beyond(spec, cluster))
    families += [cluster[0]] if not families else []
    if spec["ipFamilyPolicy"] in _BOTH and len(families) == 1 and (bare or len(cluster) > 1):
        families.append(FAMILIES[1 - FAMILIES.index(families[0])])


def _refuse(obj: Json, errors: Sequence[FieldError]) -> None:
    if errors:
        raise invalid("", "Service", name_of(obj), errors)


def _is_left_as_it_is(spec: Json, old: Json) -> bool:
    """A Service that prefers both keeps what it has when the cluster gets, or loses, a family."""
    same = all(spec.get(key) == old.get(key) for key in ("ipFamilyPolicy", "ipFamilies", "clusterIPs"))
    return bool(old.get("clusterIPs")) and same and spec.get("ipFamilyPolicy") == "PreferDualStack"


def _malformed(spec: Json) -> list[FieldError]:
    families, ips = spec.get("ipFamilies") or [], spec.get("clusterIPs") or []
    errors = [
        unsupported(f"spec.ipFamilies[{n}]", one, FAMILIES) for n, one in enumerate(families) if one not in FAMILIES
    ]
    errors += [duplicate(f"spec.ipFamilies[{n}]", one) for n, one in enumerate(families) if one in families[:n]]
    if ips == ["None"]:
        return errors
    if "None" in ips[:1]:
        errors.append(wrong(_IPS, ips, "'None' must be the first and only value"))
    bad = [
        wrong(f"{_IPS}[{n}]", ip, NOT_AN_IP) for n, ip in enumerate(ips) if not family_of(ip) and (n or ip != "None")
    ]
    if len(ips) > len(FAMILIES):
        errors.append(wrong(_IPS, ips, "may only hold up to 2 values"))
    if bad or "None" in ips:
        return errors + bad
    if len({family_of(ip) for ip in ips}) < len(ips):
        errors.append(wrong(_IPS, ips, "may specify no more than one IP for each IP family"))
    for index, (ip, family) in enumerate(zip(ips, families, strict=False)):
        if family in FAMILIES and family_of(ip) != family:
            why = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            errors.append(wrong(f"{_IPS}[{index}]", ip, why))
    return errors


def _release(spec: Json, old: Json) -> Iterator[FieldError]:
    """Of a stored Service: SingleStack takes the second away, and nothing else may."""
    for key, what in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")):
        now, was = spec.get(key) or [], old.get(key) or []
        if spec["ipFamilyPolicy"] == _SINGLE and now == was:
            spec[key] = now[:1]
        elif spec["ipFamilyPolicy"] != _SINGLE and len(now) < len(was):
            yield wrong(_POLICY, spec["ipFamilyPolicy"], f"must be 'SingleStack' to release the secondary {what}")


def _too_many(spec: Json) -> Iterator[FieldError]:
    for key, what in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")):
        if spec["ipFamilyPolicy"] == _SINGLE and len(spec.get(key) or []) > 1:
            why = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
            yield wrong(_POLICY, spec["ipFamilyPolicy"], why)


def _infer(spec: Json, cluster: Sequence[str]) -> Iterator[FieldError]:
    """What addresses are given say which families are meant."""
    families, ips = [*(spec.get("ipFamilies") or [])], spec.get("clusterIPs") or []
    for index, ip in enumerate(ips if ips != ["None"] else []):
        if index < len(families):
            continue
        if family_of(ip) in cluster:
            families.append(family_of(ip))
        else:
            yield wrong(f"{_IPS}[{index}]", ips, f"{family_of(ip)} is not configured on this cluster")
    spec["ipFamilies"] = families


def _changed(spec: Json, old: Json) -> Iterator[FieldError]:
    """What a stored Service has it keeps; `clusterIP` is looked after elsewhere."""
    if "None" in [*spec["clusterIPs"], *(old.get("clusterIPs") or [])]:
        return
    for now, was in zip(spec["clusterIPs"][1:], (old.get("clusterIPs") or [])[1:], strict=False):
        if now != was:
            yield wrong(f"{_IPS}[1]", spec["clusterIPs"], "may not change once set")
    for now, was in zip(spec["ipFamilies"], old.get("ipFamilies") or [], strict=False):
        if now != was:
            yield wrong("spec.ipFamilies[0]", spec["ipFamilies"], "may not change once set")


def _beyond(spec: Json, cluster: Sequence[str]) -> list[FieldError]:
    """What this cluster does not have."""
    errors = []
    if spec["ipFamilyPolicy"] == "RequireDualStack" and len(cluster) < len(FAMILIES):
        errors.append(wrong(_POLICY, spec["ipFamilyPolicy"], "this cluster is not configured for dual-stack services"))
    for index, family in enumerate(spec["ipFamilies"]):
        if family not in cluster:
            errors.append(wrong(f"spec.ipFamilies[{index}]", family, "not configured on this cluster"))
    return errors
