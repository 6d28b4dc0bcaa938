"""A lab of an ordinary user: everything that root's can, or one sentence that says what is needed."""

import json
import os
import signal
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from porter.lab import faults
from tests.lab.labs import until
from tests.lab.ordinary import HOME, USER, Ordinary, ordinary
from tests.needs import needed

pytestmark = pytest.mark.root

LABS = HOME / ".local/state/porter-lab"
ADDRESS = "192.168.0.91"
POOL = f"""\
apiVersion: network.kubesphere.io/v1alpha2
kind: Eip
metadata: {{name: pool}}
spec: {{address: {ADDRESS}, interface: eth0, protocol: layer2}}
---
apiVersion: v1
kind: Service
metadata: {{name: web, annotations: {{lb.kubesphere.io/v1alpha1: porter, eip.porter.kubesphere.io/v1alpha2: pool}}}}
spec: {{type: LoadBalancer, selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: kubia, ports: [{{containerPort: 8080}}]}}]}}
"""


@pytest.fixture(scope="module")
def user() -> Iterator[Ordinary]:
    with ordinary() as somebody:
        allowed = somebody.run("unshare", "--user", "--map-root-user", "true").returncode == 0
        needed(allowed or None, "user namespaces for ordinary users", "sysctl user.max_user_namespaces")
        yield somebody
        left = somebody.processes()
        for pid in left:  # of a test that has failed
            os.kill(pid, signal.SIGKILL)
        assert not left
        assert not list(somebody.path(LABS.parent).iterdir())


@pytest.fixture(scope="module")
def lab(user: Ordinary) -> Iterator[str]:
    """The kubeconfig of a lab with agents."""
    up = user.run("porter", "lab", "up", "--nodes", "2", "--lease-duration", "2")
    try:
        assert up.returncode == 0, up.stderr
        assert "without root" in up.stderr
        yield up.stdout.strip().removeprefix("export KUBECONFIG=")
    finally:
        down = user.run("porter", "lab", "down")
    assert down.returncode == 0, down.stderr


def owner(user: Ordinary) -> str | None:
    """Who answers for the address; None while nobody does."""
    probe = user.run("porter", "lab", "probe", ADDRESS, "--duration", "100ms", "--timeout", "300ms", "--format", "json")
    assert probe.stdout, probe.stderr
    owners = json.loads(probe.stdout)["owners"]
    return owners[-1]["host"] if owners else None


def test_kubectl_reaches_the_lab_from_outside_of_it_and_an_address_is_announced(user: Ordinary, lab: str) -> None:
    kubectl = ("kubectl", f"--kubeconfig={lab}", f"--cache-dir={HOME}/cache")
    applied = user.run(*kubectl, "apply", "-f", "-", text=POOL)
    assert applied.returncode == 0, applied.stderr
    until("an answer", lambda: owner(user) is not None, within=30.0)

    announcer = owner(user)
    assert user.run("porter", "lab", "fail", str(announcer)).returncode == 0
    until("an answer of the other node", lambda: owner(user) not in {None, announcer}, within=30.0)
    mended = user.run("porter", "lab", "recover", str(announcer))
    assert mended.returncode == 0, mended.stderr
    listed = json.loads(user.run("porter", "lab", "status", "--format", "json").stdout)

    assert [(node["agent"], node["fault"]) for node in listed[0]["nodes"]] == [("runs", None)] * 2
    assert "announce" in user.run("porter", "lab", "logs", str(announcer)).stdout


def test_what_the_lab_writes_is_the_users_own(user: Ordinary, lab: str) -> None:
    assert Path(lab) == LABS / "lab/kubeconfig"
    for name in ("kubeconfig", "kubeconfig-porter", "sa.key"):
        seen = user.path(LABS / "lab" / name).stat()

        assert (seen.st_uid, seen.st_gid, seen.st_mode & 0o777) == (USER, USER, 0o600)


def test_the_labs_own_run_shows_what_is_in_the_machines(user: Ordinary, lab: str) -> None:
    del lab
    look = ("find", "/run", "-mindepth", "1", "-maxdepth", "1", "-type", "d", "-printf", "%p %D %i\n")

    outside = user.run(*look).stdout.splitlines()
    inside = user.run("porter", "lab", "exec", "node1", "--", *look).stdout.splitlines()

    assert {line for line in outside if "/netns " not in line} & set(inside)
    assert not [line for line in outside if "/netns " in line and line in inside]


