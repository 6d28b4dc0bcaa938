"""Names and metadata: what an object may be called, and what of its metadata only the server writes."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable, Iterator
from functools import lru_cache

from porter.lab.apiserver.errors import FieldError, forbidden_field, required, wrong
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Json, metadata

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_SAID = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_SAID = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_QUALIFIED_SAID = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_SAID = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_MOST_LABEL, _MOST_SUBDOMAIN = 63, 253  # RFC 1123
_MOST_PORT_NAME = 15
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"  # no vowels: a generated name is never a word
_TRIES = 8  # to generate a name that is not taken: k8s.io/apiserver/pkg/registry/generic/registry (RetryGenerateName)
_SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink")
_DELETION = ("deletionTimestamp", "deletionGracePeriodSeconds")
_REMEMBERED = 4096  # texts, of each sort of name: an object brings the same ones with every write


def _remembered(problems: Callable[[str], Iterator[str]]) -> Callable[[str], tuple[str, ...]]:
    """The same question, asked once of each text."""
    return lru_cache(maxsize=_REMEMBERED)(lambda text: tuple(problems(text)))


def name_errors(obj: Json, kind: Kind) -> Iterator[FieldError]:
    """What is wrong with an object's name."""
    name = str(metadata(obj).get("name") or "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif kind.any_name:
        if name in (".", "..") or set(name) & set("/%"):
            yield wrong("metadata.name", name, "may not contain '/' or '%'")
    else:
        problems = label_problems if kind.label_name else subdomain_problems
        yield from (wrong("metadata.name", name, why) for why in problems(name))


def label_errors(obj: Json) -> Iterator[FieldError]:
    """What is wrong with an object's labels and the keys of its annotations."""
    found = metadata(obj)
    yield from labels_errors(found.get("labels") or {}, "metadata.labels")
    for key in found.get("annotations") or {}:
        yield from (wrong("metadata.annotations", key, why) for why in qualified_problems(key))


def labels_errors(labels: Json, where: str) -> Iterator[FieldError]:
    """What is wrong with some labels, wherever they stand: an object's, a selector's."""
    for key, value in labels.items():
        yield from (wrong(where, key, why) for why in qualified_problems(key))
        yield from (wrong(where, value, why) for why in value_problems(value))


@_remembered
def qualified_problems(key: str) -> Iterator[str]:
    """What is wrong with a name that may have a prefix: of a label, an annotation, a class."""
    prefix, slash, name = key.partition("/")
    if "/" in name:
        yield f"a qualified name {_QUALIFIED_SAID} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"  # noqa: E501
        return
    if not slash:
        prefix, name = "", prefix
    elif not prefix:
        yield "prefix part must be non-empty"
    else:
        yield from (f"prefix part {why}" for why in subdomain_problems(prefix))
    if not name:
        yield "name part must be non-empty"
    elif len(name) > _MOST_LABEL:
        yield f"name part must be no more than {_MOST_LABEL} bytes"
    if not _QUALIFIED.fullmatch(name):
        yield f"name part {_QUALIFIED_SAID}"


@_remembered
def value_problems(value: str) -> Iterator[str]:
    """What is wrong with the value of a label."""
    if len(value) > _MOST_LABEL:
        yield f"must be no more than {_MOST_LABEL} bytes"
    if value and not _QUALIFIED.fullmatch(value):
        yield _VALUE_SAID


@_remembered
def subdomain_problems(name: str) -> Iterator[str]:
    """What is wrong with a DNS subdomain (RFC 1123), as most objects are named."""
    if len(name) > _MOST_SUBDOMAIN:
        yield f"must be no more than {_MOST_SUBDOMAIN} bytes"
    if not _SUBDOMAIN.fullmatch(name):
        yield _SUBDOMAIN_SAID


@_remembered
def label_problems(name: str) -> Iterator[str]:
    """What is wrong with a DNS label (RFC 1123), as Services, Namespaces and containers are named."""
    if len(name) > _MOST_LABEL:
        yield f"must be no more than {_MOST_LABEL} bytes"
    if not _LABEL.fullmatch(name):
        yield _LABEL_SAID


@_remembered
def dns_1035_problems(name: str) -> Iterator[str]:
    """What is wrong with a DNS label that begins with a letter (RFC 1035), as kinds and versions are named."""
    if len(name) > _MOST_LABEL:
        yield f"must be no more than {_MOST_LABEL} bytes"
    if not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name):
        yield (
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
            "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
            "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
        )


@_remembered
def port_name_problems(name: str) -> Iterator[str]:
    """What is wrong with the name of a port (RFC 6335, 5.1)."""
    if len(name) > _MOST_PORT_NAME:
        yield f"must be no more than {_MOST_PORT_NAME} bytes"
    if not re.fullmatch(r"[-a-z0-9]+", name):
        yield "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search(r"[a-z]", name):
        yield "must contain at least one letter (a-z)"
    if "--" in name:
        yield "must not contain consecutive hyphens"
    if name.startswith("-") or name.endswith("-"):
        yield "must not begin or end with a hyphen"


def finalizer_errors(obj: Json, old: Json, kind: Kind) -> Iterator[FieldError]:
    """New finalizers on an object that is being deleted; the API says it twice for custom kinds."""
    if "deletionTimestamp" not in metadata(old):
        return
    before = metadata(old).get("finalizers", [])
    added = [one for one in metadata(obj).get("finalizers") or [] if one not in before]
    if added:
        shown = "[]string{" + ", ".join(f'"{one}"' for one in added) + "}"
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers {shown}"
        for _ in range(2 if kind.custom else 1):
            yield forbidden_field("metadata.finalizers", why)


def born(obj: Json, kind: Kind, namespace: str, time: str, *, is_taken: Callable[[str], bool]) -> None:
    """Give a new object what the server gives: identity, time, a generated name, which may be taken in the end."""
    found = metadata(obj)
    for key in (*_SERVERS_OWN, *_DELETION):
        found.pop(key, None)
    if not found.get("name") and found.get("generateName"):
        for _ in range(_TRIES):
            found["name"] = found["generateName"][: _MOST_LABEL - 5] + "".join(random.choices(_SUFFIX, k=5))
            if not is_taken(found["name"]):
                break
    if kind.namespaced:
        found["namespace"] = namespace
    else:
        found.pop("namespace", None)
    found["uid"] = str(uuid.uuid4())
    found["creationTimestamp"] = time
    if kind.generation:
        found["generation"] = 1


def inherited(obj: Json, old: Json) -> None:
    """Give a rewritten object the metadata of the stored one that no client may change."""
    found, before = metadata(obj), metadata(old)
    for key in (*_SERVERS_OWN, *_DELETION, "name", "namespace", "generateName"):
        if key in before:
            found[key] = before[key]
        else:
            found.pop(key, None)
