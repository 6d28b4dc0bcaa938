"""Names and metadata: what an object may be called, and what of its metadata only the server writes."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator

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
_MOST_LABEL, _MOST_SUBDOMAIN = 63, 253  # RFC 1123
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"  # no vowels: a generated name is never a word
_SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink")
_DELETION = ("deletionTimestamp", "deletionGracePeriodSeconds")


def name_errors(obj: Json, kind: Kind) -> Iterator[FieldError]:
    """What is wrong with an object's name."""
    name = str(metadata(obj).get("name") or "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif kind.any_name:
        if name in (".", "..") or set(name) & set("/%"):
            yield wrong("metadata.name", name, "may not contain '/' or '%'")
    elif kind.label_name:
        if not _LABEL.fullmatch(name):
            yield wrong("metadata.name", name, _LABEL_SAID)
        if len(name) > _MOST_LABEL:
            yield wrong("metadata.name", name, f"must be no more than {_MOST_LABEL} bytes")
    else:
        if not _SUBDOMAIN.fullmatch(name):
            yield wrong("metadata.name", name, _SUBDOMAIN_SAID)
        if len(name) > _MOST_SUBDOMAIN:
            yield wrong("metadata.name", name, f"must be no more than {_MOST_SUBDOMAIN} bytes")


def label_errors(obj: Json) -> Iterator[FieldError]:
    """What is wrong with an object's labels and the keys of its annotations."""
    found = metadata(obj)
    for where, holds_labels in (("labels", True), ("annotations", False)):
        for key, value in (found.get(where) or {}).items():
            prefix, slash, name = key.rpartition("/")
            good_prefix = not slash or _SUBDOMAIN.fullmatch(prefix)
            if not good_prefix or len(name) > _MOST_LABEL or not _QUALIFIED.fullmatch(name):
                why = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"  # noqa: E501
                yield wrong(f"metadata.{where}", key, why)
            if holds_labels and value and (len(value) > _MOST_LABEL or not _QUALIFIED.fullmatch(value)):
                why = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"  # noqa: E501
                yield wrong(f"metadata.{where}", value, why)


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


def born(obj: Json, kind: Kind, namespace: str, time: str) -> None:
    """Give a new object what the server gives: identity, time, a generated name."""
    found = metadata(obj)
    for key in (*_SERVERS_OWN, *_DELETION):
        found.pop(key, None)
    if not found.get("name") and found.get("generateName"):
        suffix = "".join(random.choices(_SUFFIX, k=5))
        found["name"] = found["generateName"][: _MOST_LABEL - 5] + suffix
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
