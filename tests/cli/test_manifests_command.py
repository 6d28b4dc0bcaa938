"""`porter manifests`, through its front door."""

import pytest
import yaml

from porter.cli import main


def test_everything_is_printed_as_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifests"]) == 0

    documents = list(yaml.safe_load_all(capsys.readouterr().out))
    assert {document["kind"] for document in documents} >= {"CustomResourceDefinition", "DaemonSet", "ClusterRole"}


def test_parts_are_printed_in_the_order_to_apply_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifests", "--only", "daemonset", "--only", "namespace", "--namespace", "edge"]) == 0

    namespace, daemonset = yaml.safe_load_all(capsys.readouterr().out)
    assert namespace["metadata"]["name"] == "edge"
    assert daemonset["metadata"]["namespace"] == "edge"


def test_a_wrong_name_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifests", "--namespace", "Edge"]) == 1

    assert capsys.readouterr().err.startswith("porter: 'Edge' is not a namespace's name")


def test_an_unknown_part_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifests", "--only", "webhook"]) == 2

    assert "'webhook' is not one of " in capsys.readouterr().err
