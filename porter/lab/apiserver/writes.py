"""The write path: create, update, patch, apply. Every object that is stored has come through here.

In order: read as its kind, default, allocate, validate, compare with what is stored, own its fields, store. A write
that changes nothing stores nothing, so no watch sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from porter.lab.apiserver import errors
from porter.lab.apiserver.apply import applied
from porter.lab.apiserver.behaviour import NOTHING, Behaviour
from porter.lab.apiserver.decoding import Undecodable, WriteOptions, clean, clean_or_refuse
from porter.lab.apiserver.deletes import NAMESPACES, is_over
from porter.lab.apiserver.errors import FieldError, bad_request, conflict, invalid, not_found, wrong
from porter.lab.apiserver.fields import Writer, after_update, leaves
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.naming import born, finalizer_errors, inherited, label_errors, name_errors
from porter.lab.apiserver.objects import Clock, Json, at, copied, metadata, name_of, timestamp
from porter.lab.apiserver.registry import registry_key
from porter.lab.apiserver.rules import broken, has_rules
from porter.lab.apiserver.same_shape import after_same_shape
from porter.lab.apiserver.schema import default, validate
from porter.lab.apiserver.schemas import definitions, schema_for
from porter.lab.apiserver.store import Key, Store

_SCHEME = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"  # what the API's sentence names


class Writes:
    """Writes to one store. Not thread-safe: called from the server's loop only, and never waits."""

    def __init__(self, store: Store, behaviours: Mapping[str, Behaviour], now: Clock) -> None:
        self._store = store
        self._behaviours = behaviours
        self._now = now

    def get(self, kind: Kind, key: Key) -> Json:
        """The stored object, or a refusal."""
        found = self._store.get(kind.resource, key)
        if found is None:
            raise not_found(kind.group, kind.plural, key.name)
        return kind.shown(found)

    def create(self, kind: Kind, namespace: str, obj: Json, options: WriteOptions) -> Json:
        """Store a new object; `obj` is taken over."""
        clean_or_refuse(obj, kind, options)
        _same_place(obj, namespace if kind.namespaced else "", "")
        if metadata(obj).get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        return self._born(
            kind,
            namespace,
            obj,
            options,
            Writer(manager=options.manager, operation="Update", api_version=kind.api_version),
        )

    def update(self, kind: Kind, key: Key, obj: Json, subresource: str, options: WriteOptions) -> Json:
        """Replace a stored object by PUT; `obj` is taken over."""
        old = self._store.get(kind.resource, key)
        if old is None and kind.create_on_update and not subresource:
            metadata(obj).pop("resourceVersion", None)
            return self.create(kind, key.namespace, obj, options)
        if old is None:
            raise not_found(kind.group, kind.plural, key.name)
        old = kind.shown(old)
        clean_or_refuse(obj, kind, options)
        _same_place(obj, key.namespace, key.name)
        if not metadata(obj).get("resourceVersion") and not kind.unconditional:
            missing = wrong("metadata.resourceVersion", 0, "must be specified for an update")
            raise invalid(kind.group, kind.plural, key.name, [missing])
        return self._rewritten(kind, key, obj, old=old, subresource=subresource, options=options)

    def patch(
        self, kind: Kind, key: Key, change: Callable[[Json], Any], subresource: str, options: WriteOptions
    ) -> Json:
        """Change a stored object by a function from the old document to the new one."""
        old = self.get(kind, key)
        wanted = change(old)
        if not isinstance(wanted, dict):
            raise errors.rejected_patch()
        patched = _without_what_is_kept(wanted, old)
        untouched = {} if kind.custom else _own_sections(patched, old)
        touched: Json = copied({part: value for part, value in patched.items() if part not in untouched})
        try:
            _same_kind(patched, old)
            clean(touched, kind, options)
        except Undecodable as why:
            raise errors.unpatchable(wanted, why) from why
        whole = untouched | touched
        obj = {part: whole[part] for part in patched | touched if part in whole}
        _same_place(obj, key.namespace, key.name)
        return self._rewritten(kind, key, obj, old=old, subresource=subresource, options=options)

    def apply(self, kind: Kind, key: Key, config: Json, subresource: str, options: WriteOptions) -> tuple[Json, bool]:
        """Server-side apply; the object, and whether it is new."""
        clean_or_refuse(config, kind, options)
        if "managedFields" in metadata(config):
            raise bad_request("metadata.managedFields must be nil")
        metadata(config)["name"] = key.name
        _same_place(config, key.namespace, key.name)
        if kind.status and not subresource:
            config.pop("status", None)
        writer = Writer(
            manager=options.manager, operation="Apply", api_version=kind.api_version, subresource=subresource
        )
        old = self._store.get(kind.resource, key)
        old = None if old is None else kind.shown(old)
        merged = applied(
            old or {},
            config,
            schema=schema_for(kind),
            definitions=definitions(),
            writer=writer,
            force=options.force,
            time=timestamp(self._now()),
        )
        if old is None:
            return self._born(kind, key.namespace, merged, options, None), True
        return self._rewritten(
            kind,
            key,
            merged,
            old=old,
            subresource=subresource,
            options=options,
            owned=metadata(merged)["managedFields"],
        ), False

    def _born(self, kind: Kind, namespace: str, obj: Json, options: WriteOptions, writer: Writer | None) -> Json:
        managed = metadata(obj).get("managedFields", [])
        behaviour = self._behaviours.get(kind.name, NOTHING) if not kind.custom else NOTHING
        time = timestamp(self._now())
        self._namespace_must_take(kind, namespace, name_of(obj))
        place = namespace if kind.namespaced else ""

        def is_taken(name: str) -> bool:
            return self._store.get(kind.resource, Key(place, name)) is not None

        born(obj, kind, namespace, time, is_taken=is_taken)
        if kind.custom and kind.status:
            obj.pop("status", None)
        behaviour.fresh(obj)
        self._default(kind, obj, None, behaviour)
        if writer is not None:  # before anything is given out: the writer owns what it wrote and its defaults alone
            managed = self._owned(kind, _without_status(kind, obj), {}, writer, time)
        self._complete(kind, obj, None, behaviour)
        if is_taken(name_of(obj)):
            raise errors.already_exists(kind.group, kind.plural, name_of(obj))
        metadata(obj)["managedFields"] = managed
        if options.dry_run:
            return obj
        return kind.shown(self._store.put(kind.resource, kind.kept(obj)))

    def _rewritten(
        self,
        kind: Kind,
        key: Key,
        obj: Json,
        *,
        old: Json,
        subresource: str,
        options: WriteOptions,
        owned: list[Json] | None = None,
    ) -> Json:
        seen = metadata(obj).get("resourceVersion")
        if seen and seen != metadata(old)["resourceVersion"]:
            raise conflict(kind.group, kind.plural, key.name)
        _same_identity(kind, key, obj, old)
        obj = _only_the_part(kind, obj, old, subresource)
        inherited(obj, old)
        behaviour = self._behaviours.get(kind.name, NOTHING) if not kind.custom else NOTHING
        if kind.custom or behaviour.concerned(obj, old):
            obj |= copied(_own_sections(obj, old))
            self._default(kind, obj, old, behaviour)
        else:
            behaviour = NOTHING
        self._complete(kind, obj, old, behaviour)
        if kind.generation and _content(obj) != _content(old):
            metadata(obj)["generation"] = metadata(old).get("generation", 0) + 1
        if owned is None and obj == old and self._is_kept_so(kind, key, obj):
            return old
        time = timestamp(self._now())
        if owned is None:
            writer = Writer(
                manager=options.manager, operation="Update", api_version=kind.api_version, subresource=subresource
            )
            owned = self._owned(kind, obj, old, writer, time)
        elif _timeless(owned) == _timeless(metadata(old).get("managedFields", [])):
            owned = metadata(old).get("managedFields", [])
        metadata(obj)["managedFields"] = owned
        if options.dry_run or (obj == old and self._is_kept_so(kind, key, obj)):
            return obj
        if is_over(obj) and kind.resource != NAMESPACES:
            return kind.shown(self._store.remove(kind.resource, key, kind.kept(obj)))
        return kind.shown(self._store.put(kind.resource, kind.kept(obj)))

    def _is_kept_so(self, kind: Kind, key: Key, obj: Json) -> bool:
        """Tell whether it is stored in the version of today: any write brings it there, also one without a change."""
        found = self._store.get(kind.resource, key)
        return not kind.custom or found is None or found.get("apiVersion") == kind.kept(obj).get("apiVersion")

    def _default(self, kind: Kind, obj: Json, old: Json | None, behaviour: Behaviour) -> None:
        if kind.custom:
            default(obj, kind.schema)
        else:
            behaviour.default(obj, old)

    def _complete(self, kind: Kind, obj: Json, old: Json | None, behaviour: Behaviour) -> None:
        if not kind.custom:
            behaviour.allocate(obj, old)
        found = [*name_errors(obj, kind)] if old is None else [*finalizer_errors(obj, old, kind)]
        found += label_errors(obj)
        found += _schema_errors(kind, obj, old) if kind.custom else behaviour.validate(obj, old)
        if found:
            raise invalid(kind.group, kind.name, name_of(obj), found)

    def _owned(self, kind: Kind, obj: Json, old: Json, writer: Writer, time: str) -> list[Json]:
        schema, managed = schema_for(kind), metadata(old).get("managedFields", [])
        if old:
            simple = after_same_shape(
                managed, writer, old=old, new=obj, schema=schema, definitions=definitions(), time=time
            )
            if simple is not None:
                return simple
        before, after = (leaves(one, schema, definitions()) for one in (old, obj))
        return after_update(managed, writer, before=before, after=after, time=time)

    def _namespace_must_take(self, kind: Kind, namespace: str, name: str) -> None:
        if not kind.namespaced:
            return
        found = self._store.get(NAMESPACES, Key("", namespace))
        if found is None:
            raise not_found("", "namespaces", namespace)
        if "deletionTimestamp" in metadata(found):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise errors.forbidden(kind.group, kind.plural, name, why)


