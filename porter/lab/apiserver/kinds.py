"""The kinds that the server serves: their names, verbs and habits. A table and a lookup; no behaviour, no objects."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from porter.lab.apiserver.objects import Json
from porter.lab.apiserver.store import Resource

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column that a custom kind prints."""

    name: str
    type: str
    path: str
    description: str = ""
    format: str = ""
    priority: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind in one version, as discovery shows it and as the write path treats it."""

    group: str
    version: str
    name: str
    plural: str
    singular: str
    list_name: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    status: bool = False  # has the status subresource
    scale: bool = False  # has the scale subresource
    token: bool = False  # has the token subresource
    generation: bool = False  # counts changes of what is wanted
    returns_deleted: bool = False  # DELETE answers with the object, not with a Status
    create_on_update: bool = False
    unconditional: bool = True  # PUT without a resourceVersion is taken
    custom: bool = False
    stored_as: str = ""  # the API version in which a custom object is kept, where that is another one than its own
    label_name: bool = False  # the name must be an RFC 1123 label, not a subdomain
    any_name: bool = False  # RBAC names may hold anything but a slash and a percent sign
    fields: frozenset[str] = frozenset()  # field selectors beyond metadata
    schema: Json = field(default_factory=dict, compare=False)
    columns: tuple[Column, ...] = ()
    api_version: str = field(init=False)
    """`v1` or `group/version`."""
    resource: Resource = field(init=False)
    """Where its objects are stored."""

    def __post_init__(self) -> None:
        """Make what follows from the others, and what every write asks for several times."""
        version = f"{self.group}/{self.version}" if self.group else self.version
        object.__setattr__(self, "api_version", version)
        object.__setattr__(self, "resource", Resource(self.group, self.plural))

    def shown(self, obj: Json) -> Json:
        """An object in this version; between versions of a custom kind nothing but the version's name differs."""
        return (
            obj if not self.custom or obj.get("apiVersion") == self.api_version else self._named(obj, self.api_version)
        )

    def kept(self, obj: Json) -> Json:
        """An object as it is stored."""
        return self._named(obj, self.stored_as) if self.stored_as else obj

    def _named(self, obj: Json, version: str) -> Json:
        return {**obj, "apiVersion": version}

    @property
    def storage_hash(self) -> str:
        """What discovery tells as storageVersionHash: eight bytes of SHA-256 over `group/version/Kind`."""
        digest = hashlib.sha256(f"{self.group}/{self.version}/{self.name}".encode()).digest()
        return base64.b64encode(digest[:8]).decode()


class Kinds:
    """Every kind served now, built in or defined by a CustomResourceDefinition."""

    def __init__(self, builtin: tuple[Kind, ...]) -> None:
        self._served: dict[tuple[str, str, str], Kind] = {}
        self.changes = 0
        """How often a kind came, changed or went."""
        for kind in builtin:
            self.add(kind)

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._served.values())

    def add(self, kind: Kind) -> None:
        """Serve a kind, or serve it anew."""
        self._served[kind.group, kind.version, kind.plural] = kind
        self.changes += 1

    def drop(self, resource: Resource) -> None:
        """Stop serving a resource in every version."""
        for key in [key for key, kind in self._served.items() if kind.resource == resource]:
            del self._served[key]
            self.changes += 1

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind under a path, or None."""
        return self._served.get((group, version, plural))

    def stored(self, resource: Resource) -> Kind | None:
        """Any served version of a resource: the first one added."""
        return next((kind for kind in self if kind.resource == resource), None)

    def named(self, api_version: str, name: str) -> Kind | None:
        """The kind by what an object says of itself."""
        return next((kind for kind in self if kind.api_version == api_version and kind.name == name), None)

    def has_group(self, group: str) -> bool:
        """Whether any kind of a group is served."""
        return any(kind.group == group for kind in self)

    def groups(self) -> dict[str, list[str]]:
        """Every group with its versions, in the order in which they came; the core group is the empty name."""
        found: dict[str, list[str]] = {}
        for kind in self:
            versions = found.setdefault(kind.group, [])
            if kind.version not in versions:
                versions.append(kind.version)
        return found

    def of(self, group: str, version: str) -> list[Kind]:
        """The kinds of one group and version, by their plural."""
        found = [kind for kind in self if (kind.group, kind.version) == (group, version)]
        return sorted(found, key=lambda kind: kind.plural)
