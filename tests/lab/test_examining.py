"""What `up` says of an API server that is there already and does not serve; the answers are those of real ones."""

import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from porter.lab import given
from porter.lab.apiserver import tls
from porter.lab.errors import LabError
from porter.lab.examining import Found, examine

Answer = tuple[int, Any]
"""A status and an object, or text."""
_REVIEWS = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_SLICES, _SERVICE = "GET /apis/discovery.k8s.io/v1", "POST /api/v1/namespaces/default/services?dryRun=All"
_POD = "POST /api/v1/namespaces/kube-system/pods?dryRun=All"
_BEGINS = "[+]ping ok\n[-]poststarthook/rbac/bootstrap-roles failed: reason withheld\nreadyz check failed\n"
_FIT: dict[str, Answer] = {
    "GET /readyz": (200, "ok"),
    _REVIEWS: (201, {"status": {"allowed": True}}),
    _SLICES: (200, {}),
    "GET /version": (200, {"gitVersion": "v1.20.2"}),
    "GET /api/v1/nodes": (200, {"items": []}),
    _SERVICE: (201, {"spec": {"ipFamilies": ["IPv4"]}}),
    _POD: (201, {}),
}
"""The answers of a server that has no controllers, and nothing else; what is not here is not found there."""


class Server:
    """A server that answers a question with the answers that it was given, one by one, and goes on with the last."""

    def __init__(self, place: Path) -> None:
        tls.certificates(place, ["127.0.0.1"])
        self.answers = {asked: [answer] for asked, answer in _FIT.items()}
        self._place = place
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.socket = tls.context(place).wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def kubeconfig(self, **cluster: Any) -> Path:
        """What names it, with its authority, unless `cluster` says otherwise."""
        made = cluster or {"certificate-authority": "ca.crt"}
        server = f"https://127.0.0.1:{self._http.server_address[1]}"
        config = {
            "clusters": [{"name": "c", "cluster": {"server": server, **made}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        file = self._place / "kubeconfig"
        file.write_text(yaml.safe_dump(config))
        return file

    def examined(self, *, patience: float = 20.0) -> Found:
        access = given.read(self.kubeconfig())
        return examine(access, agents=False, families=("IPv4",), strict_arp=True, patience=patience)

    def refused(self, **options: float) -> str:
        with pytest.raises(LabError) as caught:
            self.examined(**options)
        assert "\n" not in caught.value.message
        return str(caught.value.message)

    def _handler(self) -> Callable[..., http.server.BaseHTTPRequestHandler]:
        answers = self.answers

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                assert isinstance(self.connection, ssl.SSLSocket)
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                left = answers.get(f"{self.command} {self.path}", [(404, {})])
                code, said = left.pop(0) if len(left) > 1 else left[0]
                body = said.encode() if isinstance(said, str) else json.dumps(said).encode()
                self.send_response(code)
                self.send_header("Content-Length", f"{len(body)}")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_words: object) -> None:
                """Say nothing."""

        return Handler


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.stop()


def test_a_server_that_has_just_begun_is_waited_for(server: Server) -> None:
    """It is not ready at first, and then has no Namespace yet."""
    server.answers["GET /readyz"] = [(500, _BEGINS), (200, "ok")]
    server.answers[_SERVICE].insert(0, (404, {"message": 'namespaces "default" not found'}))

    assert server.examined() == Found(controllers=False, proxy=False)


def test_a_server_that_does_not_become_ready_is_told_with_what_failed(server: Server) -> None:
    server.answers["GET /readyz"] = [(500, _BEGINS)]

    said = server.refused(patience=0.0)

    assert said.endswith(" is not ready: poststarthook/rbac/bootstrap-roles failed: reason withheld")


def test_a_user_whom_the_server_does_not_know_is_told_as_one(server: Server) -> None:
    server.answers["GET /readyz"] = [(401, {"kind": "Status", "message": "Unauthorized", "code": 401})]

    assert "does not know the kubeconfig's user" in server.refused()


def test_a_server_that_is_too_old_is_told_with_its_version(server: Server) -> None:
    server.answers[_SLICES] = [(404, "404 page not found\n")]

    assert "is of Kubernetes v1.20.2; the lab and Porter need 1.21 or newer" in server.refused()


def test_a_server_without_controllers_that_takes_no_pods_is_told_which_admission_to_leave_out(server: Server) -> None:
    why = 'pods "porter-lab-asks" is forbidden: error looking up service account kube-system/default'
    server.answers[_POD] = [(403, {"kind": "Status", "message": why, "code": 403})]

    said = server.refused()

    assert why in said
    assert "--disable-admission-plugins=ServiceAccount" in said


@pytest.mark.parametrize("code", [429, 500])
def test_a_server_that_fails_when_it_is_asked_for_a_pod_is_told_with_its_own_words(server: Server, code: int) -> None:
    server.answers[_POD] = [(code, {"kind": "Status", "message": "the etcd is full", "code": code})]

    said = server.refused()

    assert "the etcd is full" in said
    assert "--disable-admission-plugins" not in said


def test_a_server_whose_controllers_run_need_not_take_our_pods(server: Server) -> None:
    server.answers["GET /api/v1/namespaces/default/serviceaccounts/default"] = [(200, {})]
    server.answers[_POD] = [(403, {"message": "no"})]

    assert server.examined() == Found(controllers=True, proxy=False)


def test_a_kubeconfig_that_names_no_authority_is_told_as_one(server: Server) -> None:
    with pytest.raises(LabError, match="names no certificate authority"):
        given.read(server.kubeconfig(**{"insecure-skip-tls-verify": True}))
