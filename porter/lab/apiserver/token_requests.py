"""The subresource `token` of ServiceAccounts: a TokenRequest in, the same with a token out. Nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from porter.lab.apiserver.errors import FieldError, conflict, invalid, not_found, unsupported, wrong
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Clock, Json, at, metadata, name_of, namespace_of, timestamp
from porter.lab.apiserver.store import Key, Resource, Store
from porter.lab.apiserver.tokens import ISSUER, Tokens

GROUP = "authentication.k8s.io"
TOKEN_REQUEST = Kind(  # no resource of its own: the body of the subresource
    group=GROUP,
    version="v1",
    name="TokenRequest",
    plural="tokenrequests",
    singular="tokenrequest",
    list_name="",
    verbs=("create",),
)
SHORTEST = timedelta(minutes=10)  # what a real server grants at the least
_LONGEST = timedelta(seconds=1 << 32)
_USUAL = timedelta(hours=1)
_BOUND = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRequests:
    """Answers TokenRequests; `shortest` is the least lifetime that may be asked for."""

    store: Store
    tokens: Tokens
    now: Clock
    shortest: timedelta = SHORTEST

    def answer(self, account: Json, request: Json) -> Json:
        """The request with a token of the account in its status."""
        spec = request.get("spec") or {}
        lifetime = timedelta(seconds=spec.get("expirationSeconds") or _USUAL.total_seconds())
        if problems := list(self._problems(spec, lifetime)):
            raise invalid(GROUP, "TokenRequest", "", problems)
        audiences = tuple(spec.get("audiences") or (ISSUER,))
        reference = spec.get("boundObjectRef")
        bound = None if reference is None else self._bound(reference, namespace_of(account))
        token = self.tokens.make(account, lifetime, audiences=audiences, bound=bound)
        spec = {
            "audiences": list(audiences),
            "expirationSeconds": int(lifetime.total_seconds()),
            "boundObjectRef": reference,
        }
        about = {"name": name_of(account), "namespace": namespace_of(account)}
        about["creationTimestamp"] = timestamp(self.now())
        status = {"token": token, "expirationTimestamp": timestamp(self.now() + lifetime)}
        return {
            "kind": "TokenRequest",
            "apiVersion": f"{GROUP}/v1",
            "metadata": about,
            "spec": spec,
            "status": status,
        }

    def _problems(self, spec: Json, lifetime: timedelta) -> list[FieldError]:
        found = []
        seconds = spec.get("expirationSeconds")
        if lifetime < self.shortest:
            least = f"{self.shortest.total_seconds() / 60:g} minutes"
            found.append(wrong("spec.expirationSeconds", seconds, f"may not specify a duration less than {least}"))
        if lifetime > _LONGEST:
            found.append(
                wrong("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
            )
        kind = at(spec, "boundObjectRef.kind")
        if kind is not None and kind not in _BOUND:
            found.append(unsupported("spec.boundObjectRef.kind", kind, tuple(_BOUND)))
        return found

    def _bound(self, reference: Json, namespace: str) -> Json:
        plural, name = _BOUND[reference["kind"]], reference.get("name", "")
        there = self.store.get(Resource("", plural), Key("" if plural == "nodes" else namespace, name))
        if there is None:
            raise not_found("", plural, name)
        uid, asked = metadata(there)["uid"], reference.get("uid")
        if asked and asked != uid:
            why = f"the UID in the bound object reference ({asked}) does not match the UID in record. The object might have been deleted and then recreated"  # noqa: E501  (the API's sentence)
            raise conflict("", plural, name, why)
        return {"kind": reference["kind"]} | there