def _schema_errors(kind: Kind, obj: Json, old: Json | None) -> list[FieldError]:
    found = list(validate({k: v for k, v in obj.items() if k != "metadata"}, kind.schema))
    if not found:
        return list(broken(obj, kind.schema, old))
    if not has_rules(kind.schema):
        return found
    return [
        *found,
        FieldError(field="<nil>", reason="FieldValueInvalid", message=f"Invalid value: null: {errors.NOT_CHECKED}"),
    ]


def _only_the_part(kind: Kind, obj: Json, old: Json, subresource: str) -> Json:
    """What a request may change, all but the status, or the status alone; the rest is the stored object's own."""
    if subresource == "status" and kind.custom:
        whole = {key: value for key, value in old.items() if key != "status"} | {"metadata": copied(metadata(old))}
        if "status" in obj:
            whole["status"] = obj["status"]
        return whole
    if subresource == "status":
        kept = {key: value for key, value in old.items() if key not in ("metadata", "status")}
        return {key: value for key, value in obj.items() if key in ("metadata", "status")} | kept
    if not kind.status:
        return obj
    part = {key: value for key, value in obj.items() if key != "status"}
    if "status" in old:
        part["status"] = old["status"]
    return part


def _own_sections(obj: Json, old: Json) -> Json:
    """What of an object is a stored object's own, and so never to be changed in place; metadata is never shared."""
    return {part: value for part, value in obj.items() if part in old and value is old[part] and part != "metadata"}


