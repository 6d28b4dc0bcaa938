"""SIGTERM before an agent has begun: it ends in order too. Of process 1, as in a container, the kernel drops a signal that
nobody handles, and the agent would go on until it is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.faults import kubeconfig
from tests.processes import killed

TOLD = """
import os, signal, sys
class Told:
    def find_spec(self, name, *_):
        if name == {name!r} and os.getpid() == 1:
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Told())
"""
"""What Python does first: have somebody end the agent when a module is imported."""


def begun(place: Path, *before: str) -> "subprocess.Popen[str]":
    argv = [*before, sys.executable, "-m", "porter", "run", "--kubeconfig", str(place / "kubeconfig")]
    argv += ["--node-name", "node1", "--http", "none", "--event-log", str(place / "porter.db")]
    env = {**os.environ, "PYTHONPATH": str(place)}
    return subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True)


@pytest.mark.root
@pytest.mark.parametrize("name", ["porter.cli", "porter.agent.agent"])
def test_as_process_1_while_python_still_imports(tmp_path: Path, name: str) -> None:
    kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:9")
    (tmp_path / "sitecustomize.py").write_text(TOLD.format(name=name))

    with begun(tmp_path, "unshare", "--pid", "--fork", "--kill-child") as agent, killed(agent):
        _, said = agent.communicate(timeout=20)

    assert (agent.returncode, said) == (0, "")
    assert not (tmp_path / "porter.db").exists()


def test_while_it_reads_its_kubeconfig(tmp_path: Path) -> None:
    content = kubeconfig(tmp_path / "plain", "http://127.0.0.1:9").read_text()
    os.mkfifo(tmp_path / "kubeconfig")

    with begun(tmp_path) as agent, (tmp_path / "kubeconfig").open("w") as pipe:  # it reads by now
        agent.send_signal(signal.SIGTERM)
        pipe.write(content)
        pipe.close()
        _, said = agent.communicate(timeout=20)

    assert agent.returncode == 0
    assert "Traceback" not in said
