"""The documentation names everything a user can meet: a setting, kind, field, code, command or event without its entry
breaks the build, and so does a link that leads nowhere or an example that does not parse.

An entry is a heading, or a table row whose first cell names the thing in backticks.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from app.cli import parser
from app.connecting import PROBLEM_CODES
from app.main import api_routes
from app.operation import Operation
from app.problems import STATUS
from app.settings import PREFIX, Settings
from providers import ExecutionState, Provider, discover
from runner._filters import FILTERS
from runner.model import NodeState, Role, RunState
from runner.node import Node, NodeConfig, Suspend, catalogue
from runner.rules import Operator

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"[a-z]+(-[a-z]+)*")


def text_of(page: str) -> str:
    return (DOCS / page).read_text()


def prose(text: str) -> str:
    return _FENCE.sub("", text)


def entries(text: str) -> set[str]:
    """What has a heading or a row of its own: each word in backticks there, and each heading whole."""
    found: set[str] = set()
    for line in prose(text).splitlines():
        if line.startswith("#"):
            found.add(line.lstrip("# ").strip())
        cell = line if line.startswith("#") else line.split("|")[1] if line.startswith("|") else ""
        found |= set(re.findall(r"`([^`]+)`", cell))
    return found


def section(text: str, heading: str) -> str:
    """From that heading to the next of its depth; empty where there is none."""
    found = re.search(rf"^(#+) .*`?{re.escape(heading)}`?.*$", text, re.MULTILINE)
    if found is None:
        return ""
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return found[0] + (rest[: end.start()] if end else rest)


def missing(wanted: Iterable[str], present: set[str]) -> list[str]:
    return sorted(set(wanted) - present)


def need(wanted: Iterable[str], text: str, where: str) -> None:
    absent = missing(wanted, entries(text))
    assert not absent, f"{where} has no entry for: {', '.join(absent)}"


# ---------------------------------------------------------------- what there is


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (p for p in sorted((ROOT / folder).rglob("*.py")) if "sandbox" not in p.parts)


def words(node: ast.expr | None) -> Iterator[str]:
    """The constant texts an expression can give: itself, or either side of a choice."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from words(node.body)
        yield from words(node.orelse)


@cache
def codes() -> frozenset[str]:
    """Every stable word that an error, a failed node or a problem of a drawing may carry, read from the source."""
    found: set[str] = set(PROBLEM_CODES)
    for path in modules("app", "runner", "providers"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code":
                found |= set(words(node.value))
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(t, ast.Name) and t.id == "code" for t in targets):
                    found |= set(words(node.value))
            elif isinstance(node, ast.FunctionDef) and node.name == "check":
                # A kind's own check answers (field, code, detail).
                rows = [t for t in ast.walk(node) if isinstance(t, ast.Tuple) and len(t.elts) == 3]
                found |= {word for row in rows for word in words(row.elts[1])}
    roots = {getattr(kind, "code", None) for kind in STATUS}
    found |= {word for word in roots if isinstance(word, str)}
    return frozenset(word for word in found if _CODE.fullmatch(word)) | {"not-found", "method-not-allowed"}


@cache
def event_kinds() -> frozenset[str]:
    """Every kind of line a run's history can hold, read from the source; the states are spelt by an f-string there."""
    parked = {s.lower() for s in get_args(get_type_hints(Suspend)["state"]) if s is not NodeState.RUNNING}
    ended = {s.lower() for s in (NodeState.COMPLETED, NodeState.FAILED, NodeState.TIMED_OUT)}
    found = {f"node.{word}" for word in parked | ended} | {"log", "end"}
    # The audit log's words for what people do are no lines of a run.
    audited = re.compile(r"""record\(\s*\w+,\s*\w+,\s*"[^"]*"|"\w+": "run\.\w+",""")
    for path in modules("runner"):
        text = audited.sub("", path.read_text())
        found |= set(re.findall(r"""['"]((?:run|node|callback)\.[a-z]+(?:_[a-z]+)*)['"]""", text))
    return frozenset(kind for kind in found if kind not in ("run.id",))