def test_a_command_on_a_node_keeps_its_place_and_sees_that_nodes_log(user: Ordinary, lab: str) -> None:
    assert user.run("porter", "lab", "exec", "node1", "--", "pwd").stdout == f"{HOME}\n"
    log = Path(lab).with_name("node1") / "porter.db"
    told = user.run("porter", "lab", "exec", "node1", "--", "porter", "log", "stat", "--event-log", f"sqlite:///{log}")

    assert told.returncode == 0, told.stderr
    assert "node1" in told.stdout


PROGRAM = """
    import sys, threading
    from porter.lab import Lab
    from porter.lab.errors import LabError
    from porter.lab.faults import KINDS, SERVER

    lab = Lab("lab")
    for kind in sys.argv[1:]:
        target = SERVER if KINDS[kind].of_server else "node2"
        lab.fail(target, kind)
        lab.recover(target)
        print(kind)
    with Lab.up("mine", nodes=1, agents=False) as mine:
        assert mine.ping("192.168.0.2") is not None
        assert [answer.mac for answer in mine.arp("192.168.0.2")] == [mine.mac("node1")]
        print("mine")
    try:
        Lab("lab")
    except LabError as error:
        print(error, file=sys.stderr)
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    Lab.up("more", nodes=1)
"""


def test_a_program_breaks_and_mends_and_one_with_threads_is_told_what_to_do(user: Ordinary, lab: str) -> None:
    del lab
    kinds = [kind for kind in faults.KINDS if kind != "kubelet"]  # a signal only, and it takes long to be seen

    done = user.run("python", "-c", textwrap.dedent(PROGRAM), *kinds, wait=110.0)

    assert done.stdout.split() == [*kinds, "mine"], done.stderr
    assert "without root a program works on one lab at a time" in done.stderr
    assert "without root a program takes hold of a lab before it starts a thread" in done.stderr.splitlines()[-1]


def test_inside_a_lab_commands_know_it_too_and_one_that_lost_its_holder_can_be_taken_down(user: Ordinary) -> None:
    up = user.run("porter", "lab", "up", "--no-agents", "--nodes", "1", "--name", "inner")
    assert up.returncode == 0, up.stderr
    known = json.loads(user.path(LABS / "inner/state.json").read_text())
    (holder,) = (process["pid"] for process in known["processes"] if process["role"] == "holder")
    steps = ("recover --name inner node1", "exec --name inner node1 true", "down --name inner")
    script = f"porter lab {steps[0]}; kill {holder}; porter lab {steps[1]} || porter lab {steps[2]} && echo after"

    inside = user.run("porter", "lab", "exec", "--name", "inner", "client", "--", "sh", "-c", script)

    assert "node1 is not broken" in inside.stderr
    assert "lab 'inner' has ended; porter lab down --name inner clears it" in inside.stderr
    assert inside.stdout == "after\n", inside.stderr


def test_where_user_namespaces_are_switched_off_one_sentence_names_the_switch(user: Ordinary) -> None:
    off = "echo 0 > /proc/sys/user/max_user_namespaces && exec porter lab up"

    done = user.run("unshare", "--user", "--map-root-user", "env", f"PORTER_LAB_DIR={HOME}/labs", "sh", "-c", off)

    assert done.returncode == 1
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("porter: ")]
    assert sentence == (
        "porter: porter lab needs root, or user namespaces, which this machine forbids (user.max_user_namespaces is 0);"
        " run it as root, or allow them: sysctl -w user.max_user_namespaces=15000"
    )
    assert not user.path(HOME / "labs").exists()


def test_where_the_kernel_refuses_for_another_reason_the_sentence_has_it(user: Ordinary) -> None:
    deepest = ["unshare", "--user", "--map-root-user"] * 33  # user_namespaces(7): at most 32 in one another

    done = user.run(*deepest, "env", f"PORTER_LAB_DIR={HOME}/labs", "porter", "lab", "up")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "porter: porter lab needs root, or user namespaces, which this machine or container forbids "
        "(No space left on device: unshare); run it with sudo or as root"
    )
    assert not user.path(HOME / "labs").exists()
