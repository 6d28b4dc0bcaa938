"""Where everything must be there, a skipped test fails the run; elsewhere it is only listed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(folder: Path, body: str, *workers: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(f"import pytest\n{body}\n")
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", *workers]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", folder, folder],
        cwd=ROOT,
        env={**os.environ, "PORTER_NO_SKIPS": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


SKIPPED = {
    "in the test": "def test_a(): pytest.skip('no such thing here')",
    "by mark": "@pytest.mark.skip(reason='no such thing here')\ndef test_a(): pass",
    "as a whole": "pytest.skip('no such thing here', allow_module_level=True)",
    "for want of a program": "from tests.needs import needed\ndef test_a(): needed(None, 'no such thing here', 'thing')",
}


@pytest.mark.parametrize("workers", [(), ("-n", "2", "--dist", "loadfile")], ids=["alone", "several at a time"])
@pytest.mark.parametrize("body", SKIPPED.values(), ids=SKIPPED)
def test_a_skipped_test_fails_a_run_that_may_skip_none(tmp_path: Path, body: str, workers: tuple[str, ...]) -> None:
    ran = run(tmp_path, f"def test_b(): pass\n{body}", *workers, PORTER_NO_SKIPS="1")

    assert ran.returncode != 0, ran.stdout
    assert "PORTER_NO_SKIPS is set and 1 tests were skipped" in ran.stdout
    assert "no such thing here" in ran.stdout


def test_what_is_needed_is_skipped_with_what_to_install(tmp_path: Path) -> None:
    body = "from tests.needs import needed\ndef test_a(): needed(None, 'a thing', 'thing')"
    there = "\ndef test_b(): assert needed('/usr/bin/thing', 'a thing', 'thing') == '/usr/bin/thing'"

    ran = run(tmp_path, body + there, "-rs")

    assert ran.returncode == 0, ran.stdout
    assert "1 passed, 1 skipped" in ran.stdout
    assert "needs a thing (Debian: thing)" in ran.stdout


@pytest.mark.parametrize("body", list(SKIPPED.values())[:2])
def test_elsewhere_a_skipped_test_is_none_that_failed(tmp_path: Path, body: str) -> None:
    assert run(tmp_path, body).returncode == 0


def test_a_run_without_skips_succeeds(tmp_path: Path) -> None:
    ran = run(
        tmp_path, "def test_a(): pass\n@pytest.mark.xfail(strict=True)\ndef test_b(): assert False", PORTER_NO_SKIPS="1"
    )

    assert ran.returncode == 0, ran.stdout


def test_ci_may_skip_none() -> None:
    exported = re.findall(r"(?m)^export .*\bPORTER_NO_SKIPS=1\b", (ROOT / ".ci" / "run").read_text())

    assert len(exported) == 1