# ---------------------------------------------------------------- entries


def test_every_setting_has_its_row() -> None:
    need(
        (PREFIX + name.upper() for name in Settings.model_fields),
        text_of("reference/settings.md"),
        "settings.md",
    )


def test_every_documented_setting_exists() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for page in PAGES:
        named = set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", page.read_text()))
        assert named <= known, f"{page.relative_to(ROOT)} names settings that do not exist: {named - known}"


@pytest.mark.parametrize("kind", list(catalogue()))
def test_every_kind_of_node_has_its_section_and_every_field_its_row(kind: str) -> None:
    text, model = text_of("reference/nodes.md"), catalogue()[kind].config_model
    own = section(text, kind)
    assert own, f"nodes.md has no section for {kind}"
    names = {field.alias or name: name for name, field in model.model_fields.items()}
    need((n for n, name in names.items() if name not in NodeConfig.model_fields), own, f"nodes.md, {kind},")


def test_every_field_that_all_kinds_share_has_its_row() -> None:
    shared = (field.alias or name for name, field in NodeConfig.model_fields.items())
    need(shared, section(text_of("reference/nodes.md"), "Every node"), "nodes.md, Every node,")


def test_every_operator_and_filter_has_its_entry() -> None:
    need(get_args(Operator), section(text_of("reference/nodes.md"), "Condition"), "nodes.md, Condition,")
    need(FILTERS, text_of("reference/templates.md"), "templates.md")


def test_every_problem_code_has_its_row() -> None:
    need(codes(), text_of("reference/problems.md"), "problems.md")


def test_every_documented_problem_code_exists() -> None:
    named = {word for word in entries(text_of("reference/problems.md")) if _CODE.fullmatch(word)}
    assert not missing(named, set(codes())), (
        f"problems.md names codes that do not exist: {missing(named, set(codes()))}"
    )


def test_every_kind_of_event_has_its_row() -> None:
    need(event_kinds(), text_of("reference/events.md"), "events.md")


def test_every_state_has_its_row() -> None:
    need([*NodeState, *RunState, *ExecutionState], text_of("reference/states.md"), "states.md")


def test_every_route_and_role_has_its_row() -> None:
    text = text_of("reference/api.md")
    calls = [
        f"{method} {route.path}"
        for route in api_routes()
        for method in sorted((route.methods or set()) - {"HEAD"})
        if isinstance(route.endpoint, Operation)
    ]
    need([call.replace("/api/v1", "").replace(":path", "") for call in calls], text, "api.md")
    need(Role, text, "api.md")


@pytest.mark.parametrize("provider", discover().names)
def test_every_credential_of_every_provider_has_its_row(provider: str) -> None:
    kind = discover()[provider]
    page = DOCS / "how-to" / f"connect-{kind.name}.md"
    assert page.is_file(), f"docs/how-to has no connect-{kind.name}.md"
    fields = (field.alias or name for name, field in kind.connection_model.model_fields.items())
    need(fields, page.read_text(), page.name)


