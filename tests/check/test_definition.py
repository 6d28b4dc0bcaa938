"""Definitions of the Eip that somebody else made: those of older versions, and of other programs."""

import json
from typing import Any

import pytest

from porter.cli import main
from tests.check.cluster import DEFINITIONS, Cluster

FIELDS = {name: {"type": "string"} for name in ("address", "protocol", "interface")}
OLD = {"type": "object", "properties": {"spec": {"type": "object", "properties": FIELDS}, "status": {"type": "object"}}}
OLD_ONE = "the kind Eip is defined by another version (Porter 0.4 or OpenELB)"
LOOSE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def version(name: str, schema: Any, *, storage: bool = False) -> dict[str, Any]:
    return {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": schema}}


@pytest.mark.parametrize(
    ("versions", "level", "what"),
    [
        (
            [version("v1alpha1", LOOSE), version("v1alpha2", OLD, storage=True)],
            "warning",
            f"{OLD_ONE}: it lacks spec.disable, spec.namespaceSelector, spec.namespaces, spec.priority and 10 more",
        ),
        (
            [version("v1alpha1", LOOSE), version("v1alpha2", LOOSE, storage=True)],
            "warning",
            OLD_ONE,
        ),
        (
            [version("v1alpha1", LOOSE, storage=True)],
            "fault",
            "the kind Eip is served as v1alpha1, and not as v1alpha2",
        ),
        ([version("v1alpha2", LOOSE, storage=True)], "ok", "the kind Eip is installed, as this version defines it"),
    ],
)
def test_a_definition_of_another_version(
    empty: Cluster, capsys: pytest.CaptureFixture[str], versions: list[Any], level: str, what: str
) -> None:
    names = {"kind": "Eip", "listKind": "EipList", "plural": "eips", "singular": "eip"}
    spec = {"group": "network.kubesphere.io", "scope": "Cluster", "names": names, "versions": versions}
    empty.put(DEFINITIONS, "eips.network.kubesphere.io", spec=spec)

    main(empty.argv("--format", "json"))

    [found] = [one for one in json.loads(capsys.readouterr().out)["findings"] if one["check"] == "definition"]
    assert (found["level"], found["what"]) == (level, what)
    assert level == "ok" or found["commands"] == ["porter manifests --only crd | kubectl apply -f -"]


def test_a_webhook_that_an_older_version_left_is_a_fault(empty: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    empty.install()
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://example.org"}}
    conversion = {"spec": {"conversion": {"strategy": "Webhook", "webhook": webhook}}}
    empty.client.patch(f"{DEFINITIONS}/eips.network.kubesphere.io", conversion)

    code = main(empty.argv("--format", "json"))

    [found] = [one for one in json.loads(capsys.readouterr().out)["findings"] if one["check"] == "definition"]
    assert code == 1
    assert found["what"] == "Eips are converted by a webhook of an older version"
