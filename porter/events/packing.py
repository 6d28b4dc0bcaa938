"""Compressed files: which way a name asks for, and which way a file was packed. Nothing here reads what is in them."""

import gzip
import lzma
import zlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

Packed: TypeAlias = BinaryIO | gzip.GzipFile | lzma.LZMAFile
"""A file of bytes, whatever it looks like on disk."""

MAGIC: Final[Mapping[str, bytes]] = {".gz": b"\x1f\x8b", ".xz": b"\xfd7zXZ\x00"}
"""By the suffix that asks for it, how such a file begins."""
DAMAGED: Final = (gzip.BadGzipFile, zlib.error, lzma.LZMAError)
"""What reading a damaged file raises; one that was cut raises EOFError."""


def is_packed(start: bytes) -> bool:
    """Tell from its first bytes whether a file is compressed in a way that is known here."""
    return any(start.startswith(magic) for magic in MAGIC.values())


def open_to_read(path: Path) -> Packed:
    """Open a file and unpack it on the way, whatever its name."""
    with path.open("rb") as raw:
        start = raw.read(max(map(len, MAGIC.values())))
    if start.startswith(MAGIC[".gz"]):
        return gzip.open(path)
    return lzma.open(path) if start.startswith(MAGIC[".xz"]) else path.open("rb")


def packing(raw: BinaryIO, suffix: str) -> AbstractContextManager[Packed]:
    """Write through this what shall be compressed as the suffix asks; as it is for any other suffix."""
    match suffix:
        case ".gz":
            return gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0)
        case ".xz":
            return lzma.LZMAFile(raw, mode="wb")
        case _:
            return nullcontext(raw)
