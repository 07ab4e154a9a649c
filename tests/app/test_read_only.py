"""Nothing is written but in the data folder and /tmp (threats T6), and no name that somebody sends is a path."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import screens
from runner.model import Role
from tests.app.test_auth import TABLE, filled
from tests.factories import KEY, Site, waiting_graph

ROOT = Path(__file__).resolve().parents[2]
API = "/api/v1/orchestrator"

# The tree of this machine once more, read-only, with a /tmp of its own and the data folder ($2) at /tmp/data. A checkout ($3) that
# lies in /tmp is put there again.
SEALED = r"""
set -e
mount --make-rprivate /
mount --rbind / "$1"
mount -o remount,bind,ro "$1"
mount -t tmpfs tmpfs "$1/tmp"
chmod 1777 "$1/tmp"
mkdir "$1/tmp/data"
mount --bind "$2" "$1/tmp/data"
case "${3-}" in /tmp/*) mkdir -p "$1$3"; mount --bind "$3" "$1$3"; mount -o remount,bind,ro "$1$3";; esac
"""
PATHS = "/usr/sbin:/usr/bin:/sbin:/bin"
INSIDE = r"""
if touch /was-here /usr/was-here "$HOME/was-here" "$0/was-here" 2>/dev/null; then echo "not sealed"; exit 9; fi
cd "$0"; exec "$@"
"""
BATON = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"


def why_not(folder: Path) -> str | None:
    """Why this machine cannot seal a tree; None: it can."""
    if not (unshare := shutil.which("unshare", path=PATHS)) or not shutil.which("chroot", path=PATHS):
        return "there is no unshare or chroot"
    new, data = folder / "try", folder / "try-data"
    new.mkdir()
    data.mkdir()
    tried = subprocess.run(
        [unshare, "-m", "sh", "-c", SEALED, "sh", str(new), str(data)],
        env={"PATH": PATHS},
        capture_output=True,
        text=True,
        check=False,
    )
    return None if tried.returncode == 0 else f"mount namespaces are not allowed here: {tried.stderr.strip()}"


@asynccontextmanager
async def sealed(folder: Path, data: Path, *command: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """`baton COMMAND` on a read-only tree. The command's own environment is nothing but what it needs."""
    (new := folder / "tree").mkdir(exist_ok=True)
    script = f'{SEALED}\nnew=$1; shift 2; exec chroot "$new" sh -c \'{INSIDE}\' "$@"'
    process = await asyncio.create_subprocess_exec(
        "unshare", "-m", "sh", "-c", script, "sh", str(new), str(data), str(ROOT), sys.executable, "-c", BATON, *command,
        env={"PATH": PATHS, "HOME": "/root", "BATON_DATA_DIR": "/tmp/data", "BATON_PORT": "0"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


@pytest.mark.timeout(180)
async def test_the_product_runs_on_a_read_only_tree(tmp_path: Path) -> None:
    """A sign-in, a run with a template, a callback, an export, a stop; and what it logs is JSON, since nobody sits there."""
    if (why := await asyncio.to_thread(why_not, tmp_path)) is not None:
        pytest.skip(why)
    data = tmp_path / "data"
    data.mkdir()
    async with sealed(tmp_path, data, "--verbose", "serve") as process:
        assert process.stdout is not None and process.stderr is not None
        reading = asyncio.create_task(process.stderr.read())
        address = None
        while address is None:
            line = (await process.stdout.readline()).decode()
            assert line, (await reading).decode()
            address = re.search(r"(http://127\.0\.0\.1:\d+)/sign-in\?code=(\S+)", line)
        async with httpx.AsyncClient(base_url=address[1], trust_env=False, timeout=60) as client:
            client.headers["Sec-Fetch-Site"] = "same-origin"
            assert (await client.post("/sign-in", data={"code": address[2]})).status_code == 303
            definition = waiting_graph().model_dump(mode="json", by_alias=True)
            made = await client.post(API, json={"name": "sealed", "definition": definition})
            assert made.status_code == 201, made.text
            rendered = await client.post(f"{API}/render", json={"value": "{{ 1 + 1 }}", "context": {}})
            assert rendered.status_code == 200, rendered.text
            run = (await client.post(f"{API}/{made.json()['id']}/run", json={})).json()
            url: str | None = None
            while url is None:
                found = (await client.get(f"{API}/runs/{run['id']}")).json()
                assert found["status"] in ("PENDING", "RUNNING", "WAITING"), found
                url = next((each["callbackUrl"] for each in found["waiting"]), None)
            assert (await client.post(url, json={"ok": True})).status_code == 202
            stream = await client.get(f"{API}/runs/{run['id']}/events")
            assert stream.text.rstrip().endswith('{"status":"COMPLETED"}')
            exported = await client.get("/api/v1/audit/export", params={"format": "csv"})
            assert exported.status_code == 200 and "session.opened" in exported.text, exported.text[:300]
        process.send_signal(signal.SIGTERM)
        logged = (await reading).decode()
        assert await process.wait() == 0, logged
    lines: list[dict[str, Any]] = [json.loads(line) for line in logged.splitlines()]
    assert any(each["event"] == "request answered" and each["status"] == 202 for each in lines)
    assert not [each for each in lines if each["level"] in ("warning", "error")]
    assert "Read-only" not in logged
    assert (data / "secret-keys").is_file()


@pytest.mark.timeout(120)
async def test_with_its_own_database_and_keys_not_even_the_data_folder_is_written(
    database_url: str, tmp_path: Path
) -> None:
    """As the shipped containers run. The data folder is where nobody can write."""
    gone = tmp_path / "file" / "data"
    (tmp_path / "file").write_text("no folder")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BATON, "serve", "--no-engine", cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/proc", "BATON_DATA_DIR": str(gone), "BATON_PORT": "0",
             "BATON_DATABASE_URL": database_url, "BATON_SECRET_KEYS": f"{KEY.id}:{KEY.key.get_secret_value()}"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert b"Baton runs at" in await process.stdout.readline()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        _, logged = await process.communicate()
    assert (process.returncode, logged) == (0, b""), logged


NAMES = (
    "..", "../x", "..%2fx", "%2e%2e/x", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5cx", "....//x", "%252e%252e%252fx",
    "%00", "x%00.js", "..%00", "%2fetc%2fpasswd", "//etc/passwd", "%c0%ae%c0%ae/x", "..;/x", "C:%5cx", "~root", "-rf",
    "index.html", ".env", "x" * 5000,
)  # fmt: skip


async def test_no_name_of_an_asset_leads_out_of_its_folder(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, secret = tmp_path / "build", "canary of the operator"
    (build / "assets").mkdir(parents=True)
    (build / "assets" / "ok.js").write_text("fine")
    for place in (build / "index.html", build / "x", build / "assets" / ".env", tmp_path / "x"):
        place.write_text(secret)
    monkeypatch.setattr(screens, "PLACES", (build,))
    assert (await site.anonymous.get("/assets/ok.js")).text == "fine"
    for name in NAMES:
        for path in (f"/assets/{name}", f"/assets/ok.js/{name}", f"/{name}"):
            answer = await site.anonymous.request("GET", f"{site.url}{path}")
            assert answer.status_code in (401, 404, 303), (path, answer.status_code)
            assert secret not in answer.text


async def test_no_route_takes_a_path_for_a_name(site: Site) -> None:
    """In the place of every id, name and rest of a path: not found, refused or empty, and never a fault."""
    tried = 0
    for (method, path), least in TABLE.items():
        if "{" not in path or path.endswith("/events"):
            continue
        headers = {} if least is None else site.bearer(Role.ADMIN)
        for name in NAMES:
            odd = re.sub(r"\{[^}]+\}", lambda _, name=name: name, path, count=1)
            body: dict[str, Any] | None = None if method == "GET" else {}
            answer = await site.anonymous.request(method, site.url + filled(odd), headers=headers, json=body)
            assert answer.status_code < 500, (method, odd, answer.text)
            assert "root:" not in answer.text
            tried += 1
    assert tried > 500
