"""Installed distributions for tests: a directory on sys.path with real metadata, found as pip's own would be."""

from pathlib import Path

SOUND = """
from porter.plugins.api import hookimpl

class Protocol:
    name = {name!r}
    version = "3.2.1"
    stub = {stub!r}
    stable = False
    def validate(self, eip): return ()
    def place(self, request): return request.eligible
    def start(self, host): pass
    def apply(self, announcements): pass
    def stop(self): pass

@hookimpl
def porter_protocol():
    return Protocol()
"""


def sound(name: str, stub: str | None = None) -> str:
    """The source of a plugin without a fault."""
    return SOUND.format(name=name, stub=stub)


def install(site: Path, distribution: str, source: str, *, point: str = "plugin", module: str | None = None) -> None:
    """Write a distribution with one module and one entry point into a directory."""
    module = module or f"{site.name}_{distribution}".replace("-", "_")
    (site / f"{module}.py").write_text(source)
    metadata = site / f"{distribution.replace('-', '_')}-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[porter]\n{point} = {module}\n")
