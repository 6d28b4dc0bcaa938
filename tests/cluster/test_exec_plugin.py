"""Programs that give credentials, as a kubeconfig names them: what they are told, what they give, and how they fail."""

import asyncio
import json
import os
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from porter.cluster.access import open_access
from porter.cluster.connection import Connection
from porter.cluster.errors import KubeconfigError
from porter.cluster.exec_plugin import credentials
from porter.cluster.kubeconfig import choose
from porter.lab.apiserver.tls import certificates
from tests.cluster.faults import answer, faulty, kubeconfig, refuse

PODS = "/api/v1/pods"
URL = "http://127.0.0.1:9"


def script(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    path.chmod(0o755)
    return path


def printing(**status: str) -> str:
    said = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"printf %s {shlex.quote(json.dumps(said))}"


def plugin(command: Path | str, **more: Any) -> Mapping[str, Any]:
    return {"apiVersion": "client.authentication.k8s.io/v1", "command": str(command), **more}


def given(path: Path, *, patience: float = 10.0, environ: Mapping[str, str] = os.environ) -> Mapping[str, Any]:
    return asyncio.run(credentials(choose(path, None), environ=environ, patience=patience))


def test_a_token_is_sent_and_asked_for_anew_when_it_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with faulty(tmp_path) as (server, _):
            sent: list[str] = []

            async def handle(request: web.Request) -> web.StreamResponse:
                sent.append(request.headers["Authorization"])
                return answer({}) if sent[-1] == "Bearer second" else refuse(401, "Unauthorized")

            server.routes[PODS] = handle
            (tmp_path / "sub").mkdir()
            script(tmp_path / "sub" / "login", printing(token="first"))
            path = kubeconfig(tmp_path / "config", server.url, exec=plugin("./sub/login"))
            async with await Connection.open(path) as connection:
                script(tmp_path / "sub" / "login", printing(token="second"))
                await connection.request("GET", PODS)

            assert sent == ["Bearer first", "Bearer second"]

    asyncio.run(main())


def test_a_certificate_with_its_key_is_used_and_left_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates(tmp_path / "pki", ["127.0.0.1"])
    certificate, key = ((tmp_path / "pki" / f"server.{kind}").read_text() for kind in ("crt", "key"))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    login = script(tmp_path / "login", printing(clientCertificateData=certificate, clientKeyData=key))
    path = kubeconfig(tmp_path / "config", "https://127.0.0.1:9", exec=plugin(login))

    async def main() -> None:
        access = await open_access(path, None, environ=os.environ)
        await access.session.close()

        assert {certificate.encode(), key.encode()} <= set(access.transport)
        assert list(temporary.iterdir()) == []

    asyncio.run(main())


def test_a_token_and_a_certificate_are_both_taken(tmp_path: Path) -> None:
    login = script(tmp_path / "login", printing(token="t", clientCertificateData="c", clientKeyData="k"))

    found = given(kubeconfig(tmp_path / "config", URL, exec=plugin(login)))

    assert found == {"token": "t", "client-certificate-data": "Yw==", "client-key-data": "aw=="}


def test_it_is_told_what_the_kubeconfig_says(tmp_path: Path) -> None:
    """Whatever YAML makes of it: a day is a date there."""
    show = 'printf "%s|%s|%s|%s" "$1" "$OWN" "$OTHER" "$KUBERNETES_EXEC_INFO" >' + str(tmp_path / "told")
    login = script(tmp_path / "login", show, printing(token="t"))
    (tmp_path / "ca.crt").write_text("PEM")
    asked = plugin(login, args=["get-token"], env=[{"name": "OWN", "value": "mine"}], provideClusterInfo=True)
    path = kubeconfig(tmp_path / "config", URL, exec=asked)
    content = json.loads(path.read_text())
    content["clusters"][0]["cluster"] |= {
        "certificate-authority": "ca.crt",
        "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a", "day": "DAY"}}],
    }
    path.write_text(json.dumps(content).replace('"DAY"', "2026-11-26"))

    assert given(path, environ={"OTHER": "theirs", "PATH": os.environ["PATH"]}) == {"token": "t"}

    argument, own, other, info = (tmp_path / "told").read_text().split("|")
    assert (argument, own, other) == ("get-token", "mine", "theirs")
    assert json.loads(info) == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {
                "server": URL,
                "certificate-authority-data": "UEVN",
                "config": {"audience": "a", "day": "2026-11-26"},
            },
        },
    }


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["echo 'you must' >&2", "echo 'log in' >&2", "exit 3"], "failed with exit code 3: you must log in"),
        (["exit 1"], "failed with exit code 1: it said nothing"),
        (["echo hello"], "printed no ExecCredential: "),
        (["echo '{}'"], "printed no ExecCredential: "),
        ([printing()], "gave neither a token nor a certificate with its key"),
        ([printing(clientCertificateData="c")], "gave neither a token nor a certificate with its key"),
    ],
)
def test_one_that_fails_is_named_with_what_it_said(tmp_path: Path, lines: list[str], says: str) -> None:
    login = script(tmp_path / "login", *lines)
    path = kubeconfig(tmp_path / "config", URL, exec=plugin(login))

    with pytest.raises(KubeconfigError) as caught:
        given(path)

    assert str(caught.value).startswith(f"the program {login} that kubeconfig {path} names for its credentials {says}")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (
            plugin("no-such-program", installHint="Get it\nfrom us."),
            "cannot be run: No such file or directory. Get it from us",
        ),
        (plugin("/proc/version"), "cannot be run: Permission denied"),
        ({"args": ["a"]}, "its exec names no command"),
        ("login", "its exec names no command"),
    ],
)
def test_one_that_cannot_be_run_is_said(tmp_path: Path, asked: Any, says: str) -> None:
    with pytest.raises(KubeconfigError) as caught:
        given(kubeconfig(tmp_path / "config", URL, exec=asked))

    assert str(caught.value).endswith(says)


def test_none_is_run_where_none_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        path = kubeconfig(tmp_path / "config", URL, exec=None, token="t")
        access = await open_access(path, None, environ=os.environ)
        await access.session.close()

        assert (await access.headers("a/b"))["Authorization"] == "Bearer t"

    asyncio.run(main())


def test_one_that_waits_for_somebody_is_ended(tmp_path: Path) -> None:
    login = script(tmp_path / "login", f"echo $$ > {tmp_path}/pid", "exec sleep 60")
    begun = time.monotonic()

    with pytest.raises(KubeconfigError, match=r"has not ended after 0\.5 s"):
        given(kubeconfig(tmp_path / "config", URL, exec=plugin(login)), patience=0.5)

    assert time.monotonic() - begun < 10
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
