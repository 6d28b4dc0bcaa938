"""Objects in a file that survives a restart: a line of JSON for each write, read back and shortened at the start.

The file is not forced to the disk at each write: it survives the process, not a loss of power. The history of changes
is not kept, so after a restart a watch that resumes gets 410 and lists again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import msgspec

from porter.lab.apiserver.changes import Change
from porter.lab.apiserver.objects import Json, encode, name_of, namespace_of
from porter.lab.apiserver.store import Key, Resource, Store


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A write: the object as it is now, or none when it is gone."""

    revision: int
    group: str
    plural: str
    namespace: str
    name: str
    object: Json | None = None


class JournalError(ValueError):
    """The file is not a journal, or damaged; the message names the line."""


class Journal:
    """Follows a store and writes down what it holds. Called from the server's loop only."""

    def __init__(self, path: Path, store: Store) -> None:
        """Fill the store with what the file holds. Raises OSError, or JournalError for a file that is none of ours."""
        self._path = path
        self._store = store
        revision, found = _read(path)
        if revision:
            store.restore(revision, found)
        self._file: BinaryIO | None = None

    def open(self) -> None:
        """Leave one line for each object, and go on from there."""
        self._shorten()
        self._file = self._path.open("ab", buffering=0)

    def follow(self, resource: Resource, change: Change) -> None:
        """Write down one change."""
        line = Line(
            revision=change.revision,
            group=resource.group,
            plural=resource.plural,
            namespace=change.namespace,
            name=change.name,
            object=None if change.deleted else change.object,
        )
        assert self._file is not None, "the server writes while it runs"
        self._file.write(encode(line) + b"\n")

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _shorten(self) -> None:
        """Leave one line for each object; the old file stays until the new one is whole."""
        temporary = self._path.with_name(f".{self._path.name}.new")
        with temporary.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)  # Secrets are in it
            for resource in self._store.resources():
                for obj in self._store.all(resource):
                    line = Line(
                        revision=self._store.revision,
                        group=resource.group,
                        plural=resource.plural,
                        namespace=namespace_of(obj),
                        name=name_of(obj),
                        object=obj,
                    )
                    file.write(encode(line) + b"\n")
        temporary.replace(self._path)


def _read(path: Path) -> tuple[int, dict[Resource, dict[Key, Json]]]:
    """The newest revision and the objects; a last line that was cut short by a kill is passed over."""
    revision = 0
    found: dict[Resource, dict[Key, Json]] = {}
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return 0, {}
    decoder = msgspec.json.Decoder(Line)
    for number, raw in enumerate(lines[:-1], 1):
        try:
            line = decoder.decode(raw)
        except msgspec.DecodeError as error:
            message = f"line {number} of {path} is not the API server's ({error}); move the file away to begin anew"
            raise JournalError(message) from None
        revision = max(revision, line.revision)
        objects = found.setdefault(Resource(line.group, line.plural), {})
        if line.object is None:
            objects.pop(Key(line.namespace, line.name), None)
        else:
            objects[Key(line.namespace, line.name)] = line.object
    return revision, found
