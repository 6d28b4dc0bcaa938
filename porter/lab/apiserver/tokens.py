"""Tokens of ServiceAccounts: signed JSON Web Tokens (RFC 7519, ES256), made and checked. Nothing is decided here.

A token names its ServiceAccount by UID and may be bound to an object: it ends with either, and with its own time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from porter.lab.apiserver.objects import Clock, Json, decode, encode, metadata, name_of, namespace_of
from porter.lab.apiserver.store import Key, Resource, Store

ISSUER = "https://kubernetes.default.svc.cluster.local"
ACCOUNTS = Resource("", "serviceaccounts")
_BOUND = {"Pod": Resource("", "pods"), "Secret": Resource("", "secrets"), "Node": Resource("", "nodes")}
_PART = 32  # bytes of either number of an ES256 signature: RFC 7518, 3.4
_REMEMBERED = 1000  # tokens whose signature need not be checked again


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a token speaks for."""

    namespace: str
    name: str
    uid: str
    extra: tuple[tuple[str, tuple[str, ...]], ...]


class Tokens:
    """Makes tokens and says whose they are. The key lives as long as this object, or in a file from `keep_in` on."""

    def __init__(self, store: Store, now: Clock) -> None:
        self._store, self._now = store, now
        self._use(ec.generate_private_key(ec.SECP256R1()))

    def keep_in(self, directory: Path) -> None:
        """Use the key of a directory, made there if it has none: tokens then outlive this object."""
        path = directory / "sa.key"
        if path.exists():
            key = serialization.load_pem_private_key(path.read_bytes(), None)
            if isinstance(key, ec.EllipticCurvePrivateKey):
                self._use(key)
                return
        form = serialization.PrivateFormat.PKCS8
        path.touch(mode=0o600)
        path.write_bytes(self._key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))

    def make(
        self, account: Json, lifetime: timedelta, *, audiences: tuple[str, ...] = (ISSUER,), bound: Json | None = None
    ) -> str:
        """A token of a ServiceAccount, bound to an object where one is given (of kind Pod, Secret or Node)."""
        issued = int(self._now().timestamp())
        about: Json = {
            "namespace": namespace_of(account),
            "serviceaccount": {"name": name_of(account), "uid": metadata(account)["uid"]},
        }
        if bound is not None:
            about[bound["kind"].lower()] = {"name": name_of(bound), "uid": metadata(bound)["uid"]}
        claims: Json = {
            "aud": list(audiences),
            "exp": issued + int(lifetime.total_seconds()),
            "iat": issued,
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": about,
            "nbf": issued,
            "sub": f"system:serviceaccount:{namespace_of(account)}:{name_of(account)}",
        }
        signed = f"{_text(encode(self._header))}.{_text(encode(claims))}"
        first, second = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_text(first.to_bytes(_PART) + second.to_bytes(_PART))}"

    def account_of(self, token: str, audience: str = ISSUER) -> Account | None:
        """Whose token it is; None when nobody's, or no longer."""
        claims = self._known.get(token)
        if claims is None:
            claims = self._checked(token)
            if claims is None:
                return None
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[token] = claims
        if self._now().timestamp() >= claims["exp"] or audience not in claims["aud"]:
            return None
        return self._standing(claims)

    def _standing(self, claims: Json) -> Account | None:
        about = claims["kubernetes.io"]
        namespace, named = about["namespace"], about["serviceaccount"]
        account = self._store.get(ACCOUNTS, Key(namespace, named["name"]))
        if account is None or metadata(account)["uid"] != named["uid"]:
            return None
        extra = [("authentication.kubernetes.io/credential-id", (f"JTI={claims['jti']}",))]
        for kind, resource in _BOUND.items():
            bound = about.get(kind.lower())
            if bound is None:
                continue
            there = self._store.get(resource, Key("" if kind == "Node" else namespace, bound["name"]))
            if there is None or metadata(there)["uid"] != bound["uid"]:
                return None
            if kind != "Secret":
                extra.append((f"authentication.kubernetes.io/{kind.lower()}-name", (bound["name"],)))
                extra.append((f"authentication.kubernetes.io/{kind.lower()}-uid", (bound["uid"],)))
        return Account(namespace, named["name"], named["uid"], tuple(extra))

    def _checked(self, token: str) -> Json | None:
        """The claims of a token that this key has signed."""
        try:
            signed, _, signature = token.rpartition(".")
            header, _, body = signed.partition(".")
            raw = _bytes(signature)
            if decode(_bytes(header)) != self._header or len(raw) != 2 * _PART:
                return None
            encoded = encode_dss_signature(int.from_bytes(raw[:_PART]), int.from_bytes(raw[_PART:]))
            self._key.public_key().verify(encoded, signed.encode(), ec.ECDSA(hashes.SHA256()))
            claims: Any = decode(_bytes(body))
        except (ValueError, binascii.Error, msgspec.DecodeError, InvalidSignature):
            return None
        return claims if isinstance(claims, dict) and "kubernetes.io" in claims else None

    def _use(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._header = {"alg": "ES256", "kid": _text(hashlib.sha256(public).digest())}
        self._known: dict[str, Json] = {}


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
