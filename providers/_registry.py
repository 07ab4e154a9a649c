"""Every provider there is: the modules of this folder, then what other packages offer.

A folder is a catalogue: a module without an underscore is a provider. Other packages add theirs through the entry-point
group `baton.providers`, each entry naming a Provider subclass.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, TypeGuard

from providers._base import Provider

AnyProvider = Provider[Any]


class Registry:
    """The providers by name, read-only."""

    def __init__(self, providers: Mapping[str, type[AnyProvider]]) -> None:
        self._by_name = MappingProxyType(dict(sorted(providers.items())))

    def __getitem__(self, name: str) -> type[AnyProvider]:
        return self._by_name[name]

    def get(self, name: str) -> type[AnyProvider] | None:
        return self._by_name.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[type[AnyProvider]]:
        return iter(self._by_name.values())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)


def discover() -> Registry:
    """Import and check every provider. Raises TypeError when two claim one name, or one lacks its name, title or connection."""
    import providers

    found: dict[str, type[AnyProvider]] = {}

    def add(provider: object, origin: str) -> None:
        if not _is_provider(provider):
            raise TypeError(f"{origin} is not a subclass of Provider")
        if not getattr(provider, "name", "") or not getattr(provider, "title", ""):
            raise TypeError(f"{origin}: a provider needs a name and a title")
        if not hasattr(provider, "connection_model"):
            raise TypeError(
                f"{origin}: name the connection model, as in Provider[{provider.__name__}Connection]"
            )
        if (other := found.get(provider.name)) is not None:
            raise TypeError(f"{origin}: provider name {provider.name!r} is taken by {other.__module__}")
        found[provider.name] = provider

    for module in pkgutil.iter_modules(providers.__path__):
        if module.name.startswith("_") or module.name == "sandbox":
            continue
        source = importlib.import_module(f"providers.{module.name}")
        for value in vars(source).values():
            if _is_provider(value) and value.__module__ == source.__name__:
                add(value, source.__name__)
    for entry in entry_points(group="baton.providers"):
        add(entry.load(), entry.value)
    return Registry(found)


def _is_provider(value: object) -> TypeGuard[type[AnyProvider]]:
    return isinstance(value, type) and issubclass(value, Provider)
