"""A real Airflow with our own DAGs: an environment of its own, a migrated database as a template, three processes.

Settings: https://airflow.apache.org/docs/apache-airflow/3.3.2/configurations-ref.html. Two of them are measured needs of
3.3.2: `sql_alchemy_pool_size` (with the default, some thirty requests at once freeze the API server) and a small
`scheduler_idle_sleep_time` (a run of one task then takes about two seconds).
"""

import base64
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.platforms._cache import PlatformUnavailable, installed, locked, run, stamp
from tests.live.platforms._postgres import Cluster, postgres_version
from tests.live.platforms._server import Client, Server, free_ports, wait_for

PINS = Path(__file__).resolve().parent.parent / "airflow"
DAGS = PINS / "dags"
LOCK = PINS / "requirements.lock"
USERNAME = "live"
PARTS: Mapping[str, Sequence[str]] = {
    "api-server": (),
    "dag-processor": (),
    "scheduler": ("--skip-serve-logs",),
}


@dataclass(frozen=True)
class AirflowPeer:
    """A running Airflow. `logs` holds one file for each of its processes."""

    base_url: str
    version: str
    username: str
    password: str = field(repr=False)
    dags: frozenset[str]
    logs: Path
    _held: ExitStack = field(repr=False)

    def stop(self) -> None:
        """Return when every process is gone, running tasks included, and the data with them."""
        self._held.close()


def start(cache: Path) -> AirflowPeer:
    """Install if needed, start on a free port of 127.0.0.1, wait for every DAG. Raises PlatformUnavailable."""
    with locked(cache):
        pins = stamp(
            LOCK, sys.version, sys.base_prefix
        )  # an environment lives on the interpreter it was made with
        venv = installed(cache / f"venv-{pins}", _fill_venv)
        database = cache / f"database-{stamp(pins, postgres_version())}"
        template = installed(database, lambda target: _fill_database(target, venv))
    with ExitStack() as held:
        home = _home(held)
        cluster = Cluster(home / "pg")
        cluster.restore(template / "data")
        held.enter_context(cluster.start(cache / "postgres.log"))
        (port,) = free_ports(1)
        base_url = f"http://127.0.0.1:{port}"
        password = secrets.token_urlsafe(16)
        passwords = home / "passwords.json"
        passwords.write_text(json.dumps({USERNAME: password}))
        env = (
            _environment(venv, home, cluster.url)
            | _secrets()
            | {
                "AIRFLOW__API__PORT": str(port),
                "AIRFLOW__API__BASE_URL": base_url,
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base_url}/execution/",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USERNAME}:admin",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            }
        )
        # Ended in reverse: the scheduler with its running tasks first, the database last.
        servers = [
            held.enter_context(
                Server(
                    part,
                    [venv / "bin" / "airflow", part, *options],
                    env=env,
                    log=cache / f"{part}.log",
                    grace=2,
                )
            )
            for part, options in PARTS.items()
        ]
        client = Client(base_url)
        wait_for("Airflow to be healthy", lambda: _healthy(client), servers=servers, timeout=120)
        login = {"username": USERNAME, "password": password}
        client.headers["Authorization"] = (
            f"Bearer {client.need('POST', '/auth/token', login)['access_token']}"
        )
        expected = frozenset(file.stem for file in DAGS.glob("*.py"))
        wait_for(
            f"the DAGs {sorted(expected)}", lambda: expected <= _dags(client), servers=servers, timeout=60
        )
        version = str(client.need("GET", "/api/v2/version")["version"])
        return AirflowPeer(base_url, version, USERNAME, password, expected, cache, held.pop_all())


def _fill_venv(venv: Path) -> None:
    """Bytecode is compiled here: without it every start of a process is seconds slower."""
    log = venv / "install.log"
    run([sys.executable, "-m", "venv", venv], log=log, what="Making an environment for Airflow")
    python = venv / "bin" / "python"
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is not None:
        command = [uv, "pip", "install", "--python", python, "--compile-bytecode"]
    else:
        command = [python, "-m", "pip", "install"]
    # The lock is complete; and pip, asked to resolve, does not see that a pin also answers a wish with an extra.
    command += ["--quiet", "--no-deps", "--require-hashes", "-r", LOCK]
    run(command, log=log, what="Installing Airflow")


def _fill_database(target: Path, venv: Path) -> None:
    """Leave in `target/data` a stopped cluster with Airflow's tables, to be copied at each start."""
    with ExitStack() as held:
        home = _home(held)
        cluster = Cluster(home / "pg")
        cluster.create()
        with cluster.start(target / "postgres.log"):
            env = _environment(venv, home, cluster.url) | _secrets()
            command = [venv / "bin" / "airflow", "db", "migrate"]
            run(command, log=target / "migrate.log", what="Making Airflow's tables", env=env)
        shutil.copytree(cluster.data, target / "data")


def _home(held: ExitStack) -> Path:
    """A folder for one start, gone with `held`; others may pass through it but not look, for Postgres' sake."""
    home = Path(
        held.enter_context(
            tempfile.TemporaryDirectory(prefix="baton-live-airflow-", ignore_cleanup_errors=True)
        )
    )
    home.chmod(0o711)
    (home / "pg").mkdir()
    return home


def _environment(venv: Path, home: Path, database: str) -> dict[str, str]:
    """Everything the processes see: nothing of ours but what is written here and in `start`."""
    return {
        "PATH": f"{venv / 'bin'}:{os.defpath}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",  # no __pycache__ beside the DAGs
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "64",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def _secrets() -> dict[str, str]:
    return {
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(48),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }


def _healthy(client: Client) -> bool:
    health = client.call("GET", "/api/v2/monitor/health")
    parts = ("metadatabase", "scheduler", "dag_processor")
    return health.status == 200 and all(health.body[part]["status"] == "healthy" for part in parts)


def _dags(client: Client) -> frozenset[str]:
    """The ids Airflow has parsed. Raises PlatformUnavailable if a DAG file cannot be imported."""
    errors = client.need("GET", "/api/v2/importErrors")["import_errors"]
    if errors:
        raise PlatformUnavailable(
            f"Airflow cannot import a DAG: {errors[0]['filename']}\n{errors[0]['stack_trace']}"
        )
    return frozenset(dag["dag_id"] for dag in client.need("GET", "/api/v2/dags?limit=100")["dags"])
