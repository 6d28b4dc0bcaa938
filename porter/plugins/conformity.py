"""Whether an object is a protocol plugin at all: its name, its attributes, its methods. Says what is missing.

Checks the form only; what a plugin does is its own matter.
"""

import inspect
import re
from typing import Any, cast

from porter.plugins.api import ProtocolPlugin

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # a DNS label, as every short name in Kubernetes
_METHODS = {"validate": 1, "place": 1, "start": 1, "apply": 1, "stop": 0}
"""Each method of a ProtocolPlugin and how many positional arguments Porter gives it."""


class NotAProtocolError(TypeError):
    """An object that is no protocol plugin. The message says what is wrong with it."""


def conforming(candidate: Any) -> ProtocolPlugin:
    """Return the object as the protocol plugin that it is, or raise NotAProtocolError."""
    if isinstance(candidate, type):
        raise NotAProtocolError(f"porter_protocol returned the class {candidate.__name__}, not an object of it")
    missing = [name for name in ("name", "version", "stub", "stable", *_METHODS) if not hasattr(candidate, name)]
    if missing:
        raise NotAProtocolError(f"{type(candidate).__name__} lacks {', '.join(missing)}")
    if not isinstance(candidate.name, str) or not _NAME.fullmatch(candidate.name):
        raise NotAProtocolError(
            f"its name {candidate.name!r} is not one that an Eip can give in spec.protocol: "
            "lower case letters, digits and hyphens, at most 63",
        )
    if not isinstance(candidate.version, str) or not candidate.version:
        raise NotAProtocolError(f"its version {candidate.version!r} is not a text")
    if not (candidate.stub is None or (isinstance(candidate.stub, str) and candidate.stub)):
        raise NotAProtocolError(f"its stub {candidate.stub!r} is neither None nor a sentence")
    if not isinstance(candidate.stable, bool):
        raise NotAProtocolError(f"its stable {candidate.stable!r} is neither True nor False")
    for method, count in _METHODS.items():
        _check_callable(getattr(candidate, method), method, count)
    return cast("ProtocolPlugin", candidate)


def _check_callable(method: Any, name: str, count: int) -> None:
    if not callable(method):
        raise NotAProtocolError(f"its {name} is not a method")
    if inspect.iscoroutinefunction(method):
        raise NotAProtocolError(f"its {name} is a coroutine; Porter calls it in a thread of its own, so it may block")
    try:
        inspect.signature(method).bind(*range(count))
    except TypeError:
        raise NotAProtocolError(f"its {name} does not take {count} argument{'s' * (count != 1)}") from None
    except ValueError:
        return  # a builtin without a signature
