"""What went wrong on the way to the API server and back, as a ClusterError with its sentence. Pure."""

import ssl

import aiohttp

from porter.cluster.errors import CertificateError, ClusterError, UnreachableError


def failure_of(error: Exception, *, server: str, asked: object, silence: float | None = None) -> ClusterError:
    """Say what an error of the HTTP client means. `asked` names the request in words.

    `silence`: the seconds without a word after which an answer that goes on and on is given up.
    """
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError | ssl.SSLError):
        return CertificateError(
            f"TLS with the API server {server} failed: {_words(error)}; check certificate-authority and the client "
            "certificate of the kubeconfig",
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return UnreachableError(f"the API server {server} cannot be reached: {_words(error)}")
    if isinstance(error, aiohttp.InvalidURL):
        return CertificateError(f"the kubeconfig names the server {server!r}, which is no URL")
    if isinstance(error, aiohttp.SocketTimeoutError) and silence is not None:
        return UnreachableError(f"nothing came for {silence:g} s on {asked}: it is opened again")
    if isinstance(error, TimeoutError):
        return UnreachableError(f"the API server {server} did not answer {asked} in time")
    return UnreachableError(f"the answer of the API server to {asked} was cut off: {_words(error)}")


def _words(error: Exception) -> str:
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return " ".join(str(inner).split()) or type(error).__name__
