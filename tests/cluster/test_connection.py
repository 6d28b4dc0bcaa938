import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from porter.cluster.connection import Connection
from porter.cluster.errors import (
    CertificateError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    KubeconfigError,
    MendableError,
    NotFoundError,
    PassingError,
    ServerError,
    ThrottledError,
    UnauthorizedError,
    UnreachableError,
    error_of,
    resource_of,
)
from porter.errors import PorterError
from porter.lab.apiserver.tls import certificates
from tests.cluster.cluster import cluster
from tests.cluster.faults import answer, faulty, kubeconfig, refuse

PODS = "/api/v1/pods"


def opened(path: Path | None, context: str | None = None, **options: Any) -> None:
    async def main() -> None:
        async with await Connection.open(path, context, **options):
            pass

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(None, "there is no kubeconfig", id="missing"),
        pytest.param("a: [1", "is not YAML", id="no YAML"),
        pytest.param("just words", "is not a kubeconfig", id="no mapping"),
        pytest.param("{}", "has no current-context; available: none", id="empty"),
        pytest.param("current-context: a\ncontexts: [{name: b}]", "no context 'a'", id="unknown context"),
        pytest.param("current-context: b\ncontexts: [{name: b}]", "cannot be used", id="no cluster"),
        pytest.param("current-context: b\ncontexts: [b, c]\nusers: 3", "no context 'b'", id="odd types"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_named_with_its_fault(
    tmp_path: Path,
    text: str | None,
    sentence: str,
) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)

    with pytest.raises(KubeconfigError) as caught:
        opened(path)

    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, PorterError)


def test_a_context_that_is_asked_for_and_unknown_lists_the_others(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")

    with pytest.raises(KubeconfigError, match=r"no context 'prod' in kubeconfig .*; available: test"):
        opened(path, "prod")


@pytest.mark.parametrize(
    ("field", "data", "error", "sentence"),
    [
        ("certificate-authority-data", "!!", KubeconfigError, "certificate-authority-data .* is not base64"),
        ("certificate-authority-data", base64.b64encode(b"x").decode(), CertificateError, "cannot be read"),
        ("certificate-authority", "missing.pem", KubeconfigError, "missing.pem"),
    ],
)
def test_certificates_that_cannot_be_read_are_said(
    tmp_path: Path,
    field: str,
    data: str,
    error: type[MendableError],
    sentence: str,
) -> None:
    path = kubeconfig(tmp_path / "kubeconfig", "https://127.0.0.1:1")
    content = json.loads(path.read_text())
    content["clusters"][0]["cluster"][field] = data
    path.write_text(json.dumps(content))

    with pytest.raises(error, match=sentence):
        opened(path)


def test_without_a_kubeconfig_and_outside_a_pod_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="name a file with --kubeconfig"):
        opened(None, environ={}, service_account=tmp_path)


def test_in_a_pod_the_service_account_is_used_and_its_token_is_read_again_when_it_rotated(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path, tls=True) as kube:
            account = tmp_path / "account"
            account.mkdir()
            (account / "ca.crt").write_bytes(kube.server.authority)
            (account / "token").write_text("yesterday's")
            host, port = kube.server.url.removeprefix("https://").split(":")
            environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
            async with await Connection.open(None, environ=environ, service_account=account) as connection:
                with pytest.raises(UnauthorizedError):
                    await connection.request("GET", PODS)
                (account / "token").write_text(kube.server.token)

                assert b"PodList" in await connection.request("GET", PODS)
                assert await connection.server_addresses() == ("127.0.0.1",)

    asyncio.run(main())


def test_an_authority_that_rotated_is_read_again_and_nobody_else_is_believed(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path, tls=True) as kube:
            certificates(tmp_path / "yesterday", ["127.0.0.1"])
            account = tmp_path / "account"
            account.mkdir()
            (account / "ca.crt").write_bytes((tmp_path / "yesterday" / "ca.crt").read_bytes())
            (account / "token").write_text(kube.server.token)
            host, port = kube.server.url.removeprefix("https://").split(":")
            environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
            async with await Connection.open(None, environ=environ, service_account=account) as connection:
                with pytest.raises(CertificateError, match=r"TLS with the API server .* failed"):
                    await connection.request("GET", PODS)
                (account / "ca.crt").write_bytes(kube.server.authority)

                answers = await asyncio.gather(*(connection.request("GET", PODS) for _ in range(5)))

                assert all(b"PodList" in answer for answer in answers)

    asyncio.run(main())


