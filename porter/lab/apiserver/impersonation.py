"""Acting as somebody else (`kubectl --as`): whom a request's headers name, and the right that it needs. Pure.

As k8s.io/apiserver/pkg/endpoints/filters.WithImpersonation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from urllib.parse import unquote

from porter.lab.apiserver.access import Access
from porter.lab.apiserver.errors import bad_request
from porter.lab.apiserver.identities import ACCOUNT, AUTHENTICATED, Identity, groups_of_accounts
from porter.lab.apiserver.rbac import Attributes

_ANY, _EXTRA = "impersonate-", "impersonate-extra-"
_USER, _GROUP, _UID = "Impersonate-User", "Impersonate-Group", "Impersonate-Uid"
_ANONYMOUS, _UNAUTHENTICATED = "system:anonymous", "system:unauthenticated"


class Headers(Protocol):
    """The headers of a request, each maybe more than once."""

    def get(self, key: str, default: str) -> str:
        """The first value of a header."""

    def getall(self, key: str, default: list[str]) -> list[str]:
        """Every value of a header."""

    def __iter__(self) -> Iterator[str]:
        """The names of all headers."""


def acting(who: Identity, headers: Headers, access: Access) -> Identity:
    """As whom a request is made: as the one whose headers it carries, if `who` may. Raises Refusal."""
    if not any(key.lower().startswith(_ANY) for key in headers):
        return who
    user, groups = headers.get(_USER, ""), tuple(headers.getall(_GROUP, []))
    extra = {key.lower().removeprefix(_EXTRA): key for key in headers if key.lower().startswith(_EXTRA)}
    if not user:
        if groups or extra or headers.get(_UID, ""):
            raise bad_request("requested impersonation of groups, a uid or extra fields without impersonating a user")
        return who
    for needed in _rights(user, groups, headers.get(_UID, ""), extra):
        access.require(who, needed)
    said = tuple((unquote(name), tuple(headers.getall(key, []))) for name, key in sorted(extra.items()))
    return Identity(user, _with_what_goes_along(user, groups), headers.get(_UID, ""), said)


def _rights(user: str, groups: tuple[str, ...], uid: str, extra: dict[str, str]) -> Iterator[Attributes]:
    if user.startswith(ACCOUNT):
        namespace, _, name = user.removeprefix(ACCOUNT).partition(":")
        yield Attributes(verb="impersonate", version="v1", resource="serviceaccounts", namespace=namespace, name=name)
    else:
        yield Attributes(verb="impersonate", version="v1", resource="users", name=user)
    for group in groups:
        yield Attributes(verb="impersonate", version="v1", resource="groups", name=group)
    told = {"group": "authentication.k8s.io", "version": "v1"}
    if uid:
        yield Attributes(verb="impersonate", resource="uids", name=uid, **told)
    for name in extra:
        yield Attributes(verb="impersonate", resource="userextras", subresource=unquote(name), **told)


def _with_what_goes_along(user: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    """The groups named, those that a ServiceAccount is in by itself, and whether the user counts as authenticated."""
    if not groups and user.startswith(ACCOUNT):
        groups = groups_of_accounts(user.removeprefix(ACCOUNT).partition(":")[0])
    if user == _ANONYMOUS:
        return groups if _UNAUTHENTICATED in groups else (*groups, _UNAUTHENTICATED)
    return groups if {AUTHENTICATED, _UNAUTHENTICATED} & set(groups) else (*groups, AUTHENTICATED)
