"""Traffic at a steady rate: what was lost, when, and who answered; against a lab whose hosts really fail."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from porter.cli.lab.probe import lines
from porter.lab import Lab
from porter.lab.errors import LabError
from porter.lab.faults import How
from porter.lab.probing import Attempt, Gap, Report
from porter.lab.processes import porter
from tests.lab import labs
from tests.lab.labs import until

NODE1 = "192.168.0.2"
ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 7))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(2048)
    s.sendto(data, peer)
"""
WEB = """
import http.server
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "6"); self.end_headers()
        self.wfile.write(b"hello\\n")
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("0.0.0.0", 80), H)
print("ready", flush=True)
s.serve_forever()
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up("p", nodes=2, agents=False) as made:
        yield made


@pytest.fixture
def serve(lab: Lab) -> Iterator[None]:
    """An echo of datagrams and a web server on node1."""
    started = []
    for code in (ECHO, WEB):
        command = lab.command("node1", [sys.executable, "-c", code])
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        started.append(process)
    yield
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def some(*afters: float | None, by: str = "node1") -> Report:
    """Attempts each second, answered after so long or not at all."""
    attempts = [
        Attempt(number=n, sent=100.0 + n, after=after, by=by if after is not None else None)
        for n, after in enumerate(afters)
    ]
    return Report(attempts=tuple(attempts))


def test_a_gap_lasts_from_the_first_that_was_lost_to_the_next_that_was_answered() -> None:
    report = some(0.1, None, None, 0.1, None, 0.1, None)

    assert report.gaps == (
        Gap(begin=101.0, end=103.0, lost=2, before="node1", after="node1"),
        Gap(begin=104.0, end=105.0, lost=1, before="node1", after="node1"),
        Gap(begin=106.0, end=None, lost=1, before="node1", after=None),
    )
    assert [gap.length for gap in report.gaps] == [2.0, 1.0, None]
    assert (report.lost, report.longest_gap) == (4, 2.0)


def test_a_report_without_answers_has_no_times() -> None:
    report = some(None, None, None)

    assert (report.quantile(50), report.owners, report.longest_gap) == (None, (), 2.0)
    assert lines(report)[0] == "sent 3, answered 0, lost 3"
    assert lines(report)[1].endswith("nothing for until the end: 3 lost")


def test_owners_are_told_at_each_change() -> None:
    attempts = [*some(0.1, 0.1).attempts, *some(None, 0.2, 0.2, by="node2").attempts]
    report = Report(attempts=tuple(attempts))

    assert [who for _, who in report.owners] == ["node1", "node2"]
    assert any("1 lost, then by node2" in line for line in lines(report))


@pytest.mark.sees("network")
@pytest.mark.root
@pytest.mark.parametrize(("protocol", "port"), [("icmp", 0), ("udp", 7), ("tcp", 80), ("http", 80)])
@pytest.mark.usefixtures("serve")
def test_each_protocol_is_answered_by_the_node_and_by_nobody_when_it_is_cut_off(
    lab: Lab, protocol: str, port: int
) -> None:
    with lab.traffic(NODE1, protocol, port=port, interval=0.02, patience=0.5) as prober:
        time.sleep(0.4)
        before = time.time()
        lab.fail("node1")
        broken = time.time()
        time.sleep(0.4)
        lab.recover("node1")
        mended = time.time()
        until("an answer", lambda: (last := prober.report.attempts[-1]).sent > mended and last.after is not None)
    report = prober.report

    gaps = [gap for gap in report.gaps if gap.lost > 3]
    assert len(gaps) == 1
    assert before - 1 <= gaps[0].begin <= broken + 1
    assert gaps[0].end is not None
    assert broken <= gaps[0].end <= mended + 1
    assert report.owners == ((report.attempts[0].sent, "node1"),)
    if protocol == "http":
        assert report.attempts[0].said == "hello"
    steps = [b.sent - a.sent for a, b in zip(report.attempts, report.attempts[1:], strict=False)]
    assert sum(steps) / len(steps) < 0.1  # what is lost does not slow down what follows


@pytest.mark.root
@pytest.mark.usefixtures("serve")
def test_a_refused_connection_is_told_as_one(lab: Lab) -> None:
    report = lab.traffic(NODE1, "tcp", port=81, interval=0.05, duration=0.2).start().wait()

    assert {attempt.error for attempt in report.attempts} == {"Connection refused"}
    assert len(report.attempts) == report.lost == 4


@pytest.mark.root
def test_an_answer_that_comes_too_late_is_lost(lab: Lab) -> None:
    lab.fail("node1", "delay", How(delay=0.15))
    try:
        report = lab.traffic(NODE1, interval=0.05, patience=0.2, duration=0.3).start().wait()
    finally:
        lab.recover("node1")

    assert len(report.attempts) == report.lost == 6


@pytest.mark.root
def test_the_command_writes_each_attempt_and_fails_when_something_is_lost(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTER_LAB_DIR", str(lab.directory.parent))
    file = tmp_path / "attempts"
    words = ["--name", lab.name, "--interval", "20ms", "--duration", "0.2s", "--format", "json"]
    fine = run(NODE1, *words, "--write", str(file))
    silent = run("192.168.0.77", *words, "--timeout", "100ms")

    assert fine.returncode == 0, fine.stderr
    told = json.loads(fine.stdout)
    assert (told["sent"], told["lost"], told["gaps"], told["owners"][0]["host"]) == (10, 0, [], "node1")
    assert [json.loads(line)["number"] for line in file.read_text().splitlines()] == list(range(10))
    assert silent.returncode == 1
    assert json.loads(silent.stdout)["gaps"][0]["lost"] == 10


@pytest.mark.root
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["node1"], "'node1' is not an address"),
        ([NODE1, "--duration", "soon"], "'soon' is not a duration such as 30s, 500ms or 2m"),
        ([NODE1, "--interval", "0"], "'0' is not a duration"),
        ([NODE1, "--protocol", "http", "--interval", "1ms"], "--interval is too short for http; 10ms is the least"),
    ],
)
def test_what_cannot_be_probed_is_refused_with_a_sentence(words: list[str], said: str) -> None:
    done = run(*words)

    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.root
def test_a_file_that_cannot_be_written_is_told_in_a_sentence(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTER_LAB_DIR", str(lab.directory.parent))

    done = run(NODE1, "--name", lab.name, "--write", str(tmp_path / "missing" / "attempts"))

    assert done.returncode == 1
    assert done.stderr == f"porter: Could not open file '{tmp_path}/missing/attempts': No such file or directory\n"


@pytest.mark.root
def test_a_lab_that_is_not_there_leaves_the_file_alone(tmp_path: Path) -> None:
    (tmp_path / "attempts").write_text("before")

    assert run(NODE1, "--name", "none", "--write", str(tmp_path / "attempts")).returncode == 1
    assert (tmp_path / "attempts").read_text() == "before"


@pytest.mark.root
@pytest.mark.parametrize("protocol", ["icmp", "udp"])
def test_ipv6_in_a_lab_without_it_is_refused(lab: Lab, protocol: str) -> None:
    with pytest.raises(LabError, match="client has no IPv6 in this lab; bring it up with --dual-stack"):
        lab.traffic("2001:db8::91", protocol)
    with pytest.raises(LabError, match="client has no IPv6"):
        lab.ndp("2001:db8::91")


@pytest.mark.root
def test_a_protocol_that_nobody_speaks_is_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="no probe is called 'sctp'; there are: icmp, udp, tcp, http"):
        lab.traffic(NODE1, "sctp")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(porter("lab", "probe", *words), capture_output=True, text=True, check=False, timeout=60)
