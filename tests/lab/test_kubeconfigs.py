"""Kubeconfigs as kubeadm, kind and others write them: certificates and keys in the file or beside it, or a token."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from porter.lab import given
from porter.lab.apiserver import tls
from porter.lab.errors import LabError
from porter.lab.kube import Kube, read_access


class _Whoami(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.connection, ssl.SSLSocket)
        subject = (self.connection.getpeercert() or {}).get("subject", "nobody")
        body = f"{subject} {self.headers.get('Authorization')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", f"{len(body)}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server that tells who asks by which certificate of its authority, and what it was sent as authorization."""
    tls.certificates(tmp_path, ["127.0.0.1"])
    context = tls.context(tmp_path)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(tmp_path / "ca.crt")
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Whoami)
    made.socket = context.wrap_socket(made.socket, server_side=True)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    client_certificate(tmp_path)
    yield f"https://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    thread.join()
    made.server_close()


def client_certificate(place: Path) -> None:
    """admin.crt and admin.key, of the authority in that directory."""
    authority = x509.load_pem_x509_certificate((place / "ca.crt").read_bytes())
    authority_key = serialization.load_pem_private_key((place / "ca.key").read_bytes(), None)
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin-by-certificate")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    (place / "admin.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    (place / "admin.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def written(place: Path, server: str, user: dict[str, str]) -> Path:
    """A kubeconfig whose authority is a file beside it."""
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": "ca.crt"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file = place / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def whoami(file: Path) -> str:
    return str(Kube(read_access(file)).request("GET", "/whoami"))


def test_certificate_and_key_beside_the_kubeconfig_say_who_asks(tmp_path: Path, server: str) -> None:
    file = written(tmp_path, server, {"client-certificate": "admin.crt", "client-key": "admin.key"})

    assert "admin-by-certificate" in whoami(file)


def test_what_a_lab_writes_for_itself_needs_no_other_files(tmp_path: Path, server: str) -> None:
    user = {"client-certificate": "admin.crt", "client-key": "admin.key"}
    outside, inside = given.kubeconfigs(given.read(written(tmp_path, server, user)), name="n", gateway="10.0.0.1:6443")
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "outside").write_text(outside)
    (place / "inside").write_text(inside)

    assert "admin-by-certificate" in whoami(place / "outside")
    access = read_access(place / "inside")
    assert (access.server, access.server_name) == ("https://10.0.0.1:6443", "127.0.0.1")


def test_a_token_may_be_in_a_file(tmp_path: Path, server: str) -> None:
    (tmp_path / "token").write_text("abc\n")

    assert whoami(written(tmp_path, server, {"tokenFile": "token"})) == "nobody Bearer abc"


def test_a_certificate_that_is_none_is_told_in_a_sentence(tmp_path: Path, server: str) -> None:
    (tmp_path / "admin.crt").write_text("nonsense")

    with pytest.raises(LabError, match=r"a certificate in .* cannot be read"):
        read_access(written(tmp_path, server, {"client-certificate": "admin.crt", "client-key": "admin.key"}))
