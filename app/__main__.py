"""The one door for newcomers: sets up `.venv` beside the checkout, then starts Baton or its tests.

Standard library only, and nothing of ours: it runs before anything is installed, on any Python from 3.11 on.
"""

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".baton-installed"
RUN, DEV = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")  # tests/ui/conftest.py has the same

USAGE = """\
python3 -m app [OPTION...]                 set up, then `baton serve --sandbox OPTION...`
python3 -m app test [--live] [ARGUMENT...] set up, then the tests; --live: those against real platforms; rest: pytest's
python3 -m app install                     set up only; the program is then .venv/bin/baton
"""


def main(arguments: list[str]) -> None:
    word, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if word in ("-h", "--help", "help") or (
        word and word not in ("test", "install") and not word.startswith("-")
    ):
        sys.exit(USAGE)
    if not RUN.is_file():
        sys.exit("This is an installed Baton, not a checkout: the program is `baton`.")
    os.chdir(ROOT)
    set_up(DEV if word == "test" else RUN)
    if word == "install":
        print("The program is .venv/bin/baton")
    elif word == "test":
        kind = "live" if "--live" in rest else "not live"
        if kind != "live":
            find_browser()
        rest = [argument for argument in rest if argument != "--live"]
        become(PYTHON, "-m", "pytest", "-m", kind, *rest)
    else:
        become(VENV / "bin" / "baton", "serve", "--sandbox", *arguments)


def become(program: Path, *arguments: str) -> None:
    sys.stdout.flush()
    os.execv(program, [str(program), *arguments])


def say(line: str) -> None:
    print(f"baton: {line}", file=sys.stderr, flush=True)


def find_browser() -> None:
    """The browser tests drive Debian's Chromium: it is installed where that is allowed, elsewhere they are skipped. With
    BATON_REQUIRE_BROWSER=1 there is no going on without it."""
    if any(map(shutil.which, BROWSERS)):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say("installing chromium, for the browser tests")
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        run("apt-get", "update", "-qq", may_fail=True)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", may_fail=True)
        if any(map(shutil.which, BROWSERS)):
            return
    how = "as root: apt-get install -y chromium"
    if os.environ.get("BATON_REQUIRE_BROWSER") == "1":
        sys.exit(f"baton: the browser tests need Chromium; {how}")
    say(f"no Chromium, so the browser tests are skipped; to have them, {how}")


def set_up(lock: Path) -> None:
    """Install what `lock` names, by its hashes, unless the stamp says that exactly this was done. Safe to run twice at once."""
    if installed(lock):
        return
    if not (VENV / "bin" / "python").exists():
        say(f"making .venv with Python {sys.version.split()[0]}")
        run(sys.executable, "-m", "venv", "--without-pip", "--clear", VENV)
    with one_at_a_time():
        if installed(lock):
            return
        STAMP.unlink(missing_ok=True)
        install = Installer()
        say(f"installing {lock.name}: {len(re.findall('^[^ #].*==', lock.read_text(), re.M))} packages")
        install("--require-hashes", "-r", lock.name)
        say("installing Baton itself, editable")
        install("--no-deps", "-e", ".")
        STAMP.write_text(digest(lock))


def installed(lock: Path) -> bool:
    """The packages for the tests contain those to run."""
    if not STAMP.is_file() or not PYTHON.exists():
        return False
    return STAMP.read_text() in {digest(lock), digest(DEV)}


def digest(lock: Path) -> str:
    found = hashlib.sha256(f"{lock.name} {ROOT}".encode())
    for file in (lock, RUN, ROOT / "pyproject.toml"):
        found.update(file.read_bytes())
    return found.hexdigest()


@contextmanager
def one_at_a_time() -> Generator[None]:
    with (VENV / ".baton-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Installer:
    """`pip install` into .venv: uv where there is one or pip can fetch it, else pip.

    A pip comes from the environment, from ensurepip, or from the Python that runs this, which Debian would not let
    install into itself (externally managed) but into an environment it may.
    """

    def __init__(self) -> None:
        self.uv = shutil.which("uv", path=f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
        if self.uv is None:
            self.pip = self.find_pip()
            self.uv = self.fetch_uv()

    def __call__(self, *arguments: str) -> None:
        if self.uv is not None:
            if not run(self.uv, "pip", "install", "--quiet", "--python", PYTHON, *arguments, may_fail=True):
                return
            say("uv did not succeed (see above); trying pip")
            self.uv, self.pip = None, self.find_pip()
        run(*self.pip, "install", "--quiet", "--disable-pip-version-check", *arguments)

    def find_pip(self) -> list[str]:
        inside = [str(PYTHON), "-m", "pip"]
        if not run(*inside, "--version", may_fail=True, quiet=True):
            return inside
        if importlib.util.find_spec("ensurepip"):
            say("adding pip to .venv")
            if not run(PYTHON, "-m", "ensurepip", "--default-pip", may_fail=True, quiet=True):
                return inside
        if importlib.util.find_spec("pip"):
            return [sys.executable, "-m", "pip", "--python", str(PYTHON)]
        shutil.rmtree(VENV)
        sys.exit(
            "baton: this Python has neither pip nor ensurepip. On Debian and Ubuntu: apt install python3-venv\n"
            "baton: or get uv (https://docs.astral.sh/uv/). Then start again."
        )

    def fetch_uv(self) -> "str | None":
        """uv is a pinned line of the development lock, with its hashes; without it the set-up only takes longer."""
        found = re.search(r"^uv==(?:.*\\\n)+.*\n", DEV.read_text(), re.M)
        if found is None:
            return None
        say("fetching uv, which installs faster than pip")
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as pin:
            pin.write(found[0])
            pin.flush()
            order = (
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--require-hashes",
                "-r",
                pin.name,
            )
            failed = run(*self.pip, *order, may_fail=True, quiet=True)
        return None if failed else str(VENV / "bin" / "uv")


def run(*command: "str | Path", may_fail: bool = False, quiet: bool = False) -> int:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    output = subprocess.DEVNULL if quiet else None
    code = subprocess.run(
        [str(part) for part in command], stdout=output, stderr=output, env=environment, check=False
    ).returncode
    if code and not may_fail:
        sys.exit(f"baton: this failed with code {code}: {' '.join(str(part) for part in command)}")
    return code


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036  (whoever starts this may have an older one)
        sys.exit("Baton needs Python 3.11 or newer; this is " + sys.version.split()[0])
    main(sys.argv[1:])
