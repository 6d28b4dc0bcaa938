"""Where the API server is and who Porter is there: from a kubeconfig, or from what a pod is given.

Reads files and says in one sentence what is wrong with them. It opens no connection, and leaves no file behind:
keys and certificates that a kubeconfig carries inside are on disk only while the TLS library reads them.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLError
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.config import ConfigException, load_kube_config_from_dict
from kubernetes.aio.config.incluster_config import InClusterConfigLoader

from porter.cluster.errors import CertificateError, KubeconfigError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_FILES = {
    "clusters": ("cluster", ("certificate-authority",)),
    "users": ("user", ("client-certificate", "client-key", "tokenFile")),
}


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A client, and everything that its connections depend on: where two agree, only the token may differ."""

    client: ApiClient
    transport: tuple[object, ...]


async def open_client(
    kubeconfig: Path | None,
    context: str | None,
    *,
    environ: Mapping[str, str],
    service_account: Path = SERVICE_ACCOUNT,
) -> Opened:
    """Return a client with fresh credentials. Raises KubeconfigError or CertificateError."""
    configuration = Configuration()
    if kubeconfig is None:
        _load_in_cluster(configuration, environ, service_account)
        return _client(configuration, "the ServiceAccount")
    content = _read(kubeconfig)
    _check_context(content, context, kubeconfig)
    with TemporaryDirectory(prefix="porter-") as directory:
        _materialize(content, kubeconfig, Path(directory))
        try:
            await load_kube_config_from_dict(content, context=context, client_configuration=configuration)
        except (ConfigException, ValueError, KeyError, TypeError, OSError) as error:
            raise KubeconfigError(f"kubeconfig {kubeconfig} cannot be used: {error}") from error
        return _client(configuration, f"kubeconfig {kubeconfig}")


def _client(configuration: Configuration, whose: str) -> Opened:
    # aiohttp would ask two threads at every request whether the environment names a proxy or a netrc. A proxy is looked
    # up here, once, as kubectl does; a netrc never.
    configuration.client_session_kwargs = {"trust_env": False}
    configuration.proxy = configuration.proxy or _proxy(configuration.host)
    try:
        transport = _transport(configuration)
        client = ApiClient(configuration=configuration)
    except (SSLError, OSError, ValueError) as error:
        raise CertificateError(f"a certificate or key of {whose} cannot be read: {error}") from error
    client.user_agent = "porter"
    return Opened(client=client, transport=transport)


def _proxy(server: str) -> str | None:
    parts = urlsplit(server)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def _transport(configuration: Configuration) -> tuple[object, ...]:
    files = (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)
    return (
        configuration.host,
        configuration.verify_ssl,
        configuration.tls_server_name,
        configuration.proxy,
        *(None if name is None else Path(name).read_bytes() for name in files),
    )


def _load_in_cluster(configuration: Configuration, environ: Mapping[str, str], directory: Path) -> None:
    loader = InClusterConfigLoader(
        token_filename=str(directory / "token"),
        cert_filename=str(directory / "ca.crt"),
        environ=environ,
        try_refresh_token=False,  # a 401 has it read again; a file that is away for a moment must break no request
    )
    try:
        loader.load_and_set(configuration)
    except (ConfigException, OSError) as error:
        raise KubeconfigError(
            f"no kubeconfig is given and this is no pod with a ServiceAccount ({str(error).rstrip('.')}); "
            "name a file with --kubeconfig",
        ) from error


def _read(kubeconfig: Path) -> dict[str, Any]:
    try:
        text = kubeconfig.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KubeconfigError(f"there is no kubeconfig {kubeconfig}; name the right file with --kubeconfig") from None
    except (OSError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"kubeconfig {kubeconfig} cannot be read: {error}") from error
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise KubeconfigError(f"kubeconfig {kubeconfig} is not YAML: {problem}") from error
    if not isinstance(content, dict):
        raise KubeconfigError(f"kubeconfig {kubeconfig} is not a kubeconfig: it holds no clusters and contexts")
    return content


def _check_context(content: dict[str, Any], context: str | None, kubeconfig: Path) -> None:
    wanted = context or content.get("current-context")
    listed = content.get("contexts")
    contexts = listed if isinstance(listed, list) else []
    names = sorted(str(one["name"]) for one in contexts if isinstance(one, dict) and "name" in one)
    if not wanted:
        raise KubeconfigError(
            f"kubeconfig {kubeconfig} has no current-context; available: {', '.join(names) or 'none'}"
        )
    if wanted not in names:
        raise KubeconfigError(
            f"no context {wanted!r} in kubeconfig {kubeconfig}; available: {', '.join(names) or 'none'}"
        )


def _materialize(content: dict[str, Any], kubeconfig: Path, directory: Path) -> None:
    """Write embedded data to files and make relative paths absolute, so that nothing depends on where Porter runs."""
    base = kubeconfig.resolve().parent
    for section, (inner, fields) in _FILES.items():
        listed = content.get(section)
        for number, item in enumerate(listed if isinstance(listed, list) else []):
            entry = item.get(inner) if isinstance(item, dict) else None
            if not isinstance(entry, dict):
                continue
            for field in fields:
                if (data := entry.pop(f"{field}-data", None)) is not None:
                    path = directory / f"{section}-{number}-{field}"
                    path.touch(mode=0o600)
                    path.write_bytes(_decoded(data, field, kubeconfig))
                    entry[field] = str(path)
                elif isinstance(entry.get(field), str):
                    entry[field] = str(base / entry[field])


def _decoded(data: object, field: str, kubeconfig: Path) -> bytes:
    try:
        return base64.b64decode(str(data), validate=True)
    except (binascii.Error, ValueError):
        raise KubeconfigError(f"{field}-data in kubeconfig {kubeconfig} is not base64") from None
