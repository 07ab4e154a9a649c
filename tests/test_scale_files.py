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


def test_nothing_shipped_may_write_beside_its_data() -> None:
    compose = (FOLDER / "compose.yaml").read_text()
    ours, proxy = compose.partition("\nservices:")[0], compose.partition("\n  proxy:")[2]
    assert "\n  read_only: true\n" in ours and "\n    read_only: true\n" in proxy
    for unit in FOLDER.glob("*.service"):
        assert "\nProtectSystem=strict\n" in unit.read_text(), unit.name


def test_the_proxy_that_is_trusted_is_the_one_that_is_shipped() -> None:
    """The network of the services, and nothing wider: a network that clients are in would let them choose their address."""
    compose = (FOLDER / "compose.yaml").read_text()
    trusted = re.findall(r"BATON_TRUSTED_PROXIES: (\S+)", compose)
    assert trusted == re.findall(r"subnet: (\S+)", compose) and len(trusted) == 1
    assert Settings.from_env({"HOME": "/x", "BATON_TRUSTED_PROXIES": trusted[0]}).trusted_proxies
    assert "BATON_TRUSTED_PROXIES=127.0.0.1" in (FOLDER.parent / "scale.md").read_text()
    assert "X-Forwarded-For" not in (FOLDER / "Caddyfile").read_text(), "Caddy sets it by itself"
