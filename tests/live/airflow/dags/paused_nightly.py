"""Stays paused: a run triggered from outside waits in state queued until somebody unpauses."""

# pyright: basic, reportMissingImports=false
# Airflow is installed in an environment of its own, which no type checker of this project sees.
from datetime import UTC, datetime

from airflow.sdk import dag, task


@dag(
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=True,
    tags=["live", "queue"],
    description="Paused nightly report",
)
def paused_nightly():
    @task
    def report():
        return "report"

    report()


paused_nightly()
