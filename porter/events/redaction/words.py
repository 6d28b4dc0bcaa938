"""The words that are nobody's secret: those of Porter's own sentences, of the system's errors, of HTTP and the API.

Porter's are read from its source, so that no list has to follow them. In a text that may hold names, whatever is none
of these words came from outside.
"""

import ast
import builtins
import errno
import os
import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

_SPOKEN: Final = ("model", "reconciler", "plugins", "cluster", "agent", "events")
"""The packages whose sentences come into a log."""

_FOREIGN: Final = (
    "operation cannot be fulfilled on: the object has been modified; please apply your changes to the latest version",
    "and try again is forbidden: user cannot get list watch create update patch delete resource in API group in the",
    "namespace at cluster scope services status endpointslices nodes leases eips not found already exists is invalid",
    "connect call failed to host port ssl server disconnected closing connection read timed out unauthorized error",
)
"""What the API server and the HTTP client say."""
_WORD: Final = re.compile(r"[^\W_]+")


@cache
def phrases() -> tuple[str, ...]:
    """Return the pieces of Porter's sentences that are of several words, the longest first."""
    pieces = {re.sub(r"^\W+|\s+$", "", piece) for text in _texts() for piece in text.split("{}")}
    found = {piece for piece in pieces if " " in piece}
    return tuple(sorted(found, key=lambda piece: (-len(piece), piece)))


@cache
def words() -> frozenset[str]:
    """Return all words that are kept, in lower case."""
    system = (os.strerror(number) for number in errno.errorcode)
    errors = (name for name in vars(builtins) if name.endswith(("Error", "Exception")))
    answers = (status.phrase for status in HTTPStatus)
    texts = (*_texts(), *_FOREIGN, *system, *errors, *answers, *errno.errorcode.values(), "errno")
    return frozenset(word.lower() for text in texts for word in _WORD.findall(text))


@cache
def _texts() -> tuple[str, ...]:
    """Return the text literals of Porter's source that are sentences or parts of some, in no order."""
    package = Path(__file__).parents[2]
    files = (path for part in _SPOKEN for path in (package / part).rglob("*.py"))
    return tuple({text for path in files for text in _literals(ast.parse(path.read_bytes()))})


def _literals(tree: ast.Module) -> Iterator[str]:
    said = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }  # docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in said:
            yield node.value
