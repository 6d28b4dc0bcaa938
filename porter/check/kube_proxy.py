"""Does kube-proxy answer ARP for the addresses of Services itself? By the configuration that the guide edits. Pure."""

from collections.abc import Iterator
from typing import Final

from porter.check.findings import Finding
from porter.check.survey import Survey, document

_SET_FALSE: Final = "strictARP: false"
RESTART: Final = "kubectl rollout restart daemonset kube-proxy -n kube-system"
_EDIT: Final = "kubectl edit configmap kube-proxy -n kube-system   # data.config.conf: ipvs.strictARP: true"
_REPLACE: Final = (
    "kubectl get configmap kube-proxy -n kube-system -o yaml | "
    "sed 's/strictARP: false/strictARP: true/' | kubectl apply -f -"
)
_WHY: Final = (
    "every node has the addresses of all Services on kube-ipvs0 and answers ARP for them, so that clients reach any "
    "node but the one that Porter chose"
)


def mode_of(survey: Survey) -> str | None:
    """Return kube-proxy's mode as configured, `iptables` where it is left to choose; None when it is not known."""
    if survey.proxy.value is None:
        return None
    config = document(survey.proxy.value, "config.conf")
    return str(config.get("mode") or "iptables") if config else None


def is_strict(survey: Survey) -> bool:
    """Tell whether the configuration says strictARP."""
    return (document(survey.proxy.value, "config.conf").get("ipvs") or {}).get("strictARP") is True


def check_kube_proxy(survey: Survey) -> Iterator[Finding]:
    """Judge kube-proxy's configuration."""
    mode = mode_of(survey)
    if mode is None:
        yield _not_known(survey)
    elif mode == "ipvs" and not is_strict(survey):
        text = str(((survey.proxy.value or {}).get("data") or {}).get("config.conf"))
        commands = (_REPLACE if _SET_FALSE in text else _EDIT, RESTART)
        what = "kube-proxy is in mode ipvs, and strictARP is not set"
        yield Finding(check="kube-proxy", level="fault", what=what, why=_WHY, commands=commands)
    else:
        strict = "with strictARP" if mode == "ipvs" else "which puts no Service's address on a NIC"
        yield Finding(check="kube-proxy", level="ok", what=f"kube-proxy is in mode {mode}, {strict}")


def _not_known(survey: Survey) -> Finding:
    if survey.proxy.problem:
        problem = survey.proxy.problem
    elif survey.proxy.value is None:
        problem = "there is no ConfigMap kube-proxy in kube-system, so something else does its work"
    else:
        problem = "config.conf in the ConfigMap kube-proxy of kube-system cannot be read"
    why = "in mode ipvs it must have strictARP; porter check on a node looks at what the kernel does"
    return Finding(check="kube-proxy", level="unknown", what=f"kube-proxy's mode is not known: {problem}", why=why)
