"""Every source, found by being in this folder: one file each, none known by name anywhere else."""

from __future__ import annotations

import importlib
import pkgutil

from borderwatch.source import Source


class SourceFileError(RuntimeError):
    """A file in this folder does not keep the contract: a programmer's error, not a user's."""


def names() -> tuple[str, ...]:
    """The names of the sources, in order, without importing any."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


def find() -> dict[str, Source]:
    """Every source by name; ``SourceFileError`` names the file that holds none, or one called otherwise."""
    return {name: load(name) for name in names()}


def load(name: str) -> Source:
    """The source in ``sources/<name>.py``."""
    module = importlib.import_module(f"{__name__}.{name}")
    own = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Source) and thing.__module__ == module.__name__
    ]
    if len(own) != 1:
        found = ", ".join(c.__name__ for c in own) or "none"
        raise SourceFileError(f"sources/{name}.py: one class of Source is expected, found {found}")
    if getattr(own[0], "name", None) != name:
        given = getattr(own[0], "name", None)
        raise SourceFileError(f"sources/{name}.py: {own[0].__name__}.name is {given!r}; it must be the file's name")
    return own[0]()
