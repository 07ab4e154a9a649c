"""Makes the pictures of the documentation from the real program: `.venv/bin/python docs/pictures.py`.

Starts `baton serve --sandbox` on a free port in a folder of its own, runs the sample chain, and photographs its pages with
Chromium (Debian: `apt-get install chromium`). Chromium takes no cookie on its command line, so a proxy on loopback adds it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

IMAGES = Path(__file__).parent / "images"
BATON = (sys.executable, "-c", "import sys; from app.cli import main; sys.exit(main())")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-device-scale-factor=1",
)  # fmt: skip


class _Stay(urllib.request.HTTPRedirectHandler):
    """The answer to the sign-in is a redirect, and its cookie is what is wanted."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def main() -> None:
    browser = shutil.which("chromium") or sys.exit("There is no chromium.")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "BATON_DATA_DIR": f"{folder}/data", "BATON_PORT": "0", "LOGNAME": "you"}
        with _server(environ) as (sign_in, sample):
            done = subprocess.run(
                [*BATON, "run", sample], env=environ, capture_output=True, check=True, text=True
            )
            run = done.stderr.split()[-1]
            address = urlsplit(sign_in)
            with _signed_in(
                f"{address.scheme}://{address.netloc}", parse_qs(address.query)["code"][0]
            ) as url:
                _photograph(browser, folder, f"{url}/runs/{run}", "run.png", 1180, 930)
                _photograph(browser, folder, f"{url}/", "home.png", 1180, 900)


@contextmanager
def _server(environ: dict[str, str]) -> Generator[tuple[str, str]]:
    """The address to sign in, and the id of the sample chain."""
    with subprocess.Popen(
        [*BATON, "serve", "--sandbox"], env=environ, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            sign_in = ""
            for line in server.stdout:
                if found := re.search(r"http\S+/sign-in\?\S+", line):
                    sign_in = found[0]
                if found := re.search(r" run (\S+)", line):
                    yield sign_in, found[1]
                    break
        finally:
            server.send_signal(signal.SIGINT)


@contextmanager
def _signed_in(origin: str, code: str) -> Generator[str]:
    """The address of a proxy to `origin` that is signed in."""
    form = urllib.request.Request(f"{origin}/sign-in", urlencode({"code": code}).encode())
    try:
        urllib.request.build_opener(_Stay).open(form)
        raise RuntimeError("the sign-in did not redirect")
    except urllib.error.HTTPError as answer:
        cookie = answer.headers["set-cookie"].partition(";")[0]

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urllib.request.Request(origin + self.path, headers={"Cookie": cookie, "Accept": "*/*"})
            with urllib.request.urlopen(asked) as answer:
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["content-type"])
                self.end_headers()
                self.wfile.write(answer.read())

        def log_message(self, *_: Any, **__: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()


def _photograph(browser: str, folder: str, url: str, name: str, width: int, height: int) -> None:
    profile = tempfile.mkdtemp(dir=folder)
    command = [browser, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
    subprocess.run(
        [*command, f"--screenshot={IMAGES / name}", url], check=True, capture_output=True, timeout=60
    )
    sys.stdout.write(f"{IMAGES / name}\n")


if __name__ == "__main__":
    main()
