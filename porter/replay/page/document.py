"""Write the page: one file of HTML with its style, its scripts and its data inside, and nothing fetched from anywhere.

The policy in its head (Content-Security-Policy) lets exactly these scripts and this style run, by their hashes. Names
from the log are in the data only, where they can end no element; the scripts put them on the page as text.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Final

import msgspec

from porter.replay.page.picture import Picture

_SCRIPTS: Final = ("data.js", "view.js", "signs.js", "draw.js", "panel.js", "keys.js", "pointing.js", "page.js")
"""In the order in which they run; each adds to one object."""
_HOLE: Final = re.compile(r"\{\{([A-Z]+)\}\}")


def document(picture: Picture) -> Iterator[str]:
    """Yield the file in pieces."""
    style = _asset("page.css")
    script = "".join(map(_asset, _SCRIPTS))
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )
    filling = {"POLICY": policy, "TITLE": escape(picture.title), "STYLE": style, "SCRIPT": script}
    for place, piece in enumerate(_HOLE.split(_asset("page.html"))):
        if place % 2 == 0:
            yield piece
        else:
            yield _inert(picture) if piece == "DATA" else filling[piece]


def _inert(picture: Picture) -> str:
    """Return the data as JSON in which nothing can be taken for the end of an element or the begin of a comment."""
    return msgspec.json.encode(picture).decode().replace("<", "\\u003c")


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
