"""Render the chart anew with Helm 4: `pip install helm-python-sdk`, then `python -m tests.manifests.helm.render`.

That package is Helm's own engine as a library. It is 70 MB and no dependency of Porter's or of its tests: they read what
this wrote down, and refuse it when the chart has changed since.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

CHART: Final = Path(__file__).parents[3] / "deploy" / "helm" / "porter-lb"
RENDERED: Final = Path(__file__).with_name("rendered.json")
NAMESPACE: Final = "porter-system"
CASES: Final[dict[str, dict[str, Any]]] = {
    "default": {},
    "emptyDir": {"log": {"type": "emptyDir"}},
    "asRoot": {"asRoot": True},
    "everything": {
        "image": {"repository": "registry.example.org/lb", "digest": f"sha256:{'0f' * 32}", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "pull"}],
        "log": {"path": "/srv/porter"},
        "loadBalancerClass": "example.org/porter",
        "ignoreExcludeLabel": True,
        "leaseDuration": 3,
        "gratuitousInterval": "60",
        "extraEnv": [{"name": "PORTER_VERBOSE", "value": "1"}],
        "http": {"host": "0.0.0.0", "port": 9000},
        "priorityClassName": "",
        "nodeSelector": {"edge": "yes"},
        "affinity": {"nodeAffinity": {}},
        "tolerations": [],
        "podAnnotations": {"a": "b"},
        "podLabels": {"c": "d"},
        "resources": {"limits": {"memory": "1Gi"}},
    },
}
WRONG: Final[dict[str, dict[str, Any]]] = {
    "a misspelt value": {"image": {"repo": "x"}},
    "an unknown kind of log": {"log": {"type": "nfs"}},
    "a digest that is none": {"image": {"digest": "latest"}},
    "a port that is none": {"http": {"port": 0}},
}


def digest() -> str:
    """One number for the whole chart: names and contents of its files."""
    found = hashlib.sha256()
    for file in sorted(path for path in CHART.rglob("*") if path.is_file()):
        found.update(f"{file.relative_to(CHART)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()


def main() -> None:
    """Write down what Helm makes of every case, what it refuses, and what its linter says."""
    import helm_python as helm  # type: ignore[import-not-found]  # noqa: PLC0415 - see above

    chart = helm.Chart.load(CHART)
    told = helm.lint(CHART, strict=True)
    rendered = {
        name: "---\n".join(
            text
            for path, text in sorted(chart.render(values, name="porter", namespace=NAMESPACE).items(), reverse=True)
            if path.endswith(".yaml")
        )
        for name, values in CASES.items()
    }
    refused = {}
    for name, values in WRONG.items():
        try:
            chart.validate_schema(values)
        except helm.HelmError as error:
            refused[name] = str(error)
    kept = {
        "helm": helm.helm_sdk_version(),
        "chart": digest(),
        "lint": [f"{one['path']}: {one['error']}" for one in told["messages"]],
        "refused": refused,
        "rendered": rendered,
    }
    RENDERED.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
