"""The first task fails on its only try; the second becomes upstream_failed and the run fails."""

# pyright: basic, reportMissingImports=false, reportUnusedExpression=false
# Airflow is installed in an environment of its own, which no type checker of this project sees.
from airflow.sdk import dag, task


@dag(schedule=None, catchup=False, max_active_runs=8, tags=["live"], description="broken -> never")
def always_fail():
    @task
    def broken():
        print("about to fail")
        raise ValueError("bad input: field 'amount' is missing")

    @task
    def never():
        return "unreachable"

    broken() >> never()


always_fail()
