"""The public names that users of Porter 0.4 and OpenELB have written, letter for letter. (COMPAT: Services)"""

from collections.abc import Callable

import pytest

from porter.model import keys
from porter.model.objects import LOAD_BALANCER_CLASS, KeyFamily

SPELLED: dict[str, tuple[Callable[[KeyFamily], str], str]] = {
    "wanted protocol": (keys.wanted_protocol, "protocol.{}.kubesphere.io/v1alpha1"),
    "wanted pool": (keys.wanted_eip, "eip.{}.kubesphere.io/v1alpha2"),
    "wanted address": (keys.wanted_address, "eip.{}.kubesphere.io/v1alpha1"),
    "node, written": (keys.layer2_node, "layer2.{}.kubesphere.io/v1alpha1"),
    "pool, written": (keys.written_eip, "eip.{}.kubesphere.io/v1alpha2"),
    "default pool": (keys.default_eip, "eip.{}.kubesphere.io/is-default-eip"),
    "another program's pool": (keys.cni, "{}.kubesphere.io/cni"),
}


@pytest.mark.parametrize("family", ["porter", "openelb"])
@pytest.mark.parametrize(("key", "spelling"), SPELLED.values(), ids=SPELLED.keys())
def test_a_key_is_spelled_in_both_families(key: Callable[[KeyFamily], str], spelling: str, family: KeyFamily) -> None:
    assert key(family) == spelling.format(family)


def test_the_keys_of_one_spelling_are_spelled_so() -> None:
    assert keys.CLAIM == "lb.kubesphere.io/v1alpha1"
    assert {"porter", "openelb"} == keys.CLAIM_VALUES
    assert LOAD_BALANCER_CLASS == "porter.kubesphere.io/porter"
    assert {"finalizer.lb.kubesphere.io/v1alpha1", "finalizer.ipam.kubesphere.io/v1alpha1"} == keys.OLD_FINALIZERS
    assert keys.EXCLUDE_NODE == "node.kubernetes.io/exclude-from-external-load-balancers"
    assert keys.CONDITION_ASSIGNED == "porter.kubesphere.io/Assigned"
    assert keys.CONDITION_ANNOUNCED == "porter.kubesphere.io/Announced"
