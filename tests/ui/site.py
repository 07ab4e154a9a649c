"""The whole product for the browser tests: the screens built from what is in `ui/src` now, web, engine and sandbox platforms
in one process of their own, on a database of its own.

By hand, to look at it: `.venv/bin/python -m tests.ui.site [PORT]`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, StorageState

from tests.conftest import ROOM

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 50
_SERVE = """
import sys
from pathlib import Path
import app.screens
app.screens.PLACES = (Path(sys.argv[1]),)
from app.cli import main
sys.argv = ["baton", "serve", *sys.argv[2:]]
sys.exit(main())
"""


_CODE = """
import asyncio, os, sys
from app.cli.opening import opened
from app.parts import database_url
from app.settings import Settings
from runner.database import Database
from runner.model import Role
from runner.store.access import Access

async def main():
    async with opened(Settings.from_env(os.environ)) as found:
        database = Database(database_url(found.settings))
        print(await Access(database).create_code(subject=sys.argv[1], role=Role(sys.argv[2])))
        await database.aclose()

asyncio.run(main())
"""


@dataclass(frozen=True)
class Product:
    """`code` signs in once. `sample` is the id of the sample chain; "" where there is none."""

    url: str
    code: str
    sample: str
    folder: Path
    log: Path


def code_for(product: Product, subject: str, role: str) -> str:
    """A code that signs in somebody else. Made in a process of its own: the browser has this one's loop."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(product.folder)}
    made = subprocess.run(
        [sys.executable, "-c", _CODE, subject, role],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def session_of(browser: Browser, product: Product) -> StorageState:
    """The cookies of whoever signs in with the product's code, which is then spent."""
    context = browser.new_context(base_url=product.url)
    page = context.new_page()
    page.goto(f"/sign-in?code={product.code}")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{product.url}/")
    state = context.storage_state()
    context.close()
    return state


def build_screens(out: Path) -> None:
    """Into a folder of our own: two test runs, or an edit meanwhile, do not disturb each other."""
    spec = importlib.util.spec_from_file_location("build_hook", ROOT / "ui" / "build_hook.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.build(out=out)


@contextmanager
def running(port: int = 0, *, sandbox: bool = True, **settings: str) -> Generator[Product]:
    """Up when the block begins, gone with everything it kept when it ends. Without `sandbox` nothing is connected. `settings` are
    further variables."""
    with tempfile.TemporaryDirectory(prefix="baton-ui-", dir=ROOM) as name:
        folder = Path(name)
        build_screens(folder / "dist")
        log = folder / "log"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": name,
            "BATON_PORT": str(port),
            "BATON_SECRET_ENV": "N8N_KEY",
            "N8N_KEY": "sandbox-n8n-key",
            **settings,
        }
        with log.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, str(folder / "dist"), *(["--sandbox"] if sandbox else [])],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            url, code, sample = _said(process, log, sandbox=sandbox)
            yield Product(url, code, sample, folder, log)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _said(process: subprocess.Popen[str], log: Path, *, sandbox: bool) -> tuple[str, str, str]:
    assert process.stdout is not None
    text, deadline = "", time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not select.select([process.stdout], [], [], 0.2)[0]:
            continue
        piece = os.read(process.stdout.fileno(), 4096)  # past the buffer, which select does not see
        text += piece.decode()
        address = re.search(r"(http://\S+)/sign-in\?code=(\S+)", text)
        sample = re.search(r" run (\S+) --follow", text)
        if address and (sample or not sandbox):
            return address[1], address[2], sample[1] if sample else ""
        if not piece:
            break
    raise RuntimeError(f"the product did not start:\n{text}\n{log.read_text()}")


if __name__ == "__main__":
    with running(int(sys.argv[1]) if sys.argv[1:] else 0) as product:
        print(f"{product.url}/sign-in?code={product.code}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("Stopping.")
