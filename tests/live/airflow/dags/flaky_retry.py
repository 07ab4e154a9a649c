"""Tries 1 and 2 fail, each with a line of its own in its log; try 3 succeeds."""

# pyright: basic, reportMissingImports=false
# Airflow is installed in an environment of its own, which no type checker of this project sees.
import logging
from datetime import timedelta

from airflow.sdk import dag, get_current_context, task

log = logging.getLogger("live.flaky")


@dag(
    schedule=None, catchup=False, max_active_runs=8, tags=["live"], description="Third time lucky, 1 s apart"
)
def flaky_retry():
    @task(retries=2, retry_delay=timedelta(seconds=1))
    def flaky():
        attempt = get_current_context()["ti"].try_number
        print(f"printed by try {attempt}")
        if attempt < 3:
            log.warning("try %s: upstream-%s does not answer", attempt, attempt)
            raise ConnectionError(f"try {attempt}: connection refused by upstream-{attempt}")
        log.info("try %s: recovered", attempt)
        return {"attempt": attempt}

    flaky()


flaky_retry()
