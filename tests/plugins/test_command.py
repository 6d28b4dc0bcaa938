import json
import os
import subprocess
import sys
from pathlib import Path

from porter.plugins.shipped import shipped_version
from tests.plugins.packages import install, sound


def porter(*arguments: str, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import sys; from porter.cli import main; sys.exit(main())", *arguments],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_list_says_what_is_there_from_where_and_what_is_a_stub(tmp_path: Path) -> None:
    install(tmp_path, "acme-anycast", sound("anycast"))

    done = porter("plugins", site=tmp_path)

    rows = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    assert rows[0] == ["PROTOCOL", "VERSION", "FROM", "STATE"]
    assert ["anycast", "3.2.1", "acme-anycast", "ready"] in rows
    assert ["bgp", shipped_version(), "porter-lb", "only a stub"] in rows
    assert ["layer2", shipped_version(), "porter-lb", "ready"] in rows
    assert (done.returncode, done.stderr) == (0, "")


def test_a_broken_plugin_is_named_and_the_command_fails(tmp_path: Path) -> None:
    install(tmp_path, "acme-anycast", "raise RuntimeError('no luck')")

    done = porter("plugins", site=tmp_path)

    assert done.returncode == 1
    assert "acme-anycast: plugin 'plugin'" in done.stderr
    assert "RuntimeError: no luck" in done.stderr
    assert "Traceback" not in done.stderr
    assert "layer2" in done.stdout


def test_json_is_for_programs(tmp_path: Path) -> None:
    install(tmp_path, "acme-anycast", sound("anycast"))
    install(tmp_path, "broken", "import no_such_module")

    done = porter("plugins", "--format", "json", site=tmp_path)

    content = json.loads(done.stdout)
    by_name = {each["name"]: each for each in content["plugins"]}
    assert by_name["anycast"] == {
        "name": "anycast",
        "version": "3.2.1",
        "distribution": "acme-anycast",
        "stub": None,
    }
    assert "only a stub" in by_name["bgp"]["stub"]
    assert [each["distribution"] for each in content["problems"]] == ["broken"]
    assert done.returncode == 1
