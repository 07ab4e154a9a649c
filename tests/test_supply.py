"""What we build on is pinned by hash, new enough, and listed whole (threats T34)."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {"starlette": "1.3.1", "python-multipart": "0.0.26", "jinja2": "3.1.6"}
"""Below these there are known holes in what we use of them."""


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("supply", ROOT / ".ci" / "supply.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["supply"] = module
    spec.loader.exec_module(module)
    return module


supply: Any = load()
LOCKS = {name: (ROOT / name).read_text() for name in supply.LOCKS}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_by_hash(name: str) -> None:
    found = supply.packages(LOCKS[name])
    assert len(found) > 30
    assert [each.name for each in found if not each.hashes] == []
    assert "://" not in LOCKS[name] and "--index" not in LOCKS[name] and "--find-links" not in LOCKS[name]


@pytest.mark.parametrize("name", LOCKS)
def test_no_package_is_older_than_its_floor(name: str) -> None:
    found = {each.name: each.version for each in supply.packages(LOCKS[name])}
    assert {"starlette", "jinja2"} <= found.keys()  # python-multipart is not among what we use
    old = [each for each, floor in FLOORS.items() if numbers(found.get(each, floor)) < numbers(floor)]
    assert old == []


def test_a_line_that_pins_nothing_is_refused() -> None:
    for line in ("starlette>=1.0", "git+https://example.org/x", "./x", "-r other.txt"):
        with pytest.raises(ValueError, match="not a pinned package"):
            supply.packages(line)


def test_the_screens_are_pinned_by_hash() -> None:
    lock: dict[str, Any] = json.loads((ROOT / "ui" / "package-lock.json").read_text())
    packages: dict[str, Any] = {name: each for name, each in lock["packages"].items() if name}
    assert len(packages) > 100
    assert [
        name for name, each in packages.items() if not each.get("integrity") and not each.get("inBundle")
    ] == []


def test_what_is_listed_is_what_is_locked(tmp_path: Path) -> None:
    assert supply.sbom(tmp_path) == 0
    bom: dict[str, Any] = json.loads((tmp_path / "baton-python.cdx.json").read_text())
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.5")
    listed = {(each["name"], each["version"]) for each in bom["components"]}
    assert listed == {(each.name, each.version) for each in supply.packages(LOCKS["requirements.lock"])}
    screens: dict[str, Any] = json.loads((tmp_path / "baton-ui.cdx.json").read_text())
    assert screens["bomFormat"] == "CycloneDX"
    assert {"react", "react-dom"} <= {each["name"] for each in screens["components"]}


ONE: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
HOLE: dict[str, Any] = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1"}]}
SKIPPED: dict[str, Any] = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("answer", "ok", "says"),
    [
        ("", None, "no advisory service can be reached"),
        ("<html>", None, "no advisory service can be reached"),
        ("{}", None, "no advisory service can be reached"),
        (json.dumps({"dependencies": [SKIPPED, SKIPPED]}), None, "knows 2 of 2 packages"),
        (json.dumps({"dependencies": [ONE, ONE, SKIPPED]}), True, "no advisory for 2 packages, 1 not known"),
        (json.dumps({"dependencies": [ONE, HOLE]}), False, "b 2: CVE-1"),
        (json.dumps({"dependencies": [SKIPPED, SKIPPED, HOLE]}), False, "b 2: CVE-1"),
    ],
)
def test_pip_audit_is_understood(answer: str, ok: bool | None, says: str) -> None:
    verdict = supply.told_by_pip(answer)
    assert (verdict.ok, says in verdict.words) == (ok, True), verdict


@pytest.mark.parametrize(
    ("answer", "ok", "says"),
    [
        ("", None, "no advisory service can be reached"),
        (json.dumps({"error": {"code": "ENOTFOUND"}}), None, "no advisory service can be reached"),
        (
            json.dumps({"metadata": {"vulnerabilities": {"total": 0}, "dependencies": {"total": 7}}}),
            True,
            "no advisory for 7 packages",
        ),
        (
            json.dumps({"vulnerabilities": {"x": {"severity": "high"}}, "metadata": {"vulnerabilities": {"total": 1}}}),
            False,
            "x (high)",
        ),
    ],
)  # fmt: skip
def test_npm_audit_is_understood(answer: str, ok: bool | None, says: str) -> None:
    verdict = supply.told_by_npm(answer)
    assert (verdict.ok, says in verdict.words) == (ok, True), verdict


def test_a_service_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "SECONDS", 0.3)
    assert supply._bounded([sys.executable, "-c", "import time; time.sleep(60)"]) is None
