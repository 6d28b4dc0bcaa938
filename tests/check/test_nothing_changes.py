"""It changes nothing: by the API server's own audit log, and by what is on the disk."""

import pytest

from porter.cli import main
from tests.check.cluster import Cluster

REVIEWS = {"selfsubjectreviews", "selfsubjectaccessreviews", "subjectaccessreviews"}


@pytest.mark.parametrize("installed", [False, True], ids=["before installing", "installed"])
def test_it_only_reads_and_asks_for_reviews(empty: Cluster, *, installed: bool) -> None:
    if installed:
        empty.install()
    empty.node("node1", "203.0.113.2")
    before = sorted((file.name, file.stat().st_mtime_ns) for file in empty.directory.iterdir())

    main(empty.argv("--node", "node1"))

    requests = empty.audited()
    assert len(requests) > 15
    written = [one for one in requests if one["verb"] not in {"get", "list"}]
    assert written, "no right was reviewed"
    assert {(one["verb"], one["objectRef"]["resource"]) for one in written} <= {("create", kind) for kind in REVIEWS}
    after = sorted((file.name, file.stat().st_mtime_ns) for file in empty.directory.iterdir())
    assert [name for name, _ in after] == [name for name, _ in before]
    assert {name for (name, then), (_, now) in zip(before, after, strict=True) if then != now} == {"audit.log"}
