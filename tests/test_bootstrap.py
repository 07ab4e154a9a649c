"""`python3 -m app`, in a made-up checkout with an empty environment: what it runs, in what order, and that it runs once.

The installers are a recording `uv` and Python's own pip on an empty lock, so nothing is downloaded.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Records its arguments; instead of installing, it leaves the two programs that the bootstrap becomes.
UV = """#!/bin/sh
echo "$@" >> "$HOME/uv.log"
[ -e "$HOME/uv-is-broken" ] && exit 2
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo 'import sys; print("pytest", *sys.argv[1:])' > "$site/pytest.py"
printf '#!/bin/sh\\necho baton "$@"\\n' > .venv/bin/baton && chmod +x .venv/bin/baton
"""

# A build backend of nothing, for the pip path.
BACKEND = """
import zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/baton-0-py3-none-any.whl", "w") as wheel:
        info = "baton-0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: baton\\nVersion: 0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("baton_program.py", "import sys\\ndef main(): print('baton', *sys.argv[1:])\\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\\nbaton = baton_program:main\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return "baton-0-py3-none-any.whl"
"""

Bootstrap = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with empty locks."""
    made = tmp_path / "checkout"
    (made / "app").mkdir(parents=True)
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(ROOT / "app" / name, made / "app")
    (made / "requirements.lock").write_text("# nothing\n")
    (made / "requirements-dev.lock").write_text("# nothing, for tests\n")
    (made / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "baton"\nversion = "0"\n'
    )
    (made / "backend.py").write_text(BACKEND)
    return made


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, text in (("uv", UV), ("chromium", "#!/bin/sh\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def bootstrap(checkout: Path, tools: Path, tmp_path: Path) -> Bootstrap:
    def run(*arguments: str, start: tuple[str, ...] = ("-m", "app")) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{tools}{os.pathsep}{os.defpath}", "HOME": str(tmp_path)}
        command = [getattr(sys, "_base_executable", sys.executable), *start, *arguments]
        return subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_the_first_start_sets_up_and_the_second_only_starts(
    bootstrap: Bootstrap, checkout: Path, tmp_path: Path
) -> None:
    first = bootstrap("--port", "9000")
    assert first.stdout == "baton serve --sandbox --port 9000\n", first.stderr
    assert [line.split()[1] for line in first.stderr.splitlines()] == ["making", "installing", "installing"]
    calls = (tmp_path / "uv.log").read_text().splitlines()
    assert len(calls) == 2
    assert calls[0].endswith("--require-hashes -r requirements.lock")
    assert calls[1].endswith("--no-deps -e .")

    second = bootstrap()
    assert (second.stdout, second.stderr) == ("baton serve --sandbox\n", "")
    (checkout / "requirements.lock").write_text("# something else\n")
    assert "installing requirements.lock" in bootstrap("install").stderr


def test_the_tests_have_their_own_lock_which_contains_the_other(bootstrap: Bootstrap) -> None:
    first = bootstrap("test", "tests/app", "-k", "x")
    assert first.stdout == "pytest -m not live tests/app -k x\n", first.stderr
    assert "installing requirements-dev.lock" in first.stderr
    live = bootstrap("test", "--live", "-q")
    assert (live.stdout, live.stderr) == ("pytest -m live -q\n", "")
    assert bootstrap().stderr == ""


# On a machine of its own: no browser but what the recording `apt-get` installs, and `user` is who starts it.
MACHINE = """
import os, runpy, shutil, sys
real = shutil.which
def which(name, *rest, **more):
    found = real(name, *rest, **more)
    return None if "chrom" in name and not os.path.exists(os.environ["HOME"] + "/has-chromium") else found
shutil.which = which
os.geteuid = lambda: {user}
sys.argv[0] = "app"
runpy.run_module("app", run_name="__main__", alter_sys=True)
"""
APT = """#!/bin/sh
echo "$@" "$DEBIAN_FRONTEND" >> "$HOME/apt.log"
[ "$1" = install ] && [ ! -e "$HOME/apt-is-broken" ] && touch "$HOME/has-chromium"
exit 0
"""


def machine(user: int, tools: Path) -> tuple[str, ...]:
    (tools / "apt-get").write_text(APT)
    (tools / "apt-get").chmod(0o755)
    return "-c", MACHINE.replace("{user}", str(user))


def test_root_gets_the_browser_of_the_tests(bootstrap: Bootstrap, tools: Path, tmp_path: Path) -> None:
    found = bootstrap("test", "-q", start=machine(0, tools))
    assert found.stdout == "pytest -m not live -q\n", found.stderr
    assert "installing chromium" in found.stderr
    assert (tmp_path / "apt.log").read_text().splitlines() == [
        "update -qq noninteractive",
        "install -y -qq --no-install-recommends chromium noninteractive",
    ]
    again = bootstrap("test", start=machine(0, tools))
    assert again.stderr == "" and len((tmp_path / "apt.log").read_text().splitlines()) == 2


def test_without_a_browser_its_tests_are_skipped_and_one_line_says_so(
    bootstrap: Bootstrap, tools: Path, tmp_path: Path
) -> None:
    (tmp_path / "apt-is-broken").touch()
    for user in (1000, 0):
        found = bootstrap("test", start=machine(user, tools))
        assert found.stdout == "pytest -m not live\n", found.stderr
        (line,) = [line for line in found.stderr.splitlines() if "skipped" in line]
        assert line.endswith("as root: apt-get install -y chromium")
        assert (tmp_path / "apt.log").exists() == (user == 0)
    live = bootstrap("test", "--live", start=machine(1000, tools))
    assert (live.stdout, live.stderr) == ("pytest -m live\n", "")


def test_a_required_browser_is_not_done_without(bootstrap: Bootstrap, tools: Path) -> None:
    kind, program = machine(1000, tools)
    required = f"import os; os.environ['BATON_REQUIRE_BROWSER'] = '1'\n{program}"
    found = bootstrap("test", start=(kind, required))
    assert found.returncode == 1 and found.stdout == ""
    assert found.stderr.splitlines()[-1].endswith("apt-get install -y chromium")


def test_an_interrupted_set_up_is_done_again(bootstrap: Bootstrap, tmp_path: Path, tools: Path) -> None:
    (tools / "uv").write_text("#!/bin/sh\nkill -9 $PPID\n")
    assert bootstrap("install").returncode == -9
    (tools / "uv").write_text(UV)
    assert bootstrap().stdout == "baton serve --sandbox\n"


def test_pip_takes_over_where_uv_does_not_succeed(bootstrap: Bootstrap, tmp_path: Path) -> None:
    (tmp_path / "uv-is-broken").touch()
    found = bootstrap()
    if "apt install python3-venv" in found.stderr:
        pytest.skip("this Python has neither pip nor ensurepip")
    assert "uv did not succeed" in found.stderr
    assert found.stdout == "baton serve --sandbox\n", found.stderr


def test_a_python_without_any_installer_gets_one_sentence(
    bootstrap: Bootstrap, checkout: Path, tools: Path
) -> None:
    (tools / "uv").unlink()
    bare = """
import importlib.util as util, runpy
real = util.find_spec
util.find_spec = lambda name, *rest: None if name in ("pip", "ensurepip") else real(name, *rest)
runpy.run_module("app", run_name="__main__", alter_sys=True)
"""
    found = bootstrap("install", start=("-c", bare))
    assert found.returncode == 1
    assert "apt install python3-venv" in found.stderr
    assert "Traceback" not in found.stderr
    assert not (checkout / ".venv").exists()


def test_a_word_it_does_not_know_gets_the_usage(bootstrap: Bootstrap) -> None:
    assert "python3 -m app test" in bootstrap("tset").stderr


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.M))


def test_the_locks_hold_hashes_and_no_place() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert re.findall(r"https?:|file:|@ |--(?:extra-)?index|find-links", text) == []
        entries = re.split(r"\n(?=[a-z0-9])", text)
        assert all("--hash=sha256:" in entry for entry in entries), name
        assert len(entries) == len(pins(name))


def names(requirements: Iterable[str]) -> set[str]:
    return {re.split(r"[\[><=]", line)[0] for line in requirements}


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert names(project["dependencies"]) <= run.keys()
    assert names(project["optional-dependencies"]["dev"]) <= dev.keys()
    assert run.items() <= dev.items()
