"""One task: its result is the run's conf, and the sum of conf["numbers"]."""

# pyright: basic, reportMissingImports=false
# Airflow is installed in an environment of its own, which no type checker of this project sees.
from airflow.sdk import dag, get_current_context, task


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=8,
    tags=["live", "quick"],
    description="Echoes conf, sums numbers",
)
def quick_conf():
    @task
    def process():
        conf = dict(get_current_context()["dag_run"].conf or {})
        print(f"quick_conf got {sorted(conf)}")
        return {"echo": conf, "sum": sum(conf.get("numbers") or [])}

    process()


quick_conf()
