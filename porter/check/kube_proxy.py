"""Does kube-proxy answer ARP for the addresses of Services itself? By the configuration that the guide edits. Pure."""

from collections.abc import Iterator
from typing import Final

from porter.check.findings import Finding, named
from porter.check.survey import Survey, document
from porter.model.names import NodeName

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


def check_reported(survey: Survey, *, but: NodeName | None) -> Iterator[Finding]:
    """Judge what agents tell of their kernels, where kube-proxy is in mode ipvs; of one node its own kernel is asked.

    An agent looks when something else about its NICs changes, so it may tell of what was: never a fault.
    """
    if mode_of(survey) != "ipvs":
        return
    told = {
        agent.node: any(nic.arp_ignore == 0 for nic in agent.nics)
        for _, agent in sorted(survey.world.agents.items())
        if agent.node != but and any(nic.arp_ignore is not None for nic in agent.nics)
    }
    weak = [node for node, answers in told.items() if answers]
    if weak:
        what = f"when its agent last looked, the kernel of {named(weak)} answered ARP for addresses of other NICs"
        why = "strictARP is set, and kube-proxy has not been restarted since" if is_strict(survey) else _WHY
        yield Finding(
            check="arp-settings",
            level="warning",
            what=f"{what} (arp_ignore is 0)",
            why=why,
            commands=(RESTART, "sysctl net.ipv4.conf.all.arp_ignore   # on the node"),
        )
    elif told:
        what = f"of {len(told)} {'other nodes' if but else 'nodes'} that report, no kernel answers ARP for other NICs"
        yield Finding(check="arp-settings", level="ok", what=what)


def _not_known(survey: Survey) -> Finding:
    if survey.proxy.problem:
        problem = survey.proxy.problem
    elif survey.proxy.value is None:
        problem = "there is no ConfigMap kube-proxy in kube-system, so something else does its work"
    else:
        problem = "config.conf in the ConfigMap kube-proxy of kube-system cannot be read"
    why = "in mode ipvs it must have strictARP; porter check on a node looks at what the kernel does"
    return Finding(check="kube-proxy", level="unknown", what=f"kube-proxy's mode is not known: {problem}", why=why)