# ---------------------------------------------------------------- links and examples


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    dead: list[str] = []
    for target in _LINK.findall(prose(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            dead.append(target)
    assert not dead, f"{page.relative_to(ROOT)} links to nothing: {', '.join(dead)}"


@cache
def anchors(page: Path) -> frozenset[str]:
    """The headings of a page as links spell them: lower case, spaces as hyphens, other signs gone."""
    headings = (line.lstrip("# ") for line in prose(page.read_text()).splitlines() if line.startswith("#"))
    return frozenset(re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_json_example_parses(page: Path) -> None:
    for language, body in _FENCE.findall(page.read_text()):
        if language == "json":
            json.loads(body)


def test_every_page_can_be_reached_from_the_index() -> None:
    seen: set[Path] = set()
    queue = [ROOT / "README.md"]
    while queue:
        page = queue.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        queue += [
            (page.parent / target.partition("#")[0]).resolve() for target in _LINK.findall(page.read_text())
        ]
    lost = [p.relative_to(ROOT).as_posix() for p in DOCS.rglob("*.md") if p.resolve() not in seen]
    assert not lost, f"no link leads to: {', '.join(sorted(lost))}"


@pytest.mark.parametrize(
    ("page", "base"), [("how-to/write-a-provider.md", Provider), ("how-to/write-a-node.md", Node)]
)
def test_the_examples_of_code_are_complete(page: str, base: type) -> None:
    """They run as they stand, and define a class that can be made: nothing abstract is left."""
    (code,) = (body for language, body in _FENCE.findall(text_of(page)) if language == "python")
    found: dict[str, object] = {"__name__": "example"}
    exec(compile(code, page, "exec"), found)  # our own text, out of our own repository
    made = [v for v in found.values() if isinstance(v, type) and issubclass(v, base) and v is not base]
    assert len(made) == 1 and not getattr(made[0], "__abstractmethods__", None)


def test_every_test_that_a_guarantee_names_exists() -> None:
    text, file, lost = text_of("guarantees.md"), "", list[str]()
    for named in re.findall(r"`((?:\w+/\w+\.py|…)(?:::\w+)?)`", text):
        path, _, function = named.partition("::")
        file = file if path == "…" else path
        source = ROOT / "tests" / file
        if not source.is_file() or (function and f"def {function}(" not in source.read_text()):
            lost.append(named)
    assert not lost, f"guarantees.md names tests that do not exist: {', '.join(lost)}"


# ---------------------------------------------------------------- commands


def commands(
    of: argparse.ArgumentParser, name: str = "baton"
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that can be called, with its parser; groups such as `baton keys` are only on the way."""
    actions: Any = of._actions
    groups = [action for action in actions if isinstance(action.choices, dict)]
    for group in groups:
        for word, child in group.choices.items():
            yield from commands(child, f"{name} {word}")
    if not groups:
        yield name, of


def options(of: argparse.ArgumentParser) -> set[str]:
    actions: Any = of._actions
    return {word for action in actions for word in action.option_strings if word.startswith("--")} - {
        "--help"
    }


def test_every_command_and_option_has_its_row() -> None:
    text = text_of("reference/cli.md")
    known = dict(commands(parser()))
    need(known, text, "cli.md")
    need({word for command in known.values() for word in options(command)}, text, "cli.md")


def test_every_command_in_the_examples_exists() -> None:
    known, wrong = dict(commands(parser())), list[str]()
    for page, line in shell_lines():
        if line[0].removeprefix(".venv/bin/") != "baton":
            continue
        name = next(
            (" ".join(["baton", *line[1:n]]) for n in (3, 2) if " ".join(["baton", *line[1:n]]) in known), ""
        )
        given = {word.partition("=")[0] for word in line if word.startswith("--")}
        if not name or given - options(known[name]):
            wrong.append(f"{page}: {' '.join(line)}")
    assert not wrong, f"these commands do not exist: {'; '.join(wrong)}"


def shell_lines() -> Iterator[tuple[str, list[str]]]:
    """Every command line of every `sh` example, with its page."""
    for page in PAGES:
        for language, body in _FENCE.findall(page.read_text()):
            for line in body.replace("\\\n", " ").splitlines() if language == "sh" else ():
                for part in re.split(r"\s*[|&;]+\s*|\$\(|\)", line):
                    try:
                        split = shlex.split(part, comments=True)
                    except ValueError:
                        continue  # a piece of a quoted text
                    if split:
                        yield page.relative_to(ROOT).as_posix(), split


def test_the_bootstrap_knows_the_commands_of_the_readme() -> None:
    from app.__main__ import USAGE

    named = [words for _, words in shell_lines() if words[:3] == ["python3", "-m", "app"]]
    assert ["python3", "-m", "app"] in named
    assert ["python3", "-m", "app", "test"] in named
    for command in named:
        for word in command[3:]:
            assert word in USAGE, f"{' '.join(command)}: {word} is not in the usage"
