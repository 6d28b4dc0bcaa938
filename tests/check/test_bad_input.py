"""What `porter check` cannot begin with: one sentence, and exit code 1. And what it may not look at: it says so."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from porter.cli import main
from tests.check.cluster import Cluster
from tests.cluster.faults import kubeconfig


def missing(place: Path) -> list[str]:
    return ["--kubeconfig", str(place / "none")]


def not_yaml(place: Path) -> list[str]:
    (place / "config").write_text("clusters: [}")
    return ["--kubeconfig", str(place / "config")]


def nowhere(place: Path) -> list[str]:
    return ["--kubeconfig", str(kubeconfig(place / "config", "http://127.0.0.1:9"))]


def with_token(cluster: Cluster, token: str) -> None:
    """Ask as whoever has this token."""
    cluster.kubeconfig.write_text(cluster.kubeconfig.read_text().replace(cluster.server.token, token))


def agents_token(cluster: Cluster) -> str:
    account = "/api/v1/namespaces/porter-system/serviceaccounts/porter/token"
    return str(cluster.client.post(account, {"spec": {"expirationSeconds": 600}})["status"]["token"])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (missing, "there is no kubeconfig"),
        (not_yaml, "is not YAML"),
        (nowhere, "cannot be reached"),
        (lambda place: [*nowhere(place), "--context", "other"], "no context 'other'"),
    ],
)
def test_an_api_server_that_cannot_be_asked_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: Callable[[Path], list[str]], says: str
) -> None:
    assert main(["check", *given(tmp_path)]) == 1

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("porter: ")
    assert says in told.err
    assert told.err.count("\n") == 1


def test_without_any_kubeconfig_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert main(["check"]) == 1
    assert "no kubeconfig is given" in capsys.readouterr().err
    assert main(["check", "--context", "mine"]) == 1
    assert "--context names a context of a kubeconfig, and none is given" in capsys.readouterr().err


def test_kubectls_own_place_is_looked_at(
    empty: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(empty.directory))
    (empty.directory / ".kube").mkdir()
    empty.kubeconfig.rename(empty.directory / ".kube" / "config")
    empty.node("node1")

    assert main(["check"]) == 0
    assert empty.server.url in capsys.readouterr().out


def test_a_token_that_nobody_knows_is_one_sentence(empty: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    with_token(empty, "nobody")

    assert main(empty.argv()) == 1
    assert "does not accept Porter's credentials (401)" in capsys.readouterr().err


def test_what_may_not_be_read_is_said_and_is_no_fault(well: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    with_token(well, agents_token(well))

    code = main(well.argv("--format", "json"))

    report = json.loads(capsys.readouterr().out)
    told = {one["check"]: (one["level"], one["what"]) for one in report["findings"]}
    assert code == 0
    assert told["kube-proxy"] == (
        "unknown",
        "kube-proxy's mode is not known: these credentials may not read configmaps",
    )
    assert told["other-load-balancers"][0] == "unknown"
    assert told["definition"][0] == "unknown"
    assert told["rights"] == ("ok", "system:serviceaccount:porter-system:porter may do all that it must")
    assert told["pools"][0] == "ok"


def test_who_may_not_install_is_told_what_is_missing(well: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    with_token(well, agents_token(well))

    code = main(well.argv("--format", "json", "--namespace", "elsewhere"))

    [found] = [one for one in json.loads(capsys.readouterr().out)["findings"] if one["check"] == "rights"]
    assert code == 1
    assert found["level"] == "fault"
    assert found["what"].startswith(
        "system:serviceaccount:porter-system:porter may not create namespaces, create custom"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"a: [}", "is not YAML"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"kind: Service", "there is no Eip in"),
        (b"kind: Eip\nmetadata: {name: {}}", "an Eip in"),
        (b"kind: Eip\nmetadata: {name: a, labels: [b]}", "cannot be understood"),
    ],
)
def test_a_file_without_eips_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, says: str
) -> None:
    file = tmp_path / "pools.yaml"
    if content is not None:
        file.write_bytes(content)

    assert main(["check", *nowhere(tmp_path), "-f", str(file)]) == 1

    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_a_scan_from_a_workstation_is_refused(well: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(well.argv("--scan")) == 1
    assert "this machine is no node: name one with --node" in capsys.readouterr().err
