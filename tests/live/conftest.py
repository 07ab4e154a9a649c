"""One real n8n and one real Airflow per session; nothing here is skipped: what cannot be installed fails with the reason."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.live.platforms import PlatformUnavailable
from tests.live.platforms import airflow as airflow_platform
from tests.live.platforms import n8n as n8n_platform
from tests.live.platforms.airflow import AirflowPeer
from tests.live.platforms.n8n import N8nPeer

HERE = Path(__file__).parent
FIRST_INSTALL = 1800  # seconds: the test that comes first may have to wait for an installation


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
