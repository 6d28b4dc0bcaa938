import subprocess
import sys
from collections import Counter
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porter.model.names import NodeName
from porter.reconciler.rendezvous import winner

NODES = [NodeName(f"node{number}") for number in range(1, 11)]
KEYS = [f"192.0.{number >> 8}.{number & 255}" for number in range(5000)]


def test_every_node_wins_about_as_often_as_any_other() -> None:
    won = Counter(winner(key, NODES) for key in KEYS)

    # binomial with 5,000 tries at 1/10: a deviation of 21; five of them leave chance out
    assert all(abs(won[node] - 500) < 106 for node in NODES)


@pytest.mark.parametrize("lost", NODES)
def test_a_lost_node_moves_only_its_own_keys(lost: NodeName) -> None:
    left = [node for node in NODES if node != lost]
    before = {key: winner(key, NODES) for key in KEYS[:500]}

    after = {key: winner(key, left) for key in KEYS[:500]}

    assert lost in before.values()
    assert all(after[key] == node for key, node in before.items() if node != lost)
    assert lost not in after.values()


@given(st.permutations(NODES), st.text())
def test_the_order_of_the_nodes_does_not_matter(nodes: list[NodeName], key: str) -> None:
    assert winner(key, nodes) == winner(key, NODES)


@given(st.lists(st.text(min_size=1).map(NodeName), min_size=1, unique=True), st.text())
def test_the_winner_is_who_draws_the_highest_number(nodes: list[NodeName], key: str) -> None:
    def number(node: NodeName) -> int:
        return int.from_bytes(blake2b(f"{node}\0{key}".encode(), digest_size=8).digest(), "big")

    assert winner(key, nodes) == max(sorted(nodes), key=number)


def test_the_winner_is_the_same_in_every_process() -> None:
    program = (
        "from porter.reconciler.rendezvous import winner; print(winner('192.168.0.91', ['node1', 'node2', 'node3']))"
    )
    runs = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True).stdout
        for _ in range(3)
    }

    assert runs == {winner("192.168.0.91", NODES[:3]) + "\n"}


def test_a_stored_winner_never_changes() -> None:
    # Other versions of Porter run beside this one while a cluster is upgraded: they must agree.
    assert [winner(key, NODES) for key in KEYS[:4]] == GOLDEN


def test_without_a_node_there_is_no_winner() -> None:
    with pytest.raises(ValueError, match="no node to choose from"):
        winner("192.0.2.1", [])


GOLDEN = ["node6", "node4", "node7", "node3"]
