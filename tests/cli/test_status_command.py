"""`porter status` where no agent answers: one sentence that says what to do, whoever answers instead."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socket import create_server

import pytest

from porter.cli import main
from tests.processes import killed

OK = b"HTTP/1.0 200 OK\r\n\r\n"


STATUS = {
    "node": "node1",
    "ready": True,
    "leading": False,
    "leader": None,
    "version": "1",
    "log": {"last_seq": 1},
    "problems": [],
    "assignments": [],
    "eips": [],
    "changes": [],
}


@contextmanager
def answering(said: bytes, port: int = 0) -> Iterator[str]:
    """Answer one connection with these bytes; return where."""
    with create_server(("127.0.0.1", port)) as server:
        server.settimeout(10)

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        host, port = server.getsockname()
        try:
            yield f"{host}:{port}"
        finally:
            thread.join(10)


def told(capsys: pytest.CaptureFixture[str], http: str) -> str:
    assert main(["status", "--http", http]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith(f"porter: no agent answers on {http}: ")
    assert shown.err.endswith("; --http says where its pages are\n")
    return shown.err


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        OK + b"{}",
        OK + b"[1]",
        OK + b"<html>",
        b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n{}",
    ],
    ids=["no HTTP", "no status", "a list", "no JSON", "cut off"],
)
def test_another_program_is_no_agent(capsys: pytest.CaptureFixture[str], said: bytes) -> None:
    with answering(said) as http:
        told(capsys, http)


@pytest.mark.parametrize("http", ["a b:1", "127.0.0.1:x", "127.0.0.1:70000"])
def test_what_is_no_place_is_said(capsys: pytest.CaptureFixture[str], http: str) -> None:
    told(capsys, http)


def test_an_agent_is_never_asked_through_a_proxy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with answering(b"HTTP/1.0 404 Not Found\r\n\r\n") as http:
        assert "Not Found" in told(capsys, http)


def status(node: str) -> bytes:
    return OK + json.dumps({**STATUS, "node": node}).encode()


def test_without_a_host_it_is_this_one(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(status("node1")) as http:
        assert main(["status", "--http", http.removeprefix("127.0.0.1")]) == 0

    assert capsys.readouterr().out == "node1: ready, leader: none, Porter 1, entry 1\n"


def test_watching_goes_on_when_the_agent_is_started_again() -> None:
    heed = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heed}; from porter.cli import main; sys.exit(main())", "status", "--watch"]
    with answering(status("node1")) as http:
        porter = subprocess.Popen(
            [*command, "--http", http],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    with porter, killed(porter):
        assert porter.stdout is not None
        assert porter.stderr is not None
        assert porter.stdout.readline().startswith("node1: ready")
        assert porter.stderr.readline() == (
            f"porter: no agent answers on {http}: [Errno 111] Connection refused; --http says where its pages are; "
            "what is above is old\n"
        )
        with answering(status("node2"), int(http.rpartition(":")[2])):
            assert porter.stdout.readline().startswith("node2: ready")
        porter.send_signal(signal.SIGINT)

        assert porter.wait(10) == 130
        assert porter.stderr.read().count("no agent answers") <= 1  # the second server has ended too
