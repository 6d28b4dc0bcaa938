"""docs/check.md says what is true of the code, and its sample is what the command prints."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from porter.check.findings import Check, Finding, Level, Report
from porter.check.others import PRODUCTS
from porter.cli import main
from tests.check.cluster import Cluster, cluster

PAGE = (Path(__file__).parents[2] / "docs" / "check.md").read_text()
[SAMPLE] = re.findall(r"^```console\n\$ porter check -f pools.yaml\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)
POOLS = """\
kind: Eip
metadata: {name: edge}
spec: {address: 192.168.0.10-192.168.0.20, protocol: layer2, interface: eth0}
"""


def first_column(heading: str) -> list[str]:
    section = PAGE.partition(f"{heading}\n")[2].partition("\n#")[0]
    return re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE)


def test_every_check_and_level_is_in_its_table_and_no_other() -> None:
    assert first_column("## What is looked at") == [*get_args(Check), *get_args(Level)]


def test_every_key_is_documented_and_no_other() -> None:
    assert first_column("## As JSON") == ["works", *(field.name for field in msgspec.structs.fields(Report))]
    told = PAGE.partition("| `findings` |")[2].partition("\n")[0]
    assert re.findall(r"`(.+?)`", told) == [field.name for field in msgspec.structs.fields(Finding)]


def test_every_load_balancer_that_is_known_is_named() -> None:
    told = PAGE.partition("| `other-load-balancers` |")[2].partition("\n")[0]

    for product in PRODUCTS:
        for name in product.name.removeprefix("a ").removesuffix(" manager").split(" or "):
            assert name.replace("controller", "controllers") in told


def prepared(made: Cluster) -> None:
    made.node("node1", "192.168.0.2")
    made.node("node2", "192.168.0.11")
    made.proxy("mode: ipvs\nipvs:\n  strictARP: false\n")


def test_the_sample_is_what_the_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pools.yaml").write_text(POOLS)
    monkeypatch.chdir(tmp_path)
    with cluster(tmp_path) as made:
        prepared(made)
        code = main(made.argv("-f", "pools.yaml"))
        shown = capsys.readouterr().out.replace(made.server.url, "https://192.168.0.1:6443").replace("+porter-lab", "")

    assert code == 1
    assert shown == SAMPLE


def test_lines_fit_on_80_columns_and_commands_are_whole() -> None:
    wide = [line for line in SAMPLE.splitlines() if len(line) > 80]

    assert all(line.lstrip().startswith("$ ") for line in wide)
