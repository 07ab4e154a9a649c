"""What every test may ask for: a database of its own, made from a template that is migrated once per session."""

import contextlib
import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import URL, make_url

from app.migrate import upgrade
from app.postgres import EmbeddedPostgres, administer

TEMPLATE = "baton_template"
_numbers = itertools.count(1)


def _in_memory() -> str | None:
    """Where a flush to disk costs nothing, if there is room: a database per test is then 40 ms and not some hundred."""
    with contextlib.suppress(OSError):
        if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 2**30:
            return "/dev/shm"
    return None


ROOM = _in_memory()
"""For clusters of the tests: a folder with a short name, because socket paths are limited; None: the usual one."""


class _Whole(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{super().format(record)} {record.args!r}"


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Its text also has the fields of an event, as they were given: nothing is masked yet."""
    caplog.handler.setFormatter(_Whole())
    return caplog


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """No setting of the person who runs the tests reaches them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("BATON_", "PG")) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres() -> AsyncIterator[URL]:
    """The embedded Postgres of this session, empty."""
    with tempfile.TemporaryDirectory(prefix="baton-", dir=ROOM) as folder:
        async with EmbeddedPostgres(Path(folder)) as url:
            yield make_url(url)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(postgres: URL) -> URL:
    """The address of a migrated database that nothing is ever written to."""
    await _administer(postgres, f"CREATE DATABASE {TEMPLATE}")
    url = postgres.set(database=TEMPLATE)
    await upgrade(url.render_as_string(hide_password=False))
    return url


@pytest_asyncio.fixture
async def database_url(template: URL) -> AsyncIterator[str]:
    """A migrated database for this test alone; gone afterwards, with whoever is still connected."""
    name = f"test_{next(_numbers)}"
    await _administer(template, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    try:
        yield template.set(database=name).render_as_string(hide_password=False)
    finally:
        await _administer(template, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def empty_database_url(postgres: URL) -> AsyncIterator[str]:
    """A database without our schema, for tests of the migrations themselves."""
    name = f"test_{next(_numbers)}"
    await _administer(postgres, f"CREATE DATABASE {name}")
    try:
        yield postgres.set(database=name).render_as_string(hide_password=False)
    finally:
        await _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(url: URL, statement: str) -> None:
    await administer(str(url.query["host"]), statement)
