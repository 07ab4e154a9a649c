"""The catalogue: the folder, then other packages, and no surprises among them."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import pytest

import providers
from providers import Connection, Provider, Verb, discover

FOLDER = Path(providers.__file__).parent
PLUGIN = """
from providers import Account, Connection, Provider

class ExtraConnection(Connection):
    pass

class Extra(Provider[ExtraConnection]):
    name = {name!r}
    title = {title!r}
    async def check(self):
        return Account(label="me")
    async def list_workflows(self, *, cursor=None):
        raise NotImplementedError
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that offers one provider through the entry-point group, as pip would lay it out."""
    info = tmp_path / "extra_provider-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra-provider\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[baton.providers]\nextra = extra_provider:Extra\n")
    (tmp_path / "extra_provider.py").write_text(PLUGIN.format(name="extra", title="Extra"))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "extra_provider", raising=False)
    return tmp_path / "extra_provider.py"


def test_every_public_module_is_a_provider() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")}
    registry = discover()
    assert set(registry.names) >= modules
    assert registry.names == tuple(sorted(registry.names))
    for provider in registry:
        assert issubclass(provider.connection_model, Connection)
        assert provider.verbs <= set(Verb) and provider.title
        assert registry[provider.name] is registry.get(provider.name) is provider
        assert provider.name in registry
    assert registry.get("nothing") is None and "nothing" not in registry


def test_another_package_adds_its_own(plugin: Path) -> None:
    extra = discover()["extra"]
    assert (extra.title, extra.verbs, extra.idempotent) == ("Extra", {Verb.LIST}, False)
    assert extra.connection_model.__name__ == "ExtraConnection"


def test_two_providers_of_one_name_stop_the_start(plugin: Path) -> None:
    plugin.write_text(PLUGIN.format(name="airflow", title="Another"))
    with pytest.raises(TypeError, match=r"'airflow' is taken by providers\.airflow"):
        discover()


def test_a_provider_without_title_stops_the_start(plugin: Path) -> None:
    plugin.write_text(PLUGIN.format(name="extra", title=""))
    with pytest.raises(TypeError, match="name and a title"):
        discover()


def test_an_entry_that_is_no_provider_stops_the_start(plugin: Path) -> None:
    plugin.write_text("Extra = dict\n")
    with pytest.raises(TypeError, match="not a subclass of Provider"):
        discover()


def test_public_modules_import_only_providers_pydantic_and_the_standard_library() -> None:
    allowed = {"providers", "pydantic", *sys.stdlib_module_names}
    for path in FOLDER.glob("*.py"):
        if path.stem in ("_http", "__init__"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                names = [node.module or ""]
            assert {name.split(".")[0] for name in names} <= allowed, path


def test_verbs_are_what_a_class_overrides() -> None:
    assert Provider.verbs == frozenset()
