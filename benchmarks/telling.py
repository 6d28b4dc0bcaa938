"""What a benchmark says while it works and at its end: lines for a reader, or one JSON object for a program."""

import json
import sys
from collections.abc import Iterable
from typing import Any


def say(text: str) -> None:
    """Tell who waits at a terminal what is being done."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def tell(figures: Iterable[tuple[str, Any]], *, as_json: bool) -> None:
    """Print what was measured; lines are printed as the figures come."""
    if as_json:
        print(json.dumps(dict(figures)))
        return
    for name, value in figures:
        shown = f"{value:,}" if isinstance(value, int | float) else value
        print(f"{name:>28}  {shown}", flush=True)
