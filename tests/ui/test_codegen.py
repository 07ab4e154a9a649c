"""The types of the web app are those of the API that is served, and its lock can be installed anywhere."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

from tests.ui.site import ROOT

UI = ROOT / "ui"


def test_the_types_were_made_from_the_api_that_is_served() -> None:
    spec = importlib.util.spec_from_file_location("codegen", UI / "codegen.py")
    assert spec is not None and spec.loader is not None
    codegen = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(codegen)
    written = codegen.TYPES.read_text()
    assert written.startswith(codegen.head(codegen.openapi())), "run .venv/bin/python ui/codegen.py"


def test_the_lock_names_no_host_and_every_platform() -> None:
    lock: dict[str, dict[str, Any]] = json.loads((UI / "package-lock.json").read_text())["packages"]
    names = {key.rsplit("node_modules/", 1)[1] for key in lock if key}
    assert not [key for key, value in lock.items() if "resolved" in value]
    missing = [
        (key, o)
        for key, value in lock.items()
        for o in value.get("optionalDependencies", {})
        if o not in names
    ]
    assert not missing, "lock with `npm install --package-lock-only` and no node_modules"
    assert all("integrity" in value or value.get("inBundle") for key, value in lock.items() if key)


def test_every_version_is_exact() -> None:
    package = json.loads((UI / "package.json").read_text())
    ranges = {**package["dependencies"], **package["devDependencies"]}
    assert all(version[0].isdigit() for version in ranges.values()), ranges