def _without_status(kind: Kind, obj: Json) -> Json:
    return {key: value for key, value in obj.items() if key != "status"} if kind.status else obj


def _content(obj: Json) -> Json:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}


def _without_what_is_kept(wanted: Json, old: Json) -> Json:
    """A patched object without its managedFields, if the patch left them alone: `inherited` gives them back.

    They are half of an object, and need neither be copied nor be read.
    """
    about, kept = wanted.get("metadata"), metadata(old).get("managedFields")
    if not isinstance(about, dict) or kept is None or about.get("managedFields") is not kept:
        return wanted
    return wanted | {"metadata": {key: value for key, value in about.items() if key != "managedFields"}}


def _timeless(managed: list[Json]) -> list[Json]:
    return [{key: value for key, value in entry.items() if key != "time"} for entry in managed]


def _same_place(obj: Json, namespace: str, name: str) -> None:
    found = metadata(obj)
    if found.get("namespace") and namespace and found["namespace"] != namespace:
        message = (
            f"the namespace of the provided object does not match the namespace sent on the request"
            f" ({found['namespace']} against {namespace})"
        )
        raise bad_request(message)
    if name and found.get("name") != name:
        message = f"the name of the object ({found.get('name', '')}) does not match the name on the URL ({name})"
        raise bad_request(message)


def _same_kind(obj: Json, old: Json) -> None:
    kind, version = obj.get("kind"), obj.get("apiVersion")
    if (kind, version) != (old["kind"], old["apiVersion"]):
        why = f'no kind "{kind or ""}" is registered for version "{version or ""}" in scheme "{_SCHEME}"'
        raise Undecodable(why)


def _same_identity(kind: Kind, key: Key, obj: Json, old: Json) -> None:
    asked, found = metadata(obj).get("uid"), at(old, "metadata.uid")
    if asked and asked != found:
        where = f"Code: 4, Key: {registry_key(kind, key)}, ResourceVersion: 0"
        failed = f"Precondition failed: UID in precondition: {asked}, UID in object meta: {found}"
        why = f"StorageError: invalid object, {where}, AdditionalErrorMsg: {failed}"
        raise conflict(kind.group, kind.plural, key.name, why)
