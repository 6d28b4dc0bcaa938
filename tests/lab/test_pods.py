"""The kubelet's part about pods: how long one that was deleted goes on."""

from typing import Any

import pytest

from porter.lab.node.pods import time_to_end
from tests.lab import objects


def ending(grace: int, *, sleep: int | None = None, **spec: Any) -> dict[str, Any]:
    pod = objects.leaving(objects.pod("p", on="node1", ip="10.244.1.2"))
    pod["metadata"]["deletionGracePeriodSeconds"] = grace
    hook = {} if sleep is None else {"lifecycle": {"preStop": {"sleep": {"seconds": sleep}}}}
    return pod | {"spec": pod["spec"] | {"containers": [pod["spec"]["containers"][0] | hook]} | spec}


@pytest.mark.parametrize(
    ("pod", "seconds"),
    [
        (ending(30), 1),
        (ending(0), 0),
        (ending(30, sleep=5), 6),
        (ending(4, sleep=5), 4),
        (ending(30, hostNetwork=True), 0),
        (ending(30, sleep=5, hostNetwork=True), 5),
    ],
)
def test_a_pod_ends_within_its_grace_period(pod: dict[str, Any], seconds: float) -> None:
    assert time_to_end(pod) == seconds
