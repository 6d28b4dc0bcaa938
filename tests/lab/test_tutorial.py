"""The guide must come true, step by step, as a user sees it; so must the notes' case."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from porter.lab import namespaces
from porter.lab.processes import porter
from tests.lab import labs

GUIDES_FILES = {
    "porter-layer2-eip.yaml": "43fa9d5dbe03b90c",
    "porter-layer2-svc.yaml": "d8b1b0154199cb1e",
    "porter-layer2.yaml": "2b528ada1e2f6095",
    "orion-eip.yaml": "435b45257259ffbb",
}


@pytest.fixture
def home() -> Iterator[Path]:
    with labs.home() as path:
        yield path


@pytest.mark.parametrize("file", GUIDES_FILES)
def test_the_guides_files_are_kept_letter_for_letter(file: str) -> None:
    content = (resources.files("porter.lab.tutorial") / file).read_bytes()

    assert hashlib.sha256(content).hexdigest()[:16] == GUIDES_FILES[file]


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize(("case", "kubectl"), [("guide", True), ("orion", False)], ids=["guide", "orion, no kubectl"])
def test_every_step_holds_and_nothing_stays_behind(
    case: str, *, kubectl: bool, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"w{os.getpid()}"
    if not kubectl:
        commands = tmp_path / "commands"
        commands.mkdir()
        for command in ("ip", "sh", "cat"):
            (commands / command).symlink_to(shutil.which(command) or "")
        monkeypatch.setenv("PATH", str(commands))

    done = subprocess.run(
        porter("lab", "tutorial", "--case", case, "--name", name),
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every step held" in done.stdout
    assert case != "guide" or re.search(r"\[ok\] node(\d)'s log has the change from node\d to\s+node\1;", done.stdout)
    assert ("kubectl is not installed" in done.stdout) != kubectl
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert not home.exists()
    assert not [netns for netns in os.listdir(namespaces.RUN) if netns.startswith(name)]  # noqa: PTH208
