"""A certificate authority of the server's own and the certificate it shows. The keys stay in the directory given."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from porter.lab.apiserver.objects import utc_now

_LIFE = timedelta(days=365)
_EARLIER = timedelta(hours=1)  # clocks differ
_CERTIFICATE, _KEY = "server.crt", "server.key"
NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


def certificates(directory: Path, addresses: Iterable[str]) -> bytes:
    """Make a certificate for the addresses and the standard names; its CA as PEM, which is kept between runs."""
    directory.mkdir(parents=True, exist_ok=True)
    authority, authority_key = _authority(directory)
    key = ec.generate_private_key(ec.SECP256R1())
    known = [x509.DNSName(name) for name in NAMES]
    found = [x509.IPAddress(ipaddress.ip_address(one)) for one in sorted(set(addresses))]
    now = utc_now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name("kube-apiserver"))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName([*known, *found]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _write(directory / _CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM))
    _write(directory / _KEY, _pem(key))
    return authority.public_bytes(serialization.Encoding.PEM)


def context(directory: Path) -> ssl.SSLContext:
    """The server context with the certificate that `certificates` has left in a directory."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(directory / _CERTIFICATE, directory / _KEY)
    return found


def _authority(directory: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    stored, stored_key = directory / "ca.crt", directory / "ca.key"
    if stored.exists() and stored_key.exists():
        key = serialization.load_pem_private_key(stored_key.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return x509.load_pem_x509_certificate(stored.read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    now = utc_now()
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name("porter-lab-ca"))
        .issuer_name(_name("porter-lab-ca"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + 10 * _LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(stored, certificate.public_bytes(serialization.Encoding.PEM))
    _write(stored_key, _pem(key))
    return certificate, key


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
