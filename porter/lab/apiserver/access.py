"""Who asks, and what they may: bearer tokens to identities, and reviews of one's own rights.

Today there is one identity, the administrator, who may do everything. Whoever adds more adds them to `Identities`.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from porter.lab.apiserver.errors import unauthorized
from porter.lab.apiserver.objects import Json

OPEN_PATHS = frozenset({"/readyz", "/livez", "/healthz", "/version"})


@dataclass(frozen=True, slots=True)
class Identity:
    """A user as Kubernetes knows one."""

    name: str
    groups: tuple[str, ...]


ADMIN = Identity("kubernetes-admin", ("system:masters", "system:authenticated"))


class Identities:
    """The tokens that are accepted."""

    def __init__(self, admin_token: str) -> None:
        self._tokens = {admin_token: ADMIN}

    def of(self, authorization: str) -> Identity:
        """Whose request it is, by its Authorization header; refused when nobody's."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            for known, identity in self._tokens.items():
                if hmac.compare_digest(known.encode(), token.strip().encode()):
                    return identity
        raise unauthorized()


def reviewed(kind: str, obj: Json, who: Identity) -> Json:
    """The answer to a review: nothing is stored. The administrator may do everything."""
    everything = "system:masters" in who.groups
    match kind:
        case "SelfSubjectAccessReview":
            status: Json = {"allowed": everything}
        case "SelfSubjectRulesReview":
            rule = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            urls = {"verbs": ["*"], "nonResourceURLs": ["*"]}
            rules, others = ([rule], [urls]) if everything else ([], [])
            status = {"resourceRules": rules, "nonResourceRules": others, "incomplete": False}
        case _:
            status = {"userInfo": {"username": who.name, "groups": list(who.groups)}}
    return obj | {"metadata": obj.get("metadata", {}), "status": status}
