"""A kubeconfig, in one file or in several as kubectl reads them: of it the cluster and the user that a context names.

Reads files and says in one sentence what is wrong with them. It asks nobody, and writes only where it is told to.
"""

import base64
import binascii
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from porter.cluster.errors import KubeconfigError

Section: TypeAlias = dict[str, Any]

_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
    "context": (),
}
"""The sections, of which a kubeconfig has lists, and their fields that name a file."""
_PROVIDERS: Final = frozenset({"gcp", "oidc"})
"""What may stand under `auth-provider`; Kubernetes has ended all others."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a context names. The sections are nobody else's, and may be changed."""

    whose: str
    """The kubeconfig, in words."""
    cluster: Section
    user: Section
    base: Path
    """The directory of the file that the user is in."""

    def alone(self, directory: Path) -> Section:
        """Return a kubeconfig with these two only, all of whose certificates, keys and tokens are files.

        Those that it carries itself are put into the directory. Raises KubeconfigError.
        """
        sections = {"cluster": self.cluster, "user": self.user}
        for kind, section in sections.items():
            for field in _FILES[kind]:
                if data := section.pop(f"{field}-data", None):
                    path = directory / field
                    path.touch(mode=0o600)
                    path.write_bytes(self._decoded(data, field))
                    section[field] = str(path)
                elif field in section and not Path(section[field]).is_file():
                    raise KubeconfigError(f"{self.whose} names the {field} {section[field]}, and there is no such file")
        return {
            "current-context": "it",
            "contexts": [{"name": "it", "context": dict.fromkeys(sections, "it")}],
            **{f"{kind}s": [{"name": "it", kind: section}] for kind, section in sections.items()},
        }

    def _decoded(self, data: object, field: str) -> bytes:
        try:
            return base64.b64decode(str(data), validate=True)
        except (binascii.Error, ValueError):
            raise KubeconfigError(f"{field}-data in {self.whose} is not base64") from None


def choose(kubeconfig: Path, context: str | None) -> Chosen:
    """Return what a context names, or the current one; all paths are absolute. Raises KubeconfigError."""
    whose, merged = f"kubeconfig {kubeconfig}", _Merged()
    for file in _files(kubeconfig):
        merged.add(_read(file), file.resolve().parent)
    wanted, known = context or merged.current, merged.sections["context"]
    available = f"available: {', '.join(sorted(known)) or 'none'}"
    if not wanted:
        raise KubeconfigError(f"{whose} has no current-context; {available}")
    if wanted not in known:
        raise KubeconfigError(f"no context {wanted!r} in {whose}; {available}")
    named, _ = known[wanted]
    try:
        cluster, _ = merged.of("cluster", named.get("cluster"))
        # A context need not name a user: then nobody in particular asks.
        user, base = merged.of("user", named["user"]) if named.get("user") else ({}, Path())
        _check(cluster, user)
    except LookupError as error:
        raise KubeconfigError(f"{whose} cannot be used: context {wanted!r} {error.args[0]}") from None
    return Chosen(whose=whose, cluster=cluster, user=user, base=base)


class _Merged:
    """The sections of several files by kind and name, each with its file's directory; of equal names the first."""

    def __init__(self) -> None:
        self.current = ""
        self.sections: dict[str, dict[str, tuple[Section, Path]]] = {kind: {} for kind in _FILES}

    def add(self, content: Section, base: Path) -> None:
        """Take in a file's content, whatever is in it."""
        self.current = self.current or str(content.get("current-context") or "")
        for kind, fields in _FILES.items():
            for name, section in _named(content, kind):
                absolute = {field: str(base / section[field]) for field in fields if section.get(field)}
                kept = {key: value for key, value in section.items() if key not in fields}
                self.sections[kind].setdefault(name, (kept | absolute, base))

    def of(self, kind: str, name: object) -> tuple[Section, Path]:
        """Return a section that a context names. Raises LookupError with what is wrong, in words."""
        if not name:
            raise LookupError(f"names no {kind}")
        found = self.sections[kind].get(str(name))
        if found is None:
            raise LookupError(f"names the {kind} {name!r}, which is not in it")
        return found


def _named(content: Section, kind: str) -> Iterator[tuple[str, Section]]:
    listed = content.get(f"{kind}s")
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict) and "name" in item:
            section = item.get(kind)
            yield str(item["name"]), section if isinstance(section, dict) else {}


def _check(cluster: Section, user: Section) -> None:
    server = cluster.get("server")
    if not server:
        raise LookupError("names a cluster without a server")
    if not re.match(r"https?://.", str(server)):
        raise LookupError(f"names a cluster whose server {server!r} is no URL, as https://192.168.0.1:6443 is")
    provider = user.get("auth-provider")
    if isinstance(provider, dict) and provider.get("name") not in _PROVIDERS:
        raise LookupError(f"names a user with the auth-provider {provider.get('name')!r}, which Porter does not know")


def _files(kubeconfig: Path) -> list[Path]:
    """Return the files that are meant: as KUBECONFIG, it may name several, of which some need not be there."""
    several = [Path(name) for name in str(kubeconfig).split(os.pathsep) if name]
    there = [file for file in several if file.exists()]
    return there if there and not kubeconfig.exists() else [kubeconfig]


def _read(file: Path) -> Section:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KubeconfigError(f"there is no kubeconfig {file}; name the right file with --kubeconfig") from None
    except (OSError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"kubeconfig {file} cannot be read: {error}") from error
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise KubeconfigError(f"kubeconfig {file} is not YAML: {problem}") from error
    if not isinstance(content, dict):
        raise KubeconfigError(f"kubeconfig {file} is not a kubeconfig: it holds no clusters and contexts")
    return content
