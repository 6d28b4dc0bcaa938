"""Names as the real controllers make them, and owner references."""

import hashlib
import json
import random
from typing import Any

from porter.lab.kube import Object

# k8s.io/apimachinery/pkg/util/rand: no vowels, nothing that looks like another letter
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def digest(value: Any, *, length: int = 10) -> str:
    """A short word for a value, the same on every day."""
    number = int.from_bytes(hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()[:16], "big")
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[rest])
    return "".join(letters)


def tail(chance: random.Random) -> str:
    """The five letters at the end of a pod's name."""
    return "".join(chance.choices(ALPHABET, k=5))


def owned_by(owner: Object) -> Object:
    """The owner reference that a controller writes."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(obj: Object) -> Object | None:
    """The reference to the controlling owner, if there is one."""
    for reference in obj["metadata"].get("ownerReferences") or []:
        if reference.get("controller"):
            found: Object = reference
            return found
    return None


def selects(selector: Object, labels: Object) -> bool:
    """Do these labels have everything that the selector asks for? An empty selector selects nothing here."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())
