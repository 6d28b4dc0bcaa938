"""Where the API server is and who Porter is there: from a kubeconfig, or from what a pod is given.

It opens no connection, and leaves no file behind: keys and certificates that a kubeconfig carries inside are on disk
only while the TLS library reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext, SSLError
from tempfile import TemporaryDirectory
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException, load_kube_config_from_dict
from kubernetes.aio.config.incluster_config import InClusterConfigLoader

from porter.cluster.errors import CertificateError, KubeconfigError
from porter.cluster.exec_plugin import credentials
from porter.cluster.kubeconfig import choose

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_READ_BUFFER = 2 * 1024 * 1024  # bytes of an answer that wait to be read before the server is slowed down


@dataclass(frozen=True, kw_only=True)
class Access:
    """A way to the API server, and what a request must say on it."""

    configuration: Configuration
    session: aiohttp.ClientSession
    transport: tuple[object, ...]
    """Everything that its connections depend on: where two agree, only the token may differ."""

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self.configuration.host)

    @property
    def server_hostname(self) -> str | None:
        """Whose certificate the server must show, where that is not the one of its URL."""
        return self.configuration.tls_server_name or None

    def url(self, path: str, query: Mapping[str, str]) -> str:
        """Return where to send a request."""
        url = self.server + path
        return f"{url}?{urlencode(query, quote_via=quote)}" if query else url

    async def headers(self, content_type: str) -> dict[str, str]:
        """Return what is said in a request beside what is said in all, with the token of now."""
        headers = {"Content-Type": content_type}
        token = await self.configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        if token is not None:
            headers["Authorization"] = token
        return headers


async def open_access(
    kubeconfig: Path | None,
    context: str | None,
    *,
    environ: Mapping[str, str],
    service_account: Path = SERVICE_ACCOUNT,
) -> Access:
    """Return a way with fresh credentials. Raises KubeconfigError or CertificateError."""
    configuration = Configuration()
    if kubeconfig is None:
        _load_in_cluster(configuration, environ, service_account)
        return _access(configuration, "the ServiceAccount")
    chosen = choose(kubeconfig, context)
    if chosen.user.get("exec"):
        chosen.user.update(await credentials(chosen, environ=environ))
    chosen.user.pop("exec", None)
    with TemporaryDirectory(prefix="porter-") as directory:
        content = chosen.alone(Path(directory))
        try:
            await load_kube_config_from_dict(content, client_configuration=configuration)
        except (ConfigException, aiohttp.ClientError, ValueError, KeyError, TypeError, OSError) as error:
            raise KubeconfigError(f"{chosen.whose} cannot be used: {error}") from error
        return _access(configuration, chosen.whose)


def _access(configuration: Configuration, whose: str) -> Access:
    configuration.proxy = configuration.proxy or _proxy(configuration.host)
    if configuration.proxy and urlsplit(configuration.proxy).scheme not in {"http", "https"}:
        raise KubeconfigError(f"{whose} names the proxy {configuration.proxy}, and Porter knows only HTTP proxies")
    _trim_token(configuration, whose)
    # From Python 3.13 on certificates without key identifiers would be refused, which kubectl takes and clusters have.
    configuration.disable_strict_ssl_verification = True
    try:
        transport = _transport(configuration)
        tls = RESTClientObject(configuration).ssl_context
    except (SSLError, OSError, ValueError) as error:
        raise CertificateError(f"a certificate or key of {whose} cannot be read: {error}") from error
    return Access(configuration=configuration, session=_session(configuration, tls), transport=transport)


def _trim_token(configuration: Configuration, whose: str) -> None:
    """Leave out the line end that a file with a token may have: no header can carry it."""
    token = configuration.api_key.get("BearerToken")
    if token is None:
        return
    configuration.api_key["BearerToken"] = trimmed = token.strip()
    if not trimmed.isprintable():
        raise KubeconfigError(f"the token of {whose} is not a line of text")


def _session(configuration: Configuration, tls: SSLContext) -> aiohttp.ClientSession:
    """Return a session as kubectl's is: no netrc, no cookies, and a proxy looked up once, not at every request."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=configuration.connection_pool_maxsize, ssl=tls),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "User-Agent": "porter"},
        proxy=configuration.proxy,
        trust_env=False,
        read_bufsize=_READ_BUFFER,
    )


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
