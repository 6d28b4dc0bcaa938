"""How fast the page of a long story is written, comes up in Chromium, and is drawn while somebody zooms.

    python -m benchmarks.page --json      1,000 addresses, 100,000 changes, 50 nodes

Needs Debian's chromium. `load_ms` is from the begin of the navigation until everything is drawn, `frame_ms` the time of
the scripts a frame while zooming in and out, without a graphics card.
"""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.telling import tell
from porter.replay.page.document import document
from tests.browser import chromium
from tests.replay.page.lives import many


def measure(lanes: int, changes: int) -> dict[str, float]:
    """Write one page, open it and zoom."""
    picture = many(lanes, changes)
    with tempfile.TemporaryDirectory() as name, chromium(Path(name)) as tab:
        page = Path(name) / "page.html"
        begin = time.perf_counter()
        page.write_text("".join(document(picture)), encoding="utf-8")
        written = time.perf_counter() - begin
        tab.size(1440, 860)
        tab.open(page)
        frames = tab.run("Porter.measure(240)")
        return {
            "lanes": lanes,
            "changes": changes,
            "write_s": round(written, 3),
            "megabytes": round(page.stat().st_size / 1e6, 2),
            "load_ms": round(tab.run("Porter.ready")),
            "frame_ms_median": round(frames["median"], 2),
            "frame_ms_worst": round(frames["worst"], 2),
        }


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--lanes", type=int, default=1_000)
    parser.add_argument("--changes", type=int, default=100_000)
    options = parser.parse_args()
    found = measure(options.lanes, options.changes)
    tell(found.items(), as_json=options.json)


if __name__ == "__main__":
    main()
