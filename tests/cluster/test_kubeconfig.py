"""Kubeconfigs as people have them: one file or several, of which a context names a cluster and a user."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from porter.cluster.access import Access, open_access
from porter.cluster.connection import Connection
from porter.cluster.errors import KubeconfigError
from porter.cluster.kubeconfig import choose
from tests.cluster.cluster import cluster
from tests.cluster.faults import kubeconfig

URL = "http://127.0.0.1:9"


def opened(path: Path) -> Access:
    async def main() -> Access:
        access = await open_access(path, None, environ={})
        await access.session.close()
        return access

    return asyncio.run(main())


def changed(path: Path, *, cluster: Any = None, context: Any = None) -> Path:
    content = json.loads(path.read_text())
    content["clusters"][0]["cluster"] |= cluster or {}
    content["contexts"][0]["context"] |= context or {}
    path.write_text(json.dumps(content))
    return path


def test_a_token_in_a_file_may_end_with_a_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")

    access = opened(kubeconfig(tmp_path / "config", URL, tokenFile="token"))

    assert asyncio.run(access.headers("a/b"))["Authorization"] == "Bearer abc"


def test_a_token_of_several_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=r"the token of kubeconfig .* is not a line of text"):
        opened(kubeconfig(tmp_path / "config", URL, token="abc\ndef"))


def test_several_files_are_read_as_one_and_the_first_counts(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "token").write_text("from the second")
    clusters = {"clusters": [{"name": "a", "cluster": {"server": URL}}], "users": None}
    contexts = [{"name": name, "context": {"cluster": "a", "user": "b"}} for name in ("one", "two")]
    users = [{"name": "b", "user": {"tokenFile": "token"}}]
    second = {"clusters": [{"name": "a", "cluster": {"server": "http://other"}}], "users": users, "contexts": contexts}
    (tmp_path / "first").write_text(json.dumps({**clusters, "current-context": ""}))
    (tmp_path / "sub" / "second").write_text(json.dumps({**second, "current-context": "two"}))
    (tmp_path / "third").write_text(json.dumps({"current-context": "one"}))
    names = ("none", "first", "sub/second", "third")

    chosen = choose(Path(os.pathsep.join(str(tmp_path / name) for name in names)), None)

    assert chosen.cluster == {"server": URL}
    assert chosen.user == {"tokenFile": str(tmp_path / "sub" / "token")}
    assert chosen.base == tmp_path / "sub"


def test_of_several_files_one_at_least_is_there(tmp_path: Path) -> None:
    names = Path(f"{tmp_path}/a{os.pathsep}{tmp_path}/b")

    with pytest.raises(KubeconfigError, match=f"there is no kubeconfig {names}; name the right file"):
        choose(names, None)


@pytest.mark.parametrize(
    ("cluster", "context", "user", "says"),
    [
        ({}, {"cluster": ""}, {}, "context 'test' names no cluster"),
        ({}, {"cluster": "lost"}, {}, "context 'test' names the cluster 'lost', which is not in it"),
        ({}, {"user": "lost"}, {}, "context 'test' names the user 'lost', which is not in it"),
        ({"server": ""}, {}, {}, "context 'test' names a cluster without a server"),
        (
            {"server": "127.0.0.1:6443"},
            {},
            {},
            "whose server '127.0.0.1:6443' is no URL, as https://192.168.0.1:6443 is",
        ),
        (
            {},
            {},
            {"auth-provider": {"name": "azure"}},
            "a user with the auth-provider 'azure', which Porter does not know",
        ),
        (
            {"proxy-url": "socks5://127.0.0.1:1"},
            {},
            {},
            "the proxy socks5://127.0.0.1:1, and Porter knows only HTTP proxies",
        ),
        ({"certificate-authority": "none.pem"}, {}, {}, "none.pem, and there is no such file"),
    ],
)
def test_what_is_wrong_with_it_is_said(tmp_path: Path, cluster: Any, context: Any, user: Any, says: str) -> None:
    path = changed(kubeconfig(tmp_path / "config", URL, **user or {"token": "t"}), cluster=cluster, context=context)

    with pytest.raises(KubeconfigError) as caught:
        opened(path)

    assert str(caught.value).startswith(f"kubeconfig {path} ")
    assert str(caught.value).endswith(says)


def test_a_certificate_that_is_not_to_be_verified_is_not_and_empty_fields_are_none(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path, tls=True) as kube:
            path = kubeconfig(tmp_path / "config", kube.server.url, token=kube.server.token, tokenFile="")
            changed(path, cluster={"insecure-skip-tls-verify": True, "certificate-authority-data": ""})
            async with await Connection.open(path) as connection:
                assert b"PodList" in await connection.request("GET", "/api/v1/pods")

    asyncio.run(main())


def test_no_certificate_is_refused_that_kubectl_takes(tmp_path: Path) -> None:
    access = opened(kubeconfig(tmp_path / "config", "https://127.0.0.1:9", token="t"))

    assert access.configuration.disable_strict_ssl_verification, "Python 3.13 and newer are stricter by themselves"


def test_a_context_without_a_user_is_nobody(tmp_path: Path) -> None:
    path = changed(kubeconfig(tmp_path / "config", "https://127.0.0.1:9", token="t"), context={"user": None})

    assert "Authorization" not in asyncio.run(opened(path).headers("a/b"))


def test_certificates_in_files_beside_it_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with cluster(tmp_path, tls=True) as kube:
            (tmp_path / "ca.crt").write_bytes(kube.server.authority)
            path = kubeconfig(tmp_path / "config", kube.server.url, token=kube.server.token)
            changed(path, cluster={"certificate-authority": "ca.crt"})
            monkeypatch.chdir("/")
            async with await Connection.open(path) as connection:
                assert b"PodList" in await connection.request("GET", "/api/v1/pods")

    asyncio.run(main())
