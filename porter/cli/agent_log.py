"""What `porter run` says on standard error while it runs: a line each, for people, or as JSON for programs."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from porter.events.codec import encode, word_of

Format = Literal["text", "json"]

_NOISY: Final = ("aiohttp", "asyncio", "kubernetes", "sqlalchemy", "alembic", "pyroute2")


def speak(output_format: Format, *, verbose: bool) -> None:
    """Have everything that this process logs come out so from now on. Once in a process."""
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(AsJson() if output_format == "json" else plain)
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if verbose else logging.INFO)
    if not verbose:
        for noisy in _NOISY:
            logging.getLogger(noisy).setLevel(logging.WARNING)


class AsJson(logging.Formatter):
    """One JSON object a line; what tells of an entry of the event log carries it as an exported log does."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        found: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry = getattr(record, "entry", None)
        if entry is not None:
            kind, version, body = encode(entry)
            found |= {"kind": kind, "version": version, "word": word_of(entry), "entry": msgspec.json.decode(body)}
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return json.dumps(found)
