"""Who asks: bearer tokens to users, as Kubernetes knows users. What they may do is decided in access.py."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from porter.lab.apiserver.errors import unauthorized
from porter.lab.apiserver.tokens import Tokens

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user: a name, groups, and what else its token says."""

    name: str
    groups: tuple[str, ...]
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def info(self) -> dict[str, object]:
        """The user as a `userInfo` of the API."""
        found: dict[str, object] = {"username": self.name, "groups": list(self.groups)}
        if self.uid:
            found["uid"] = self.uid
        if self.extra:
            found["extra"] = {key: list(values) for key, values in self.extra}
        return found


ADMIN = Identity("kubernetes-admin", (MASTERS, AUTHENTICATED))


class Identities:
    """The tokens that are accepted: the administrator's, and those that were made for ServiceAccounts."""

    def __init__(self, admin_token: str, tokens: Tokens) -> None:
        self._admin = admin_token.encode()
        self._tokens = tokens

    def of(self, authorization: str) -> Identity:
        """Whose request it is, by its Authorization header; refused when nobody's."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise unauthorized()
        return self.by_token(token)

    def by_token(self, token: str) -> Identity:
        """Whose token it is; refused when nobody's, when it has run out, or when what it is bound to is gone."""
        if hmac.compare_digest(self._admin, token.encode(errors="surrogateescape")):
            return ADMIN
        account = self._tokens.account_of(token)
        if account is None:
            raise unauthorized()
        groups = (*groups_of_accounts(account.namespace), AUTHENTICATED)
        return Identity(f"{ACCOUNT}{account.namespace}:{account.name}", groups, account.uid, account.extra)


def groups_of_accounts(namespace: str) -> tuple[str, ...]:
    """The groups that every ServiceAccount of a namespace is in."""
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
