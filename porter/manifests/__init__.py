"""The YAML that installs Porter: read from this package, filled in, never changed by anything else.

No webhook and no finalizer is among it: deleting it, in any order, leaves nothing stuck.
"""

import re
from collections.abc import Mapping, Sequence
from importlib import metadata, resources
from typing import Final, Literal, get_args

from porter.errors import PorterError
from porter.model.places import NAMESPACE

Part = Literal["namespace", "crd", "rbac", "daemonset"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)
"""What there is, in the order in which it must be applied."""

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,499}")


def default_image() -> str:
    """Return the image that this version of Porter would run as."""
    return f"porter-lb:{metadata.version('porter-lb')}"


def render(parts: Sequence[Part] = PARTS, *, namespace: str = NAMESPACE, image: str | None = None) -> str:
    """Return the parts as one stream of YAML documents, in the order in which they must be applied.

    Raises PorterError for a namespace or an image that no API server would take.
    """
    if _DNS_LABEL.fullmatch(namespace) is None:
        raise PorterError(f"{namespace!r} is not a namespace's name: lower case, digits and '-', at most 63 characters")
    chosen = default_image() if image is None else image
    if _IMAGE.fullmatch(chosen) is None:
        raise PorterError(f"{chosen!r} is not an image's name, such as registry.example.org/porter-lb:1.0")
    values = {"namespace": namespace, "image": chosen}
    return "---\n".join(_filled(part, values) for part in PARTS if part in parts)


def _filled(part: Part, values: Mapping[str, str]) -> str:
    text = resources.files(__name__).joinpath(f"{part}.yaml").read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text
