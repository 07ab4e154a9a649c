"""Two last tasks, one of them mapped over conf["items"]: the run's result has a part for each."""

# pyright: basic, reportMissingImports=false
# Airflow is installed in an environment of its own, which no type checker of this project sees.
from airflow.sdk import dag, get_current_context, task


@dag(schedule=None, catchup=False, max_active_runs=8, tags=["live"], description="items -> square × n, count")
def mapped_leaves():
    @task
    def items():
        return list((get_current_context()["dag_run"].conf or {}).get("items") or [])

    @task
    def square(number):
        print(f"squaring {number}")
        return number * number

    @task
    def count(found):
        return len(found)

    found = items()
    square.expand(number=found)
    count(found)


mapped_leaves()
