"""The server as a process: its files, its certificate, its listeners in network namespaces, its end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from kubernetes import client as kubernetes_client
from kubernetes import config, watch

from tests.lab.apiserver.client import Client
from tests.processes import killed

COMMAND = (sys.executable, "-m", "porter.lab.apiserver")


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(1200):  # a minute: on a busy machine Python alone takes seconds to import what it needs
        if path.exists():
            return
        assert process.poll() is None, "the server ended early"
        time.sleep(0.05)
    pytest.fail(f"{path} did not appear")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([*COMMAND, "--listen", "127.0.0.1:0", "--dir", str(tmp_path)], text=True) as started:
        try:
            wait_for(tmp_path / "kubeconfig", started)
            yield started
        finally:
            if started.poll() is None:
                started.terminate()


def admin(path: Path) -> Client:
    found = yaml.safe_load(path.read_text())
    cluster, user = found["clusters"][0]["cluster"], found["users"][0]["user"]
    return Client(cluster["server"], user["token"], (path.parent / "ca.crt").read_bytes())


def test_the_kubeconfig_is_private_and_works_with_the_kubernetes_client(
    process: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert process.poll() is None
    path = tmp_path / "kubeconfig"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    api = kubernetes_client.CoreV1Api(config.new_client_from_config(str(path)))
    spec = kubernetes_client.V1ServiceSpec(type="LoadBalancer", ports=[kubernetes_client.V1ServicePort(port=80)])
    made = api.create_namespaced_service(
        "default", kubernetes_client.V1Service(metadata=kubernetes_client.V1ObjectMeta(name="a"), spec=spec)
    )

    seen = [
        event["object"].metadata.name
        for event in watch.Watch().stream(api.list_service_for_all_namespaces, timeout_seconds=1)
    ]

    assert made.spec.cluster_ip.startswith("10.233.")
    assert sorted(seen) == ["a", "kubernetes"]
    api.api_client.close()


def test_nobody_gets_in_without_the_token(process: subprocess.Popen[str], tmp_path: Path) -> None:
    assert process.poll() is None
    known = admin(tmp_path / "kubeconfig")
    nobody = Client(known.url, "", (tmp_path / "ca.crt").read_bytes())

    assert nobody.ask("GET", "/api/v1/nodes").status == 401
    assert Client(known.url, "wrong", (tmp_path / "ca.crt").read_bytes()).ask("GET", "/api").status == 401
    assert [nobody.ask("GET", path).status for path in ("/readyz", "/livez", "/healthz", "/version")] == [200] * 4
    assert known.ask("GET", "/api/v1/nodes").status == 200


def test_sigterm_ends_it_cleanly_even_with_an_open_watch(process: subprocess.Popen[str], tmp_path: Path) -> None:
    with admin(tmp_path / "kubeconfig").request("GET", "/api/v1/nodes?watch=1"):
        process.send_signal(signal.SIGTERM)

        assert process.wait(5) == 0


def test_it_ends_when_its_parent_does(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, pathlib, time\n"
        f"p = subprocess.Popen([*{COMMAND!r}, '--listen', '127.0.0.1:0', '--dir', {str(tmp_path)!r}, '--die-with-parent'])\n"
        f"while not pathlib.Path({str(tmp_path / 'kubeconfig')!r}).exists(): time.sleep(0.05)\n"
        "print(p.pid)\n"
        "import os; os._exit(0)\n"
    )
    child = int(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30).stdout
    )

    for _ in range(100):
        if not running(child):
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("it outlived its parent")


def connections_of(server: int) -> int:
    """The process that holds a server's connections."""
    [found] = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return int(found)


def test_it_ends_when_the_process_that_holds_its_connections_does(tmp_path: Path) -> None:
    command = [*COMMAND, "--listen", "127.0.0.1:0", "--dir", str(tmp_path)]
    with subprocess.Popen(command, text=True, stderr=subprocess.PIPE) as started, killed(started):
        wait_for(tmp_path / "kubeconfig", started)
        os.kill(connections_of(started.pid), signal.SIGKILL)
        _, said = started.communicate(timeout=10)

    assert started.returncode == 1
    assert said.splitlines()[-1].startswith("cannot serve on 127.0.0.1:0: the process that holds its connections")


def test_killed_it_leaves_its_connections_and_its_port(process: subprocess.Popen[str], tmp_path: Path) -> None:
    known = admin(tmp_path / "kubeconfig")
    holds = connections_of(process.pid)
    with known.request("GET", "/api/v1/nodes?watch=1") as open_watch:
        process.kill()
        process.wait(5)

        with pytest.raises((http.client.IncompleteRead, OSError)):  # ended in the middle, or reset
            open_watch.read()
    for _ in range(100):
        if not running(holds):
            break
        time.sleep(0.05)
    with socket.create_server(("127.0.0.1", int(known.url.rpartition(":")[2]))):
        pass


def running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_an_address_that_is_taken_is_told_in_one_line(process: subprocess.Popen[str], tmp_path: Path) -> None:
    assert process.poll() is None
    port = admin(tmp_path / "kubeconfig").url.rpartition(":")[2]
    other = tmp_path / "other"

    done = subprocess.run(
        [*COMMAND, "--listen", f"127.0.0.1:{port}", "--dir", str(other)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("cannot serve on 127.0.0.1:")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.root
def test_a_listener_inside_a_network_namespace_is_reached_from_there_only(tmp_path: Path) -> None:
    name = f"porter-api-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    command = [*COMMAND, "--listen", "127.0.0.1:0", f"10.9.8.7:6443@{name}", "--dir", str(tmp_path)]
    try:
        with subprocess.Popen(command, text=True) as process, killed(process):
            wait_for(tmp_path / "kubeconfig", process)
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
            subprocess.run(["ip", "-n", name, "addr", "add", "10.9.8.7/32", "dev", "lo"], check=True)
            ask = (
                "import ssl, urllib.request as u;"
                f"c = ssl.create_default_context(cafile={str(tmp_path / 'ca.crt')!r});"
                "print(u.urlopen('https://10.9.8.7:6443/readyz', context=c, timeout=5).read().decode())"
            )
            inside = subprocess.run(
                ["ip", "netns", "exec", name, sys.executable, "-c", ask], capture_output=True, text=True, check=False
            )
            outside = Client("https://10.9.8.7:6443", "", (tmp_path / "ca.crt").read_bytes())

            assert inside.stdout == "ok\n", inside.stderr
            assert "https://10.9.8.7:6443" in (tmp_path / "kubeconfig-10.9.8.7").read_text()
            assert admin(tmp_path / "kubeconfig").ask("GET", "/readyz").status == 200
            with pytest.raises(urllib.error.URLError):
                outside.request("GET", "/readyz", timeout=0.5)
            process.terminate()
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_it_serves_without_uvloop(tmp_path: Path) -> None:
    program = "import sys; sys.modules['uvloop'] = None; from porter.lab.apiserver.__main__ import main; main()"
    command = [sys.executable, "-c", program, "--listen", "127.0.0.1:0", "--dir", str(tmp_path)]
    with subprocess.Popen(command, text=True) as started:
        try:
            wait_for(tmp_path / "kubeconfig", started)
            found = admin(tmp_path / "kubeconfig").get("/api/v1/namespaces/default")
        finally:
            started.terminate()

    assert found["metadata"]["name"] == "default"
    assert started.returncode == 0
