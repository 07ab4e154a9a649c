"""The laws of the tree that a machine can check: layers, doors, names, sizes, and nothing of one machine in it."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter import configuration
from importlinter.application.use_cases import lint_imports

ROOT = Path(__file__).parents[1]
LAYERS = ("app", "runner", "providers", "migrations")
OURS = (*LAYERS, "tests", "benchmarks")
MADE_ELSEWHERE = {".git", ".venv", ".cache", "node_modules", "dist", "__pycache__"}
LINES = 500

# What only one place may import, by the beginning of that place's path: one door to each danger.
DOORS = {
    "httpx": ("providers/_",),
    "cryptography": ("runner/vault",),
    "jinja2": ("runner/template", "runner/_", "app/pages"),
    "joserfc": ("app/oidc/",),
    "alembic": ("app/migrate.py", "migrations/"),
    "tenacity": ("providers/_",),
}


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (
            path for path in sorted((ROOT / folder).rglob("*.py")) if not MADE_ELSEWHERE & set(path.parts)
        )


def imports(path: Path) -> Iterator[str]:
    """Every imported module of a file, by its whole dotted name, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_imports_point_one_way(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The contracts in pyproject.toml, drawn there."""
    monkeypatch.chdir(ROOT)
    configuration.configure()
    kept = lint_imports(config_filename="pyproject.toml", cache_dir=None)
    assert kept, capsys.readouterr().out


@pytest.mark.parametrize("package", DOORS)
def test_one_door_to_each_danger(package: str) -> None:
    through = {
        named(path)
        for path in modules(*LAYERS)
        if any(name.split(".")[0] == package for name in imports(path))
    }
    assert {path for path in through if not path.startswith(DOORS[package])} == set()


def test_a_provider_needs_nothing_but_the_public_names() -> None:
    allowed = {"providers", "pydantic", *sys.stdlib_module_names}
    for path in (ROOT / "providers").glob("[!_]*.py"):
        assert {name for name in imports(path) if name.split(".")[0] not in allowed} == set(), named(path)


def test_the_bootstrap_needs_nothing_at_all() -> None:
    for name in ("app/__init__.py", "app/__main__.py", "app/postgres_child.py"):
        assert {module.split(".")[0] for module in imports(ROOT / name)} <= sys.stdlib_module_names, name


def test_names_say_what_a_thing_is() -> None:
    vague_class = re.compile(r"(Manager|Service|Helper|Repository)$")
    vague_file = re.compile(r"^(utils?|helpers?|common|misc|base_.*)\.py$")
    for path in modules(*OURS):
        assert not vague_file.match(path.name), named(path)
        classes = {
            node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)
        }
        assert {name for name in classes if vague_class.search(name)} == set(), named(path)


def test_files_can_be_read_in_one_sitting() -> None:
    sizes = {named(path): len(path.read_text().splitlines()) for path in modules(*OURS)}
    assert {path: size for path, size in sizes.items() if size > LINES} == {}


def texts(folder: Path = ROOT) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.iterdir()):
        if path.name in MADE_ELSEWHERE or path.name.endswith("_cache") or path.name == ".hypothesis":
            continue
        if path.is_dir():
            yield from texts(path)
        else:
            try:
                yield path, path.read_text()
            except UnicodeDecodeError:
                continue


def test_nothing_of_one_machine_or_one_registry_is_written_down() -> None:
    hosts = (
        "pypi" + ".org",
        "files.python" + "hosted.org",
        "registry.npm" + "js.org",
        "registry.yarn" + "pkg.com",
    )
    machine = re.compile(r"(?<![\w.~/-])/(?:work|root|home/\w+|Users/\w+)/", re.ASCII)
    for path, text in texts():
        assert [host for host in hosts if host in text] == [], named(path)
        assert machine.findall(text) == [], named(path)
