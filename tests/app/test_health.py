"""What probes and Prometheus see."""

from __future__ import annotations

from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from app.main import create_app
from tests.factories import Site, make_run, settings_for
from tests.serving import served


async def test_healthy_and_ready(live: Site) -> None:
    assert (await live.anonymous.get("/healthz")).json() == {"status": "ok"}
    ready = await live.anonymous.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ok", "database": "ok", "migrations": "ok", "engine": "running"}


async def test_without_an_engine_here_it_is_ready_all_the_same(site: Site) -> None:
    ready = await site.anonymous.get("/readyz")
    assert ready.status_code == 200 and ready.json()["engine"] == "elsewhere"


async def test_a_schema_that_is_behind_is_not_ready(site: Site) -> None:
    async with site.store.database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    ready = await site.anonymous.get("/readyz")
    assert ready.status_code == 503 and ready.json()["migrations"] == "pending"
    assert (await site.anonymous.get("/healthz")).status_code == 200


async def test_two_apps_in_one_process_count_apart(site: Site, database_url: str, tmp_path: Any) -> None:
    app = create_app(settings_for(database_url, tmp_path), engine=False)
    async with served(app) as url, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{url}/healthz")).status_code == 200


async def test_metrics_count_what_happened_and_what_is_stored(site: Site) -> None:
    await make_run(site.store)
    for _ in range(3):
        await site.anonymous.get("/healthz")
    await site.anonymous.post("/api/v1/orchestrator/callback/x", json={})
    await site.anonymous.get("/a-path-that-must-not-become-a-label")
    answer = await site.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "must-not-become" not in answer.text
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    counted = ("baton_http_requests_total", ("method", "GET"), ("route", "healthz"), ("status", "200"))
    assert samples[counted] == 3
    assert samples["baton_callbacks_total", ("verdict", "unknown")] == 1
    assert sum(v for k, v in samples.items() if k[0] == "baton_runs") == 1
    assert samples[("baton_queue_depth",)] == 1
    assert samples[("baton_queue_age_seconds",)] >= 0
