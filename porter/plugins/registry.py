"""Which protocols there are: found through the entry-point group `porter`, one by one, and kept by name.

Only finds and checks; it starts nothing and connects to nothing, so that `porter replay` can use it. A plugin that is
broken in any way becomes a problem with a sentence, and disturbs no other.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType, SimpleNamespace
from typing import Any, Self

import pluggy

from porter.events.entries import PluginInfo
from porter.model.objects import Value
from porter.model.protocol import ProtocolRules
from porter.plugins.api import PROJECT, Hooks, ProtocolPlugin, hookimpl
from porter.plugins.conformity import NotAProtocolError, conforming

GIVEN = "(given)"
"""Stands for the distribution of a plugin that was passed to `Registry.of`."""


class Problem(Value, frozen=True, kw_only=True):
    """A plugin that cannot be used, and why."""

    distribution: str
    sentence: str


class _Found(Value, frozen=True, kw_only=True):
    plugin: Any
    info: PluginInfo


class Registry:
    """The usable protocols by name, what is known of each, and the problems with all others. Never changes."""

    def __init__(self, found: Sequence[_Found] = (), problems: Sequence[Problem] = ()) -> None:
        chosen, rivals = _choose(found)
        ordered = sorted(chosen, key=lambda each: each.info.name)
        self.protocols: Mapping[str, ProtocolPlugin] = MappingProxyType(
            {each.info.name: each.plugin for each in ordered}
        )
        """The protocols, sorted by name."""
        self.rules: Mapping[str, ProtocolRules] = self.protocols
        """The same as the fold sees them: their pure half."""
        self.infos: tuple[PluginInfo, ...] = tuple(each.info for each in ordered)
        """What `AgentStarted` records, sorted by name."""
        self.problems: tuple[Problem, ...] = tuple(
            sorted([*problems, *rivals], key=lambda each: (each.distribution, each.sentence)),
        )

    @classmethod
    def discover(cls) -> Self:
        """Find every plugin that is installed. Reads the disk and runs each plugin's hook; call it once, at start."""
        found: list[_Found] = []
        problems: list[Problem] = []
        for point in sorted(entry_points(group=PROJECT), key=lambda each: (_distribution(each), each.name, each.value)):
            _take(found, problems, distribution=_distribution(point), what=_named(point), load=point.load)
        return cls(found, problems)

    @classmethod
    def of(cls, *plugins: ProtocolPlugin) -> Self:
        """Make a registry of exactly these protocols, checked as installed ones are."""
        found: list[_Found] = []
        problems: list[Problem] = []
        for plugin in plugins:
            module = SimpleNamespace(porter_protocol=_hook_for(plugin))
            _take(found, problems, distribution=GIVEN, what=f"plugin {plugin!r}", load=partial(_same, module))
        return cls(found, problems)


def _same(module: Any) -> Any:
    return module


def _hook_for(plugin: ProtocolPlugin) -> Callable[[], ProtocolPlugin]:
    @hookimpl
    def porter_protocol() -> ProtocolPlugin:
        return plugin

    return porter_protocol


def _take(
    found: list[_Found],
    problems: list[Problem],
    *,
    distribution: str,
    what: str,
    load: Callable[[], Any],
) -> None:
    try:
        plugin = conforming(_protocol_of(load()))
        info = PluginInfo(
            name=plugin.name,
            version=plugin.version,
            distribution=distribution,
            stub=plugin.stub is not None,
        )
    except KeyboardInterrupt:
        raise
    except (NotAProtocolError, pluggy.PluginValidationError) as error:
        problems.append(Problem(distribution=distribution, sentence=f"{what} is refused: {_first_line(error)}"))
    except BaseException as error:  # noqa: BLE001 - a stranger's code: it may raise anything, sys.exit included
        sentence = f"{what} cannot be loaded: {type(error).__name__}: {_first_line(error)}"
        problems.append(Problem(distribution=distribution, sentence=sentence))
    else:
        found.append(_Found(plugin=plugin, info=info))


def _protocol_of(module: Any) -> Any:
    """Ask one plugin for its protocol, with a pluggy manager of its own: what is wrong with it stays with it."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    manager.register(module)
    manager.check_pending()  # a hook that Porter does not know would otherwise be ignored in silence
    protocols = manager.hook.porter_protocol()
    if not protocols:
        raise NotAProtocolError("it implements no hook porter_protocol, or the hook returned None")
    return protocols[0]


def _choose(found: Iterable[_Found]) -> tuple[list[_Found], list[Problem]]:
    """Keep one plugin of each name: a real one before a stub, then the first by the name of its distribution."""
    chosen: dict[str, _Found] = {}
    problems: list[Problem] = []
    for each in sorted(found, key=lambda each: (each.info.stub, each.info.distribution)):
        holder = chosen.setdefault(each.info.name, each)
        if holder is not each and holder.info.stub == each.info.stub:
            sentence = (
                f"protocol {each.info.name!r} is already provided by {holder.info.distribution}; "
                f"uninstall one of the two"
            )
            problems.append(Problem(distribution=each.info.distribution, sentence=sentence))
    return list(chosen.values()), problems


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "(unknown)"


def _named(point: EntryPoint) -> str:
    return f"plugin {point.name!r} ({point.value})"


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "") or "no message"
