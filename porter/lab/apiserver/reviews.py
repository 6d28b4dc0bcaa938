"""Reviews: questions about users, tokens and rights that are answered and not stored. Nothing is decided here."""

from __future__ import annotations

from http import HTTPStatus

from porter.lab.apiserver.access import Access
from porter.lab.apiserver.errors import FieldError, Refusal, bad_request, invalid, required, wrong
from porter.lab.apiserver.identities import Identities, Identity
from porter.lab.apiserver.objects import Json, at
from porter.lab.apiserver.rbac import Attributes
from porter.lab.apiserver.tokens import ISSUER

_ONE = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
_AUTHORIZATION = "authorization.k8s.io"


def reviewed(kind: str, obj: Json, who: Identity, *, namespace: str, access: Access, identities: Identities) -> Json:
    """The answer to a review that somebody asks for."""
    spec = obj.get("spec") or {}
    match kind:
        case "SelfSubjectAccessReview":
            status = _verdict(kind, spec, who, access)
        case "SubjectAccessReview" | "LocalSubjectAccessReview":
            status = _of_another(kind, spec, namespace, access)
        case "SelfSubjectRulesReview":
            status = _rules(spec, who, access)
        case "TokenReview":
            status = _token(spec, identities)
        case _:
            status = {"userInfo": who.info()}
    return obj | {"metadata": obj.get("metadata", {}), "status": status}


def _of_another(kind: str, spec: Json, namespace: str, access: Access) -> Json:
    if not spec.get("user") and not spec.get("groups"):
        raise invalid(
            _AUTHORIZATION, kind, "", [required("spec.user", "at least one of user or group must be specified")]
        )
    if kind.startswith("Local") and at(spec, "resourceAttributes.namespace", "") != namespace:
        why = f"spec.resourceAttributes.namespace doesn't match namespace: {namespace}"
        raise bad_request(why)
    return _verdict(kind, spec, Identity(spec.get("user", ""), tuple(spec.get("groups") or ())), access)


def _verdict(kind: str, spec: Json, who: Identity, access: Access) -> Json:
    resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (other is None):
        error: FieldError = wrong("spec.resourceAttributes", None if resource is None else "", _ONE)
        raise invalid(_AUTHORIZATION, kind, "", [error])
    if resource is not None:
        parts = ("group", "version", "resource", "subresource", "namespace", "name")
        asked = Attributes(verb=resource.get("verb", ""), **{part: resource.get(part, "") for part in parts})
    else:
        assert other is not None, "one of the two is there"
        asked = Attributes(verb=other.get("verb", ""), path=other.get("path", ""))
    verdict = access.verdict(who, asked)
    return {"allowed": verdict.allowed} | ({"reason": verdict.reason} if verdict.reason else {})


def _rules(spec: Json, who: Identity, access: Access) -> Json:
    if not spec.get("namespace"):
        raise bad_request("no namespace on request")
    rules = access.rules(who, spec["namespace"])
    kept = ("verbs", "apiGroups", "resources", "resourceNames")
    return {
        "resourceRules": [{key: rule[key] for key in kept if key in rule} for rule in rules if rule.get("resources")],
        "nonResourceRules": [
            {key: rule[key] for key in ("verbs", "nonResourceURLs")} for rule in rules if rule.get("nonResourceURLs")
        ],
        "incomplete": False,
    }


def _token(spec: Json, identities: Identities) -> Json:
    if not spec.get("token"):
        raise bad_request("token is required for TokenReview in authentication")
    audiences = spec.get("audiences") or [ISSUER]
    try:
        who = identities.by_token(spec["token"])
    except Refusal as refusal:
        if refusal.code != HTTPStatus.UNAUTHORIZED:
            raise
        return {"user": {}, "error": "invalid bearer token"}
    return {"authenticated": True, "user": who.info(), "audiences": [one for one in audiences if one == ISSUER]}
