"""Text that users wrote, made fit to be shown: what cannot be printed is replaced, what is endless is cut.

No name, address or range that means anything is changed: these are short and printable.
"""

from typing import Final

LONGEST: Final = 512
"""Characters. The longest that means anything is a name of 253 (RFC 1123, 2.1), or a list of a few addresses."""


def fit_to_show(text: str) -> str:
    """Return the text without control characters, which could forge a reader's screen, and of a bounded length."""
    short = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return short if short.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in short)
