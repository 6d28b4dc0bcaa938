"""Credentials from the program that a kubeconfig names under `exec`, run as kubectl runs it where nobody can be asked.

What it must print is in Kubernetes' documentation of client-go credential plugins. It is run anew each time that
credentials are loaded; what it says on standard error is told where it fails.
"""

import asyncio
import base64
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from porter.cluster.errors import KubeconfigError
from porter.cluster.kubeconfig import Chosen, Section

PATIENCE: Final = 60.0
"""Seconds that it has: one that waits for somebody to log in must not hold up an agent for ever."""
_LONGEST: Final = 300  # characters of a program's own words that a sentence repeats
_SHOWN: Final = ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url", "certificate-authority-data")
_EXTENSION: Final = "client.authentication.k8s.io/exec"


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""


class _Answer(msgspec.Struct, frozen=True):
    status: _Status


async def credentials(chosen: Chosen, *, environ: Mapping[str, str], patience: float = PATIENCE) -> Section:
    """Run the program and return what it adds to the user. Raises KubeconfigError."""
    plugin = chosen.user["exec"]
    if not (isinstance(plugin, dict) and plugin.get("command")):
        raise KubeconfigError(f"{chosen.whose} cannot be used: its exec names no command")
    command = str(plugin["command"])
    program = f"the program {command} that {chosen.whose} names for its credentials"
    try:
        process = await asyncio.create_subprocess_exec(
            str(chosen.base / command) if os.sep in command else command,
            *map(str, plugin.get("args") or ()),
            env={**environ, **_environment(plugin, chosen)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise KubeconfigError(
            f"{program} cannot be run: {said}. {_flat(plugin.get('installHint'))}".rstrip(". ")
        ) from None
    try:
        async with asyncio.timeout(patience):
            out, err = await process.communicate()
    except TimeoutError:
        raise KubeconfigError(f"{program} has not ended after {patience:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = _flat(err.decode(errors="replace")) or "it said nothing"
        raise KubeconfigError(f"{program} failed with exit code {process.returncode}: {said}")
    return _given(out, program)


def _given(out: bytes, program: str) -> Section:
    try:
        found = msgspec.json.decode(out, type=_Answer).status
    except msgspec.DecodeError as error:
        raise KubeconfigError(f"{program} printed no ExecCredential: {error}") from None
    given: Section = {"token": found.token} if found.token else {}
    if found.client_certificate_data and found.client_key_data:
        pair = {"client-certificate": found.client_certificate_data, "client-key": found.client_key_data}
        given |= {f"{field}-data": base64.b64encode(text.encode()).decode() for field, text in pair.items()}
    if not given:
        raise KubeconfigError(f"{program} gave neither a token nor a certificate with its key")
    return given


def _environment(plugin: Section, chosen: Chosen) -> Mapping[str, str]:
    """Return what the program is told: what the kubeconfig says, and of which cluster it is where that says so."""
    spec: Section = {"interactive": False}
    if plugin.get("provideClusterInfo") is True:
        spec["cluster"] = _cluster(chosen.cluster)
    info = {"apiVersion": plugin.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
    given = [one for one in plugin.get("env") or () if isinstance(one, dict)]
    return {str(one.get("name")): str(one.get("value")) for one in given} | {
        "KUBERNETES_EXEC_INFO": json.dumps(info, default=str)
    }


def _cluster(cluster: Section) -> Section:
    found: Section = {key: cluster[key] for key in _SHOWN if key in cluster}
    if "certificate-authority" in cluster:
        with suppress(OSError):  # that it cannot be read is said when it is needed
            authority = Path(cluster["certificate-authority"]).read_bytes()
            found["certificate-authority-data"] = base64.b64encode(authority).decode()
    for one in cluster.get("extensions") or ():
        if isinstance(one, dict) and one.get("name") == _EXTENSION:
            found["config"] = one.get("extension")
    return found


def _flat(words: object) -> str:
    text = " ".join(str(words or "").split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
