"""A server process under guard, the ports it listens on, and the calls that set it up."""

import http.cookiejar
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.live.platforms._cache import PlatformUnavailable, tail

GUARD = Path(__file__).with_name("_guard.py")
POLL = 0.1  # seconds between two looks at a condition

T = TypeVar("T")


class Server:
    """One server process and all it starts. Ends with `stop`, with its context, and with the process that made it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        log: Path,
        grace: float = 10,
        user: str = "",
    ) -> None:
        """Start it. `grace`: seconds from the request to end to the kill. The log file is replaced."""
        self.name = name
        self.log = log
        self._grace = grace
        log.unlink(missing_ok=True)
        guarded = [sys.executable, "-I", "-S", GUARD, str(grace), user, *command]
        with log.open("wb") as out:
            self._guard = subprocess.Popen(
                guarded,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                env=env,
                cwd="/",
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise PlatformUnavailable if it has ended by itself."""
        if self._guard.poll() is not None:
            raise PlatformUnavailable(f"{self.name} ended while starting ({self.log}):\n{tail(self.log)}")

    def stop(self) -> None:
        """Return when the process and all it started are gone. Again: nothing."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        self._guard.wait(self._grace + 30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on at this moment, all different."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in held]
    for listener in held:
        listener.close()
    return ports


def wait_for(what: str, probe: Callable[[], T | None], *, servers: Sequence[Server], timeout: float) -> T:
    """The first true answer of `probe`, within `timeout` seconds. A connection refused is "not yet".

    Raises PlatformUnavailable at the deadline or as soon as one of `servers` has ended.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            answer = probe()
        except OSError:
            answer = None
        if answer:
            return answer
        for server in servers:
            server.check()
        if time.monotonic() > deadline:
            logs = "\n".join(f"--- {server.log}\n{tail(server.log)}" for server in servers)
            raise PlatformUnavailable(f"Waited {timeout:.0f} s for {what} in vain.\n{logs}")
        time.sleep(POLL)


@dataclass(frozen=True)
class Reply:
    """An HTTP answer of any status. `body` is the parsed JSON, or the text where it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Client:
    """A JSON client that keeps cookies and knows no proxy; for setting up, and for the smoke tests."""

    def __init__(self, base_url: str, headers: Mapping[str, str] | None = None) -> None:
        self.base_url = base_url
        self.headers = dict(headers or {})
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One exchange, whatever the status. `path` may be a whole address. Raises OSError when there is no answer."""
        request = urllib.request.Request(
            path if path.startswith("http") else self.base_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **self.headers, **(headers or {})},
        )
        try:
            reply: Any = self._opener.open(request, timeout=30)
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            text = reply.read().decode("utf-8", "replace")
            try:
                parsed = json.loads(text)
            except ValueError:
                parsed = text
            return Reply(reply.status, dict(reply.headers.items()), parsed)

    def need(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The body of a 2xx answer. Raises PlatformUnavailable for any other."""
        reply = self.call(method, path, body, headers)
        if not 200 <= reply.status < 300:
            raise PlatformUnavailable(
                f"{method} {self.base_url}{path} answered {reply.status}: {str(reply.body)[:400]}"
            )
        return reply.body
