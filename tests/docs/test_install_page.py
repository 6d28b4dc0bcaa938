"""docs/install.md says what is true of the manifests."""

import re
from pathlib import Path

import yaml

from porter.manifests import render

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text()
POD = list(yaml.safe_load_all(render(["daemonset"])))[-1]["spec"]["template"]["spec"]


def test_what_the_pages_numbers_say_is_in_the_manifest() -> None:
    resources = POD["containers"][0]["resources"]

    assert f"requests of {resources['requests']['cpu']} and {resources['requests']['memory']}" in PAGE
    assert f"limit of {resources['limits']['memory']}" in PAGE
    assert f"an ordinary user ({POD['securityContext']['runAsUser']})" in PAGE
    assert f"`{POD['priorityClassName']}`" in PAGE


def test_every_place_that_it_names_is_there() -> None:
    named = re.findall(r"\]\(\.\./([^)]+)\)", PAGE) + re.findall(r"\b(deploy/[a-z/-]*[a-z])\b(?!\.)", PAGE)

    assert len(named) >= 4
    assert [place for place in named if not (ROOT / place).exists()] == []
