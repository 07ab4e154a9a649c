"""One real n8n and one real Airflow per session; nothing here is skipped: what cannot be installed fails with the reason."""

import os
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from providers import EgressGuard, Http, JsonObject, Provider
from providers.airflow import Airflow
from providers.n8n import N8n
from tests.live.platforms import Client, PlatformUnavailable
from tests.live.platforms import airflow as airflow_platform
from tests.live.platforms import n8n as n8n_platform
from tests.live.platforms.airflow import AirflowPeer
from tests.live.platforms.n8n import N8nPeer

HERE = Path(__file__).parent
LOOPBACK = ("127.0.0.0/8",)
FIRST_INSTALL = 1800  # seconds: the test that comes first may have to wait for an installation

ProviderT = TypeVar("ProviderT", bound=Provider[Any])


@pytest.hookimpl(tryfirst=True)  # before the markers decide what is deselected
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder is live, and has time for an installation unless it names a time limit of its own."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(FIRST_INSTALL))


@pytest.fixture(scope="session")
def live_cache() -> Path:
    """Where the platforms are installed; safe to delete at any time but during a run."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "baton-live"


@pytest.fixture(scope="session")
def n8n(live_cache: Path) -> Generator[N8nPeer]:
    """A running n8n with the workflows of `n8n/workflows`, all active."""
    try:
        peer = n8n_platform.start(live_cache / "n8n")
    except PlatformUnavailable as error:
        pytest.fail(str(error), pytrace=False)
    yield peer
    peer.stop()


@pytest.fixture(scope="session")
def airflow(live_cache: Path) -> Generator[AirflowPeer]:
    """A running Airflow with the DAGs of `airflow/dags`, all parsed; only `paused_nightly` is paused."""
    try:
        peer = airflow_platform.start(live_cache / "airflow")
    except PlatformUnavailable as error:
        pytest.fail(str(error), pytrace=False)
    yield peer
    peer.stop()


@asynccontextmanager
async def opened(kind: type[ProviderT], credentials: JsonObject) -> AsyncGenerator[ProviderT]:
    """A provider on these credentials, as the runner makes it, allowed to call loopback."""
    connection = kind.connection_model.model_validate(credentials)
    http = Http(EgressGuard(LOOPBACK), in_flight=kind.in_flight, secrets=connection.secrets())
    try:
        yield kind(connection, http)
    finally:
        await http.aclose()


@pytest.fixture
def n8n_credentials(n8n: N8nPeer) -> JsonObject:
    """What a user would enter to connect it: the credential of the guarded webhook included."""
    name, value = n8n.header_auth
    auth: JsonObject = {"kind": "header", "name": name, "value": value}
    return {"baseUrl": n8n.base_url, "apiKey": n8n.api_key, "webhookAuth": [auth]}


@pytest.fixture
def airflow_credentials(airflow: AirflowPeer) -> JsonObject:
    return {"baseUrl": airflow.base_url, "username": airflow.username, "password": airflow.password}


@pytest.fixture
async def n8n_provider(n8n_credentials: JsonObject) -> AsyncGenerator[N8n]:
    async with opened(N8n, n8n_credentials) as provider:
        yield provider


@pytest.fixture
async def airflow_provider(airflow_credentials: JsonObject) -> AsyncGenerator[Airflow]:
    async with opened(Airflow, airflow_credentials) as provider:
        yield provider


@pytest.fixture
def airflow_client(airflow: AirflowPeer) -> Client:
    """Airflow's own API, logged in: to see what a provider did there."""
    login = {"username": airflow.username, "password": airflow.password}
    token = Client(airflow.base_url).need("POST", "/auth/token", login)["access_token"]
    return Client(f"{airflow.base_url}/api/v2", {"Authorization": f"Bearer {token}"})