def test_tls_is_checked_and_no_key_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    async def main() -> None:
        async with cluster(tmp_path, tls=True) as kube:
            mine = set(temporary.iterdir())
            async with await Connection.open(kube.path) as connection:
                await connection.request("GET", PODS)
                assert set(temporary.iterdir()) == mine
            path = kubeconfig(tmp_path / "other", kube.server.url, token=kube.server.token)
            async with await Connection.open(path) as connection:
                with pytest.raises(CertificateError, match=r"TLS with the API server .* failed"):
                    await connection.request("GET", PODS)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("code", "error", "family", "sentence"),
    [
        (400, InvalidError, MendableError, "the API server refuses GET /api/v1/pods: because"),
        (401, UnauthorizedError, MendableError, "does not accept Porter's credentials"),
        (403, ForbiddenError, MendableError, "the API server refuses GET /api/v1/pods: because"),
        (404, NotFoundError, PassingError, "GET /api/v1/pods: because"),
        (409, ConflictError, PassingError, "because"),
        (410, GoneError, PassingError, "because"),
        (422, InvalidError, MendableError, "because"),
        (500, ServerError, PassingError, "the API server failed at GET /api/v1/pods: because"),
        (503, ServerError, PassingError, "because"),
    ],
)
def test_every_refusal_is_a_typed_sentence(
    tmp_path: Path,
    code: int,
    error: type[PorterError],
    family: type[PorterError],
    sentence: str,
) -> None:
    async def main() -> None:
        async with faulty(tmp_path) as (server, connection):

            async def handle(_: web.Request) -> web.StreamResponse:
                return refuse(code, "because")

            server.routes[PODS] = handle
            with pytest.raises(error) as caught:
                await connection.request("GET", PODS)

            assert sentence in str(caught.value)
            assert isinstance(caught.value, family)

    asyncio.run(main())


REFUSED = "the API server refuses GET /api/v1/pods: {}"
MAY_NOT = "Porter may not get, list and watch pods: {}; grant it with the ClusterRole of `porter manifests`"
WHO = "the API server does not know who asks (system:anonymous): Porter has no credentials; check the kubeconfig's user"


@pytest.mark.parametrize(
    ("message", "error", "sentence"),
    [
        ('pods is forbidden: User "joe" cannot list resource "pods" in API group ""', ForbiddenError, MAY_NOT),
        ('pods is forbidden: User "system:anonymous" cannot list resource "pods"', UnauthorizedError, WHO),
        ('events "a.1" is forbidden: unable to create new content as it is being terminated', ForbiddenError, REFUSED),
        ('admission webhook "guard" denied the request: a User cannot do that here', ForbiddenError, REFUSED),
    ],
)
def test_a_right_is_to_be_granted_only_where_one_is_missing(
    message: str, error: type[PorterError], sentence: str
) -> None:
    body = json.dumps({"kind": "Status", "message": message}).encode()

    found = error_of(code=403, body=body, method="GET", path=PODS)

    assert type(found) is error
    assert str(found) == sentence.format(message)


@pytest.mark.parametrize(("asked", "wait"), [("7", 7), ("86400", 60), ("inf", 60), ("-1", 0), ("tomorrow", 1)])
def test_a_throttled_request_says_how_long(tmp_path: Path, asked: str, wait: float) -> None:
    async def main() -> None:
        async with faulty(tmp_path) as (server, connection):

            async def handle(_: web.Request) -> web.StreamResponse:
                return refuse(429, "slow down", Retry_After=asked)

            server.routes[PODS] = handle
            with pytest.raises(ThrottledError) as caught:
                await connection.request("GET", PODS)
            assert caught.value.retry_after == wait

    asyncio.run(main())


def test_nobody_there_and_no_answer_in_time_are_said(tmp_path: Path) -> None:
    async def main() -> None:
        async with faulty(tmp_path) as (server, connection):

            async def hang(_: web.Request) -> web.StreamResponse:
                await asyncio.sleep(2)
                return answer({})

            server.routes[PODS] = hang
            with pytest.raises(UnreachableError, match="did not answer GET /api/v1/pods in time"):
                await connection.request("GET", PODS, timeout=0.1)
            await server.stop()
            with pytest.raises(UnreachableError, match="cannot be reached"):
                await connection.request("GET", PODS)

    asyncio.run(main())


def test_a_token_that_rotated_is_loaded_again_once_for_all_who_ask(tmp_path: Path) -> None:
    async def main() -> None:
        async with faulty(tmp_path) as (server, connection):
            tokens: list[str] = []

            async def handle(request: web.Request) -> web.StreamResponse:
                tokens.append(request.headers["Authorization"])
                return answer({}) if tokens[-1] == "Bearer new" else refuse(401, "Unauthorized")

            server.routes[PODS] = handle
            kubeconfig(tmp_path / "kubeconfig", server.url, token="new")
            await asyncio.gather(*(connection.request("GET", PODS) for _ in range(5)))

            assert tokens.count("Bearer new") == 5
            assert tokens.count("Bearer secret") <= 5

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/api/v1/services", "services"),
        ("/api/v1/namespaces/default/services/web/status", "services/status"),
        ("/api/v1/namespaces/default", "namespaces"),
        ("/apis/coordination.k8s.io/v1/namespaces/a/leases/b", "leases.coordination.k8s.io"),
        ("/apis/network.kubesphere.io/v1alpha2/eips/a/status", "eips.network.kubesphere.io/status"),
    ],
)
def test_a_path_is_named_as_rbac_names_it(path: str, resource: str) -> None:
    assert resource_of(path) == resource
