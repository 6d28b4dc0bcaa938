"""How much memory a process has."""

import os
from pathlib import Path


def resident_megabytes(process: int | None = None) -> float:
    """Return the resident memory of a process, of this one by default."""
    pages = int(Path(f"/proc/{process or 'self'}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6
