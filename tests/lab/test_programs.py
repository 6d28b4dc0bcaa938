"""Labs go with the program that made them: at its end, and when it was killed with the next one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from porter.lab import namespaces, programs, state
from porter.lab.kube import Kube, read_access
from porter.lab.processes import porter
from tests.lab.labs import until

ROOT = Path(__file__).parents[2]
NAME = f"q{os.getpid()}"
PROGRAM = f"""
import os, sys, time
from pathlib import Path
from porter.lab import Lab, programs
with programs.home(Path(sys.argv[1])) as home:
    os.environ["PORTER_LAB_DIR"] = str(home)
    Lab.up("{NAME}", nodes=1, agents=False)
    print(home, flush=True)
    time.sleep(600)
"""


@contextmanager
def running(*words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A program, killed at the end of the block at the latest."""
    command, env = [sys.executable, *words], {**os.environ, **variables}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=env
    ) as made:
        try:
            yield made
        finally:
            made.kill()


def names() -> list[str]:
    """The namespaces of such a lab."""
    return sorted(one for one in os.listdir(namespaces.RUN) if one.startswith(f"{NAME}-"))  # noqa: PTH208


def marked(place: Path) -> list[str]:
    """The processes that have it in their environment that they are of a lab there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            found += [entry.name] if f"{state.MARK}={place}".encode() in (entry / "environ").read_bytes() else []
        except OSError:
            continue
    return found


@pytest.mark.root
def test_a_lab_of_a_program_that_was_killed_goes_with_the_next_and_one_of_a_living_program_stays(
    tmp_path: Path,
) -> None:
    place = tmp_path / "labs"
    with running("-c", PROGRAM, str(place)) as program:
        assert program.stdout is not None
        home = Path(program.stdout.readline().strip())
        programs.clear(place)
        kube = Kube(read_access(home / NAME / "kubeconfig"))
        assert (kube.ready(), len(names()), home.parent) == (True, 3, place)

        program.kill()
        program.wait()
        assert (kube.ready(), len(names())) == (True, 3)
        foreign = names()[0]
        namespaces.ip("netns", "del", foreign, env=os.environ)
        namespaces.ip("netns", "add", foreign, env=os.environ)
        try:
            with programs.home(place) as ours:
                assert [one for one in place.iterdir() if one != ours] == []
                assert names() == [foreign]  # it has the name of a namespace of the lab's, and is another
        finally:
            namespaces.ip("netns", "del", foreign, env=os.environ)

    assert marked(place) == []
    assert not place.exists()


@pytest.mark.root
def test_down_of_all_takes_the_labs_of_killed_programs_along(tmp_path: Path) -> None:
    place = tmp_path / "labs-programs"
    (place / "00000000-1-1-of-another-boot").mkdir(parents=True)
    (place / "what-somebody-else-put-here").mkdir()

    subprocess.run(porter("lab", "down", "--all"), check=True, env={**os.environ, "PORTER_LAB_DIR": f"{tmp_path}/labs"})

    assert [one.name for one in place.iterdir()] == ["what-somebody-else-put-here"]


@pytest.mark.root
def test_a_benchmark_that_is_told_to_end_takes_its_labs_down(tmp_path: Path) -> None:
    place = tmp_path / "labs-programs"
    with running("-m", "benchmarks.lab", "--nodes", "0", PORTER_LAB_DIR=f"{tmp_path}/labs") as benchmark:
        until("a lab", lambda: bool(state.below(place)), within=30.0)
        until("its namespaces", lambda: any(state.load(one).namespaces for one in state.below(place)))
        benchmark.send_signal(signal.SIGTERM)
        benchmark.communicate(timeout=30)

    assert benchmark.returncode != 0
    assert marked(place) == []
    assert not place.exists()
    assert [one for one in os.listdir(namespaces.RUN) if one.startswith(f"bench{benchmark.pid}-")] == []  # noqa: PTH208
