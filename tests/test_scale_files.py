"""The files of docs/how-to/scale say what the product understands: commands, settings, paths."""

from __future__ import annotations

import re
from pathlib import Path

from app.cli import parser
from app.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "how-to" / "scale"


def test_every_setting_is_one_of_ours() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for file in FOLDER.iterdir():
        used = set(re.findall(rf"\b{PREFIX}[A-Z_]+", file.read_text()))
        assert used <= known, (file.name, used - known)


def test_every_command_is_one_of_ours() -> None:
    compose = (FOLDER / "compose.yaml").read_text()
    commands = [
        re.findall(r'"([^"]+)"', found) for found in re.findall(r"^\s+command: \[(.+)\]", compose, re.M)
    ]
    units = [file.read_text() for file in FOLDER.glob("*.service")]
    commands += [
        found.split() for unit in units for found in re.findall(r"^ExecStart=\S+/baton (.+)$", unit, re.M)
    ]
    assert len(commands) == 4
    for command in commands:
        parser().parse_args(command)


def test_the_image_is_built_from_where_the_file_says() -> None:
    compose = (FOLDER / "compose.yaml").read_text()
    context = FOLDER / str(re.findall(r"context: (\S+)", compose)[0])
    assert (context / "pyproject.toml").exists()
    assert (context / str(re.findall(r"dockerfile: (\S+)", compose)[0])).exists()
    assert "\n:8080 {" in "\n" + (FOLDER / "Caddyfile").read_text() and ":8080" in compose
