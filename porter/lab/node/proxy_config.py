"""What kube-proxy makes of its configuration when it starts: its mode, and with `strictARP` a kernel that keeps silent.

The configuration is read when a kube-proxy pod starts here and at no other time, so an edited ConfigMap is taken up by
`kubectl rollout restart daemonset kube-proxy`. Like the real one it never switches back what it has set.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import yaml

from porter.lab.following import Api
from porter.lab.kube import Object, path_of

# k8s.io/kubernetes/pkg/proxy/ipvs/proxier.go: what strictARP sets
SETTINGS = {"net/ipv4/conf/all/arp_ignore": "1", "net/ipv4/conf/all/arp_announce": "2"}
_CONFIG = path_of("ConfigMap", "kube-proxy", namespace="kube-system")
_log = logging.getLogger(__name__)


def is_kube_proxy(pod: Object) -> bool:
    """Tell whether this pod is one of the DaemonSet kube-proxy."""
    return bool((pod["metadata"].get("labels") or {}).get("k8s-app") == "kube-proxy" and pod["spec"].get("hostNetwork"))


class Config(NamedTuple):
    """What concerns the lab in kube-proxy's configuration."""

    mode: str
    strict_arp: bool


def read_config(text: str) -> Config:
    """Read kube-proxy's config.conf. Raises OSError when it cannot be understood: the pod then does not start."""
    try:
        config = yaml.safe_load(text)
        strict = bool((config.get("ipvs") or {}).get("strictARP", False))
        return Config(mode=str(config.get("mode") or ""), strict_arp=strict)
    except (yaml.YAMLError, AttributeError) as error:
        raise OSError(f"config.conf of kube-proxy cannot be understood: {error}") from error


async def configure(api: Api, use: Callable[[str], Awaitable[None]]) -> None:
    """Do what the ConfigMap says, to the namespace that this process lives in; `use` is told the mode."""
    answer = await api.request("GET", _CONFIG)
    config = read_config(answer["data"]["config.conf"])
    _log.info("kube-proxy starts, mode: %s, strictARP: %s", config.mode or "iptables", config.strict_arp)
    await use(config.mode)
    if config.mode == "ipvs" and config.strict_arp:
        await asyncio.to_thread(_set)


def _set() -> None:
    for name, value in SETTINGS.items():
        Path("/proc/sys", name).write_text(value, encoding="ascii")
