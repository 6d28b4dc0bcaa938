"""`benchmarks.api` in sizes that take seconds: it runs, and what depends on no clock keeps its bounds."""

import json
import subprocess
import sys

from benchmarks.api import SMALL_LEASE


def test_what_porter_asks_of_the_api_server_keeps_its_bounds() -> None:
    command = [sys.executable, "-m", "benchmarks.api", "--small", "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    assert (found["writes_per_service"], found["events_per_service"]) == (2, 1)
    assert all(found[name] > 0 for name in ("converge_5000_s", "bare_5000_s", "ratio", "list_10k_s", "relist_10k_s"))
    assert found["rss_mb_after_10_relists"] < 1.5 * found["rss_mb_after_list"]
    assert sorted(found["lease_requests_per_s"]) == ["2 nodes, 10 Services", "2 nodes, 40 Services"]
    most = 2 * 10 / (3 * SMALL_LEASE) + 15 / (4 * SMALL_LEASE)  # docs/api-server.md
    edges = 2 * 3  # in a second at least: one more of each Lease, and one that comes late
    assert all(rate <= most + edges for rate in found["lease_requests_per_s"].values())
