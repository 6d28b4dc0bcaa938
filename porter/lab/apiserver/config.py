"""ConfigMaps and Secrets: their keys, what each type of Secret holds, and that nothing of an immutable one changes."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from porter.lab.apiserver.behaviour import Behaviour
from porter.lab.apiserver.errors import FieldError, bad_request, forbidden_field, required, wrong
from porter.lab.apiserver.objects import Json

_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_SAID = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_NEEDED = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_FROZEN = "field is immutable when `immutable` is set"


class ConfigMapBehaviour(Behaviour):
    """Keys and texts."""

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it."""
        yield from _key_errors(obj, "data", "binaryData")
        yield from _frozen_errors(obj, old, "data", "binaryData")


class SecretBehaviour(Behaviour):
    """What is written in plain words is kept encoded."""

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what was left out."""
        del old
        obj.setdefault("type", "Opaque")
        plain = obj.pop("stringData", None)
        if plain:
            encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
            obj["data"] = obj.get("data", {}) | encoded

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it. Raises Refusal where something that is to be base64 is not."""
        for value in (obj.get("data") or {}).values():
            _must_be_base64(value)
        yield from _key_errors(obj, "data")
        for key in _NEEDED.get(obj["type"], ()):
            if key not in (obj.get("data") or {}):
                yield required(f"data[{key}]")
        if old is not None and obj["type"] != old["type"]:
            yield wrong("type", obj["type"], "field is immutable")
        yield from _frozen_errors(obj, old, "data")


def _key_errors(obj: Json, *parts: str) -> Iterator[FieldError]:
    for part in parts:
        for key in obj.get(part) or {}:
            if not _KEY.fullmatch(key):
                yield wrong(f"{part}[{key}]", key, _KEY_SAID)


def _frozen_errors(obj: Json, old: Json | None, *parts: str) -> Iterator[FieldError]:
    if old is None or not old.get("immutable"):
        return
    if not obj.get("immutable"):
        yield forbidden_field("immutable", _FROZEN)
    for part in parts:
        if obj.get(part) != old.get(part):
            yield forbidden_field(part, _FROZEN)


def _must_be_base64(value: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error as failed:
        wrong_at = re.search(r"[^A-Za-z0-9+/=]", value)
        at = len(value) // 4 * 4 if wrong_at is None else wrong_at.start()
        message = f'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte {at}'
        raise bad_request(message) from failed
