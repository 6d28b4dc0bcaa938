"""The rights in the manifests are those that the code uses: every request that porter.cluster makes is granted."""

import re
from pathlib import Path

import yaml

import porter.cluster
from porter.manifests import render

GRANTED = {
    (group, resource): set(rule["verbs"])
    for document in reversed(list(yaml.safe_load_all(render(["rbac"]))))
    for rule in document.get("rules", ())
    for group in rule["apiGroups"]
    for resource in rule["resources"]
    if rule["verbs"] != ["patch"]
}
_PATH = re.compile(r'"/(?:api/v1|apis/([a-z0-9.]+)/v[a-z0-9]+)(?:/namespaces/(?:\{[a-z._]+\}|[a-z]+))?/([a-z]+)')


def test_every_kind_that_the_code_names_is_granted() -> None:
    sources = [path.read_text() for path in Path(porter.cluster.__file__).parent.glob("*.py")]

    named = {(group, kind) for source in sources for group, kind in _PATH.findall(source)}

    assert len(named) >= 8, "the pattern finds hardly any path: it proves nothing"
    assert named == set(GRANTED)


def test_what_is_watched_may_be_listed_and_watched() -> None:
    for kind in ("services", "nodes", "namespaces", "eips", "endpointslices", "leases"):
        [verbs] = [verbs for (_, resource), verbs in GRANTED.items() if resource == kind]
        assert {"get", "list", "watch"} <= verbs
